"""What approvals can be about. Higher floors register their kinds, so that this one need not know them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from galaxy.core.models import User
from policies.models import Approval


@dataclass(frozen=True)
class FieldChange:
    """One field of one record as it is and as it would be; None where there is nothing."""

    field: str
    now: str | None
    after: str | None


@dataclass(frozen=True)
class Record:
    """One of the records that would change, by a name for people, with its fields, odd ones first."""

    name: str
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True)
class Panels:
    """What a request shows beyond its facts, computed by the floor that knows the subject; all of it redacted.

    ``effect`` are figures of the simulation ([("Would change", "38")]), ``tried_at`` when it ran and ``effect_note``
    how; where there is none, ``effect_note`` says why. ``has_failed``: the simulation itself did; None without one.
    ``records`` compare now and after; ``records_note`` says why there is nothing to compare. ``undo`` says how it is
    taken back, or that it is not. ``facts`` are terms with a sentence, or with several that stand one below the other;
    ``links`` are words with an address of ours, where to read on.
    """

    effect: tuple[tuple[str, str], ...] = ()
    tried_at: datetime | None = None
    effect_note: str = ""
    has_failed: bool | None = None
    records: tuple[Record, ...] = ()
    records_note: str = ""
    undo: str = ""
    payer: str = ""
    facts: tuple[tuple[str, str | tuple[str, ...]], ...] = field(default=())
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Narrowable:
    """One part of a request that a reviewer may make smaller, by its name. What it shows is redacted.

    A list has ``entries``, some of which may be taken out; a number has a ``value``, which may be lowered; what is
    ``optional`` may be left out. ``note`` says what else there is to know, such as the fewest entries.
    """

    name: str
    label: str
    entries: tuple[str, ...] = ()
    value: float | None = None
    optional: bool = False
    note: str = ""


@dataclass(frozen=True)
class Subject:
    """``label`` names the kind in a sentence ("run"); ``describe`` gives the page of what an approval is about.

    ``show`` gives its panels for a reader. ``narrowable(approval)`` says what of it may be made smaller, and
    ``narrow(approval, reviewer, values)`` replaces it by one that does less and returns that request, not yet decided;
    it raises Invalid for what is wider. ``values`` is {"without": {name: [positions of entries]}, "lower": {name:
    number}, "leave_out": [names]}. ``again(approval, actor)`` asks for the same once more and returns the new request.
    None where the kind has no such thing.
    """

    label: str
    describe: Callable[[Approval], str | None]
    show: Callable[[Approval, User], Panels] | None = None
    narrowable: Callable[[Approval], tuple[Narrowable, ...]] | None = None
    narrow: Callable[[Approval, User, dict[str, Any]], Approval] | None = None
    again: Callable[[Approval, User], Approval] | None = None


_subjects: dict[str, Subject] = {}


def register(kind: str, subject: Subject) -> None:
    """Called once per kind when an app starts; a second, different claim on a kind is a mistake in the code."""
    if _subjects.setdefault(kind, subject) != subject:
        raise ValueError(f"Approvals about {kind} are registered already.")


def subject_of(approval: Approval) -> Subject | None:
    return _subjects.get(approval.subject_kind)


def label_of(approval: Approval) -> str:
    subject = _subjects.get(approval.subject_kind)
    return subject.label if subject else approval.subject_kind


def url_of(approval: Approval) -> str | None:
    """The page of the subject, or None where it has none."""
    subject = _subjects.get(approval.subject_kind)
    return subject.describe(approval) if subject else None
