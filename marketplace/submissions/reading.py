"""What the pages about submissions show, read in a fixed number of queries."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from galaxy.core.models import User, Workspace
from marketplace.submissions.machine import SAYS
from marketplace.submissions.models import DECIDED, Submission, SubmissionStep
from marketplace.submissions.standing import places_of
from registry.manifests import Finding
from registry.signing.standing import Signed
from registry.signing.standing import standing_of as signatures_of

_HEAVY = ("text", "manifest", "findings", "reasons", "changes")


@dataclass(frozen=True)
class Row:
    """A line of a list; ``place`` is that in line, 0 for what is over."""

    submission: Submission
    place: int


@dataclass(frozen=True)
class Step:
    by: User
    at: datetime
    says: str
    note: str
    state: str
    label: str


def submissions_of(workspace: Workspace) -> QuerySet[Submission]:
    """What the workspace handed in, newest first."""
    return _light(Submission.objects.in_workspace(workspace)).order_by("-submitted_at", "-id")


def queue_of(desk: Workspace) -> QuerySet[Submission]:
    """What is decided at this desk."""
    return _light(Submission.objects.at_desk(desk))


def rows_of(submissions: list[Submission]) -> list[Row]:
    places = places_of(submissions)
    return [Row(one, places.get(one.pk, 0)) for one in submissions]


def steps_of(submission: Submission) -> list[Step]:
    """Every step it took, the newest first."""
    rows = SubmissionStep.objects.filter(workspace=submission.workspace_id, submission=submission).select_related("by")
    return [
        Step(row.by, row.at, SAYS.get(row.move, row.move), row.note, row.to_state, row.get_to_state_display())
        for row in rows.order_by("-at", "-id")
    ]


def findings_of(submission: Submission) -> list[Finding]:
    """The findings of the moment it was handed in: what its author saw is what its reviewer reads."""
    return [Finding(**one) for one in submission.findings]


def remarks_of(submission: Submission) -> list[Finding]:
    """Its findings beside those that are reasons of a no."""
    return [Finding(**one) for one in submission.findings if one not in submission.reasons]


def reasons_of(submission: Submission) -> list[Finding]:
    return [Finding(**one) for one in submission.reasons]


def refused_before(submission: Submission) -> Submission | None:
    """The last decision on the same, where that was a no: what its reviewer asked for, and what was handed in then."""
    rows = _before(submission).filter(state__in=DECIDED).order_by("-submitted_at", "-id")
    last = rows.select_related("decided_by").first()
    return last if last and last.is_refused else None


def earlier_of(submission: Submission) -> list[Submission]:
    """What the same workspace handed in of the same extension before, the newest first."""
    return list(_light(_before(submission)).order_by("-submitted_at", "-id")[:20])


def _before(submission: Submission) -> QuerySet[Submission]:
    return Submission.objects.filter(
        workspace=submission.workspace_id,
        desk=submission.desk_id,
        slug=submission.slug,
        submitted_at__lt=submission.submitted_at,
    )


def _light(rows: QuerySet[Submission]) -> QuerySet[Submission]:
    """Without what no list shows; the other workspace is not joined, since this one does not see its row."""
    return rows.select_related("reviewer", "submitted_by", "decided_by").defer(*_HEAVY)


def signed_of(row: Submission) -> Signed | None:
    """Who signed the version that came of it, and whose signature it waits for; None where none came of it."""
    return signatures_of([row.version])[row.version.pk] if row.version else None
