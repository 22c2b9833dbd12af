"""What approvals can be about. Higher floors register their kinds, so that this one need not know them."""

from collections.abc import Callable
from dataclasses import dataclass

from policies.models import Approval


@dataclass(frozen=True)
class Subject:
    """``label`` names the kind in a sentence ("run"); ``describe`` gives the page of what an approval is about."""

    label: str
    describe: Callable[[Approval], str | None]


_subjects: dict[str, Subject] = {}


def register(kind: str, subject: Subject) -> None:
    """Called once per kind when an app starts; a second, different claim on a kind is a mistake in the code."""
    if _subjects.setdefault(kind, subject) != subject:
        raise ValueError(f"Approvals about {kind} are registered already.")


def label_of(approval: Approval) -> str:
    subject = _subjects.get(approval.subject_kind)
    return subject.label if subject else approval.subject_kind


def url_of(approval: Approval) -> str | None:
    """The page of the subject, or None where it has none."""
    subject = _subjects.get(approval.subject_kind)
    return subject.describe(approval) if subject else None
