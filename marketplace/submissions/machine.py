"""From which state a submission comes into which: the one table, and the one way along it.

The database holds the same table by a trigger (migration), so that no other way leads past it; a test compares the two.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from galaxy.core import audit
from galaxy.core.models import User, Workspace
from galaxy.core.scope import scope_with
from marketplace.submissions.errors import NotNow
from marketplace.submissions.models import OPEN, State, Submission, SubmissionStep


@dataclass(frozen=True)
class Move:
    """``event`` is how the trail names it, after ``submission.``; ``says`` stands in the timeline after the name of
    who made it."""

    name: str
    sources: tuple[State, ...]
    target: State
    event: str
    says: str


MOVES = {
    move.name: move
    for move in (
        Move("take", (State.SUBMITTED,), State.IN_REVIEW, "taken", "took it for review"),
        Move("release", (State.IN_REVIEW,), State.SUBMITTED, "released", "gave it back to the line"),
        Move("request_changes", (State.IN_REVIEW,), State.CHANGES_REQUESTED, "changes_requested", "asked for changes"),
        Move("reject", (State.IN_REVIEW,), State.REJECTED, "rejected", "rejected it"),
        Move("approve", (State.IN_REVIEW,), State.APPROVED, "approved", "approved and published it"),
        Move("withdraw", OPEN, State.WITHDRAWN, "withdrawn", "withdrew it"),
    )
}
SUBMIT = Move("submit", (), State.SUBMITTED, "submitted", "submitted it")
SAYS = {move.name: move.says for move in (SUBMIT, *MOVES.values())}


@dataclass(frozen=True)
class Sides:
    """Both workspaces of a submission, one and the same for a private catalogue."""

    origin: Workspace
    desk: Workspace

    @property
    def both(self) -> tuple[Workspace, ...]:
        return (self.origin,) if self.origin == self.desk else (self.origin, self.desk)


@contextmanager
def both_sides(submission: Submission) -> Iterator[Sides]:
    """The block has the workspace that wrote it and the desk in scope, whichever of them is acting."""
    with scope_with(submission.workspace_id, submission.desk_id):
        rows = Workspace.objects.in_bulk([submission.workspace_id, submission.desk_id])
        yield Sides(rows[submission.workspace_id], rows[submission.desk_id])


def locked(submission: Submission, move: Move) -> Submission:
    """The row, held until the transaction ends, in a state that ``move`` leads out of. Raises NotNow."""
    row = Submission.objects.select_for_update(of=("self",)).select_related("reviewer", "submitted_by", "owner")
    found = row.get(pk=submission.pk)
    if found.state not in move.sources:
        raise NotNow(_why_not(found))
    return found


def make_move(
    row: Submission,
    move: Move,
    *,
    actor: User,
    sides: Sides,
    note: str = "",
    now: datetime | None = None,
    facts: dict[str, Any] | None = None,
    **changes: Any,
) -> Submission:
    """Store the new state of a ``locked`` row with ``changes``, its step, and an event in the trail of either side.

    Runs in the caller's transaction, within ``both_sides``. ``facts`` go into the events as they are.
    """
    now = now or timezone.now()
    before = row.state
    for name, value in (changes | {"state": move.target}).items():
        setattr(row, name, value)
    row.save(update_fields=[*changes, "state"])
    write_step(row, move, actor=actor, sides=sides, before=before, note=note, now=now, facts=facts)
    return row


def write_step(
    row: Submission,
    move: Move,
    *,
    actor: User,
    sides: Sides,
    before: str,
    note: str,
    now: datetime,
    facts: dict[str, Any] | None = None,
) -> None:
    SubmissionStep.objects.create(
        workspace=sides.origin,
        desk=sides.desk,
        submission=row,
        move=move.name,
        from_state=before,
        to_state=move.target,
        by=actor,
        at=now,
        note=note,
    )
    what = {"extension": row.slug, "version": row.number, "digest": row.digest}
    for workspace in sides.both:
        audit.record(
            f"submission.{move.event}",
            actor=actor,
            target=row,
            workspace=workspace,
            before={"state": before} if before else None,
            after={"state": str(move.target)},
            **(what | (facts or {})),
        )


def _why_not(row: Submission) -> str:
    match row.state:
        case State.SUBMITTED:
            return f"Nobody reviews {row} at the moment."
        case State.IN_REVIEW:
            return f"{row.reviewer} reviews {row} already."
        case State.WITHDRAWN:
            return f"{row} was withdrawn by its authors."
        case _:
            return f"{row} was decided already: {row.get_state_display().lower()}."
