"""What people are told of approvals, and which of them a reader may see."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from galaxy.core.models import User, Workspace
from galaxy.core.notifications import Kind, Place, add_kind, add_target, notify
from galaxy.core.sweeps import apart
from policies.clock import database_now
from policies.models import Approval, ApprovalStage, Vote
from policies.risk import Risk, risk_of
from policies.services.reviewers import reviewers_at, reviewers_of

SOON = timedelta(hours=1)
TOLD_AT_MOST = 500  # approvals per sweep, those that end first; the others follow as they come nearer

KINDS = (
    Kind("approval_asked", "An approval is asked of you", "Approvals asked of me", "inbox", "warn", by_mail=True),
    # Told in the console at once; by mail together with its like, so that what matters stands out.
    Kind(
        "approval_asked_low",
        "A low-risk approval is asked of you",
        "Low-risk approvals asked of me, once an hour",
        "inbox",
        by_mail=True,
    ),
    Kind(
        "approval_reminder", "An approval still waits for you", "Reminders of approvals", "bell", "warn", by_mail=True
    ),
    Kind(
        "approval_escalated",
        "An approval that others left unanswered is asked of you",
        "Approvals that were escalated",
        "inbox",
        "warn",
        by_mail=True,
    ),
    Kind("approval_handed", "An approval was handed to you", "Approvals handed to me", "inbox", "warn", by_mail=True),
    Kind("approval_expiring", "A request ends undecided within the hour", "Approvals about to end", "timer", "warn"),
    Kind("approval_changed", "What you approved has changed", "Changes to what I approved", "refresh-cw", "warn"),
    Kind("approval_voted", "One of several said yes to your request", "First answers to what I asked", "gavel", "info"),
    Kind("approval_narrowed", "A reviewer narrowed your request", "Narrower versions of what I asked", "gavel", "info"),
    Kind("approval_decided", "Your request was decided", "Decisions on what I asked", "gavel", "info"),
)
# What asks something of reviewers, and no more once the request is over.
ASKING = (
    "approval_asked",
    "approval_asked_low",
    "approval_reminder",
    "approval_escalated",
    "approval_handed",
    "approval_expiring",
    "approval_changed",
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
    add_target("policies.approval", _approvals)


def ask(approval: Approval, stage: ApprovalStage) -> None:
    """Tell those whom a stage asks that it is open, and nobody else; at low risk many of these are one mail an hour."""
    can_wait = risk_of(approval) == Risk.LOW
    kind = "approval_asked_low" if can_wait else "approval_asked"
    people = reviewers_at(approval, stage)
    notify(approval.workspace, people, kind, approval, by=approval.requested_by, later=can_wait)


def tell_of_change(approval: Approval, before: Approval, changed: list[str]) -> None:
    """Tell whoever had said yes to ``before`` that ``approval`` took its place, and what is different."""
    said_yes = before.votes.filter(choice=Vote.Choice.APPROVE).values("reviewer")
    people = User.objects.filter(pk__in=said_yes)
    note = f"Changed: {', '.join(changed)}." if changed else ""
    notify(approval.workspace, people, "approval_changed", approval, note=note)


def tell_of_vote(approval: Approval, reviewer: User, missing: int, of: str) -> None:
    """Tell whoever asked that somebody said yes, and whose yes is still needed."""
    note = f"{missing} more needed, by {of}."
    notify(approval.workspace, [approval.requested_by], "approval_voted", approval, by=reviewer, note=note)


def tell_outcome(approval: Approval, *, by: User, note: str) -> None:
    """Tell whoever asked how it was decided."""
    said = f"{approval.get_status_display()}: {note}" if note else approval.get_status_display()
    notify(approval.workspace, [approval.requested_by], "approval_decided", approval, by=by, note=said)


def tell_of_expiring_approvals(now: datetime | None = None) -> int:
    """Tell reviewers, once each, of what nobody decided and what ends within the hour; returns how many approvals.

    Across the walls it reads ids alone (see migration 0004); each is told within its own scope.
    """
    now = now or database_now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, approval_id FROM policies_expiring_approvals(%s, %s, %s)",
            [now, now + SOON, TOLD_AT_MOST],
        )
        due = cursor.fetchall()
    told = 0
    for workspace_id, approval_id in due:
        with apart("tell_of_expiring", workspace_id, approval=approval_id):
            approval = Approval.objects.select_related("workspace").waiting().filter(pk=approval_id).first()
            if approval:
                notify(approval.workspace, reviewers_of(approval), "approval_expiring", approval, again=False)
                told += 1
    return told


def _approvals(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    rows = (
        Approval.objects.in_workspace(workspace)
        .visible_to(user, within=workspace)
        .filter(pk__in=ids)
        .select_related("workspace")
    )
    return {row.pk: Place(row.summary, row.get_absolute_url(), _is_simulated(row)) for row in rows}


def _is_simulated(approval: Approval) -> bool:
    return approval.simulated or bool(approval.facts.get("simulated"))
