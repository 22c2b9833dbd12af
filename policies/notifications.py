"""What people are told of approvals, and which of them a reader may see."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from galaxy.core.models import User, Workspace
from galaxy.core.notifications import Kind, Place, add_kind, add_target, notify
from galaxy.core.permissions import holders_of
from galaxy.core.scope import workspace_scope
from policies.models import Approval

SOON = timedelta(hours=1)
TOLD_AT_MOST = 500  # approvals per sweep, those that end first; the others follow as they come nearer

KINDS = (
    Kind("approval_asked", "An approval is asked of you", "Approvals asked of me", "inbox", "warn", by_mail=True),
    Kind("approval_expiring", "A request ends undecided within the hour", "Approvals about to end", "timer", "warn"),
    Kind("approval_decided", "Your request was decided", "Decisions on what I asked", "gavel", "info"),
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
    add_target("policies.approval", _approvals)


def reviewers_of(approval: Approval):
    """Who may decide it: they hold the permission, and are not too close to it (approvals.why_not_yours)."""
    people = holders_of(approval.workspace, "decide_approval").exclude(pk=approval.requested_by_id)
    people = people.exclude(pk__in=approval.agent_tokens.values("created_by"))
    return people.exclude(pk=approval.version_author_id) if approval.version_author_id else people


def tell_of_expiring_approvals(now: datetime | None = None) -> int:
    """Tell reviewers, once each, of what nobody decided and what ends within the hour; returns how many approvals.

    Across the walls it reads ids alone (see migration 0004); each is told within its own scope.
    """
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, approval_id FROM policies_expiring_approvals(%s, %s, %s)",
            [now, now + SOON, TOLD_AT_MOST],
        )
        due = cursor.fetchall()
    for workspace_id, approval_id in due:
        with workspace_scope([workspace_id]):
            approval = Approval.objects.select_related("workspace").waiting().filter(pk=approval_id).first()
            if approval:
                notify(approval.workspace, reviewers_of(approval), "approval_expiring", approval, again=False)
    return len(due)


def _approvals(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    rows = Approval.objects.in_workspace(workspace).visible_to(user).filter(pk__in=ids).select_related("workspace")
    return {row.pk: Place(row.summary, row.get_absolute_url()) for row in rows}
