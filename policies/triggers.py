"""The triggers that rules can name: rows of a higher floor, which says here what there is."""

from collections.abc import Callable

from galaxy.core.models import Workspace

Reader = Callable[[Workspace], dict[str, str]]
_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """``reader`` answers {slug: name} of a workspace's triggers; called at start-up by the floor that has them."""
    _readers[:] = [reader]


def triggers_of(workspace: Workspace) -> dict[str, str]:
    """{slug: name} of the triggers that a workspace has."""
    return _readers[0](workspace) if _readers else {}
