"""Where those who wait stand: their place in line, how long it usually takes, and what is waited for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection

from galaxy.core.models import Workspace
from galaxy.core.permissions import holders_of
from galaxy.core.scope import scope_with
from marketplace.submissions.models import State, Submission
from policies.waiting import words_of

LAST = 20  # decisions that the usual wait is the median of (see migration 0011)


@dataclass(frozen=True)
class DeskFigures:
    """``waiting`` are open now; ``median_s`` is of the last ``decided`` decisions, LAST at most, None of none."""

    waiting: int
    decided: int
    median_s: float | None

    @property
    def usual(self) -> str:
        """How long a decision usually takes, in a sentence."""
        if self.median_s is None:
            return "Nothing was decided there yet, so nobody can say how long it takes."
        of = "the last one took that" if self.decided == 1 else f"the median of the last {self.decided}"
        return f"A decision usually takes {words_of(timedelta(seconds=self.median_s))} ({of})."


@dataclass(frozen=True)
class Standing:
    """``place`` counts from 1 among those open at the desk and is 0 for what is over; ``waits_for`` is a sentence."""

    place: int
    figures: DeskFigures
    waits_for: str


def places_of(submissions: Iterable[Submission]) -> dict[UUID, int]:
    """The place in line of each that is open, in one query."""
    ids = [one.pk for one in submissions if one.is_open]
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT submission_id, place FROM marketplace_places(%s::uuid[])", [ids])
        return dict(cursor.fetchall())


def figures_of(desk_id: UUID) -> DeskFigures:
    with connection.cursor() as cursor:
        cursor.execute("SELECT waiting, decided, median_s FROM marketplace_desk_figures(%s)", [desk_id])
        row = cursor.fetchone()
    return DeskFigures(*row) if row else DeskFigures(0, 0, None)


def standing_of(submission: Submission) -> Standing:
    place = places_of([submission]).get(submission.pk, 0)
    return Standing(place, figures_of(submission.desk_id), _waits_for(submission))


def _waits_for(row: Submission) -> str:
    match row.state:
        case State.SUBMITTED:
            return _for_a_reviewer(row)
        case State.IN_REVIEW:
            return f"{row.reviewer} reviews it."
        case State.CHANGES_REQUESTED:
            return "It waits for its authors: correct the draft, and submit it again."
        case State.APPROVED:
            return "Nothing. It is published."
        case State.REJECTED:
            return "Nothing. It was rejected, and can be submitted anew once the reasons are answered."
    return "Nothing. It was withdrawn."


def _for_a_reviewer(row: Submission) -> str:
    """How many could take it, counted at the desk; never who they are."""
    with scope_with(row.desk_id):
        desk = Workspace.objects.filter(pk=row.desk_id).first()
        able = holders_of(desk, "review_submission").exclude(pk__in=row.author_ids).count() if desk else 0
    if not able:
        return "Nobody may review it: whoever may review at this desk is among its authors."
    who = "the one reviewer who may" if able == 1 else f"one of {able} reviewers"
    return f"It waits for {who} to take it."
