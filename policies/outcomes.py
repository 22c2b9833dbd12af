"""How what was approved went. The floor that did it says so, so that this one need not know what a run is."""

from collections.abc import Callable, Iterable
from uuid import UUID

from galaxy.core.models import Workspace

# For a workspace and ids of subjects: {id: whether it failed} for those that are over; a refusal by policy is no use.
Reader = Callable[[Workspace, Iterable[UUID]], dict[UUID, bool]]

_readers: dict[str, Reader] = {}


def register(kind: str, reader: Reader) -> None:
    """Called once per kind of subject when an app starts; a second, different claim is a mistake in the code."""
    if _readers.setdefault(kind, reader) != reader:
        raise ValueError(f"How {kind} went is told already.")


def outcomes_of(kind: str, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, bool]:
    """By id, whether each of the subjects that are over failed; {} for a kind of which nobody tells."""
    return _readers[kind](workspace, ids) if kind in _readers else {}
