"""What people are told of submissions: authors of each step, reviewers of what waits for them."""

from collections.abc import Iterable
from uuid import UUID

from galaxy.core import notifications
from galaxy.core.models import User, Workspace
from galaxy.core.notifications import Kind, Place, add_kind, add_target, notify
from galaxy.core.permissions import can, holders_of
from marketplace.desk import MAY_REVIEW
from marketplace.submissions.models import Submission
from marketplace.workshop.drafts import MAY_WRITE

KINDS = (
    Kind("submission_waiting", "A submission waits for a reviewer", "Submissions to review", "inbox", "warn", True),
    Kind("submission_taken", "Your submission is being reviewed", "Reviews of mine that begin", "eye", "info"),
    Kind(
        "submission_changes_requested",
        "A reviewer asked for changes",
        "Changes asked for in what I submitted",
        "pencil",
        "warn",
        by_mail=True,
    ),
    Kind("submission_rejected", "Your submission was rejected", "Submissions rejected", "x", "bad", by_mail=True),
    Kind("submission_approved", "Your submission is published", "Submissions published", "check", "ok", by_mail=True),
    Kind("submission_withdrawn", "What you review was withdrawn", "Reviews of mine withdrawn", "ban", "line"),
    Kind("submission_released", "Your review was given back to the line", "Reviews taken from me", "hand", "line"),
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
    add_target("marketplace.submission", _submissions)


def tell_reviewers(row: Submission, desk: Workspace, *, by: User) -> None:
    """Whoever may take it hears that it waits; no author of it does."""
    people = holders_of(desk, "review_submission").exclude(pk__in=row.author_ids)
    notify(desk, people, "submission_waiting", row, by=by, note=f"From {row.workspace_name}.")


def tell_reviewer(row: Submission, desk: Workspace, reviewer: User, kind: str, *, by: User) -> None:
    notify(desk, [reviewer], kind, row, by=by)


def tell_authors(row: Submission, origin: Workspace, kind: str, *, by: User, note: str = "") -> None:
    notify(origin, User.objects.filter(pk__in=row.author_ids), kind, row, by=by, note=note)


def settle(row: Submission, desk: Workspace) -> None:
    """It asks nothing of those who were told that it waits."""
    notifications.settle(desk, row, "submission_waiting")


def _submissions(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    """As an author finds it, or as a reviewer does, by what each may see here."""
    rows = Submission.objects.filter(pk__in=ids)
    places: dict[UUID, Place] = {}
    if can(user, MAY_WRITE, workspace):
        places |= {row.pk: Place(str(row), row.url_in(workspace)) for row in rows.in_workspace(workspace)}
    if can(user, MAY_REVIEW, workspace):
        places |= {
            row.pk: Place(str(row), row.review_url_in(workspace)) for row in rows.at_desk(workspace).not_by(user)
        }
    return places
