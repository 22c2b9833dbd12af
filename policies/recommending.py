"""What the Assistant recommends about one request, and why. It never decides.

Pure, and from structured facts alone: what was decided about the like, how large it is, who asks, whether it can be
undone. Nothing that an extension or a requester wrote is read, so that nobody can talk it into a yes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

ENOUGH = 3  # decisions of one kind about the like before they speak for the next
LATEST = 5  # of which none may be a no


class Verdict(StrEnum):
    APPROVE = "approve"
    LOOK = "look closer"
    REJECT = "reject"


@dataclass(frozen=True)
class Past:
    """One decision about a request of the same shape."""

    is_approved: bool
    records: int | None = None
    data_classes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """What is known of a request. ``past`` is newest first; None means not known.

    ``changes`` is False for what only reads; ``has_undo`` says whether a way back is declared; ``trial_failed`` whether
    its simulation failed; ``asked_before`` how many requests its asker made here earlier; ``odd`` what stands out among
    its like (policies.stacking); ``is_changed`` whether it came back since something changed.
    """

    past: Sequence[Past] = ()
    records: int | None = None
    data_classes: frozenset[str] = frozenset()
    changes: bool = True
    is_simulated: bool = False
    has_undo: bool | None = None
    trial_failed: bool | None = None
    asked_before: int | None = None
    odd: tuple[str, ...] = ()
    is_changed: bool = False


@dataclass(frozen=True)
class Recommendation:
    """``reasons`` are sentences, those against it first."""

    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"Recommends: {self.verdict}."


@dataclass(frozen=True)
class Advised:
    """What the Assistant advised, where it prepared the request: the advice, why, and the page of it."""

    sentence: str
    reasons: tuple[str, ...]
    url: str


# For a workspace and what a request is about: the advice that it was prepared by, if it was.
Adviser = Callable[[UUID, UUID], Advised | None]
_advisers: list[Adviser] = []


def register_adviser(adviser: Adviser) -> None:
    """Say who knows what the Assistant prepared; once, when the app is ready."""
    _advisers[:] = [adviser]


def advised_for(workspace: UUID, subject: UUID) -> Advised | None:
    """None where the Assistant did not prepare it."""
    return _advisers[0](workspace, subject) if _advisers else None


def recommend(case: Case) -> Recommendation:
    """Approve what is like what was approved and no larger; reject what failed or was refused; else look closer."""
    approved = [one for one in case.past if one.is_approved]
    latest = case.past[:LATEST]
    if case.trial_failed:
        return Recommendation(Verdict.REJECT, ("Its simulation failed, so it would most likely fail for real.",))
    if len(latest) >= ENOUGH and not any(one.is_approved for one in latest):
        return Recommendation(Verdict.REJECT, (f"The last {len(latest)} of this shape were all rejected.",))
    doubts, support, undo = _doubts(case, approved), _support(case, approved), _undo(case)
    if len(approved) >= ENOUGH and all(one.is_approved for one in latest) and not doubts:
        return Recommendation(Verdict.APPROVE, (*support, *undo))  # those before it could not be undone either
    if case.is_simulated and not case.odd and all(one.is_approved for one in latest):
        return Recommendation(Verdict.APPROVE, ("It is simulated and reaches no live system.", *support))
    return Recommendation(Verdict.LOOK, (*doubts, *undo, *support))


def _doubts(case: Case, approved: Sequence[Past]) -> tuple[str, ...]:
    found = []
    if case.is_changed:
        found.append("It came back because something changed since it was first asked.")
    largest = max((one.records for one in approved if one.records is not None), default=None)
    if case.records is not None and largest is not None and case.records > largest:
        found.append(f"It touches {case.records:,} records; the largest approved so far touched {largest:,}.")
    known = frozenset().union(*(one.data_classes for one in approved))
    if approved and (new := sorted(case.data_classes - known)):
        found.append(f"It carries {', '.join(new)}, which none that was approved did.")
    if len(approved) < ENOUGH:
        found.append(f"{_count(approved)} of this shape {_were(len(approved))} approved before.")
    rejected = sum(not one.is_approved for one in case.past[:LATEST])
    if rejected:
        found.append(f"{rejected} of the last {len(case.past[:LATEST])} of this shape {_were(rejected)} rejected.")
    if case.asked_before == 0:
        found.append("Whoever asks never asked for anything here before.")
    found += [f"It stands out among its like: {words}." for words in case.odd]
    return tuple(found)


def _undo(case: Case) -> tuple[str, ...]:
    """What to know of the way back, where something real would change and there is none."""
    if not case.changes or case.is_simulated or case.has_undo:
        return ()
    return ("Whether it can be undone is not known." if case.has_undo is None else "There is no way to undo it.",)


def _support(case: Case, approved: Sequence[Past]) -> tuple[str, ...]:
    if len(approved) < ENOUGH:
        return ()
    sized = [one.records for one in approved if one.records is not None]
    size = ""
    if case.records is not None and sized and case.records <= max(sized):
        size = ", and smaller than each" if case.records < min(sized) else ", and no larger than those"
    return (f"Same shape as {len(approved)} earlier requests that were approved{size}.",)


def _count(approved: Sequence[Past]) -> str:
    return f"Only {len(approved)}" if approved else "None"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
