"""Approvals: asked for, decided once by somebody else, used once, and over when their time is.

Every change of state is one guarded update: its WHERE clause names the state it starts from, so of two hurried people
exactly one wins, and the other is told what happened.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.notifications import notify, settle
from galaxy.core.permissions import require
from galaxy.core.scope import workspace_scope
from policies.models import Approval, Decision, Vote
from policies.notifications import reviewers_of
from policies.signals import approval_decided

Status = Approval.Status
SWEEP_AT_MOST = 500  # approvals closed per sweep; the next one, seconds later, takes the rest


class AlreadyDecided(Conflict):
    """Another reviewer was quicker, or whoever asked has withdrawn it."""

    code = "already_decided"


class Changed(Conflict):
    """What would be decided is not what the reviewer was shown."""

    code = "changed"


class ApprovalChanged(Changed):
    """What would run is not what was approved."""


class ApprovalExpired(Conflict):
    """Its time ran out, which always means no."""

    code = "approval_expired"
    next_step = "Whoever asked can ask again."


class ApprovalMissing(Conflict):
    """Nobody has said yes."""

    code = "approval_missing"


class ApprovalSpent(Conflict):
    """It was used before; a yes holds for one use."""

    code = "approval_spent"
    next_step = "Whoever asked can ask again."


class SelfApproval(DomainError):
    """Whoever asked, wrote the version or can act as the agent that asked cannot be the one who decides."""

    status = 403
    code = "self_approval"
    next_step = "It stays in the queue for the other reviewers."


class NotYours(DomainError):
    """Only whoever asked can withdraw a request."""

    status = 403
    code = "not_yours"


@transaction.atomic
def request_approval(
    workspace: Workspace,
    *,
    subject_kind: str,
    subject_id: UUID,
    digest: str,
    summary: str,
    facts: dict[str, Any],
    requested_by: User,
    version_author: User | None = None,
    decision: Decision | None = None,
    expires_in: timedelta = timedelta(hours=24),
    actor: Actor | None = None,
) -> Approval:
    """Ask for a person's yes or no. ``facts`` are computed and redacted (their names: policies.models.Approval).

    The same request, still waiting, is answered with the row there is. One for the same subject with another digest
    takes its place: the old one is withdrawn, so nobody can approve what is no longer meant. ``actor`` is the chain
    that acts where it is more than ``requested_by``.
    """
    chain = actor or Actor.of(requested_by)
    before = (
        Approval.objects.in_workspace(workspace)
        .select_for_update()
        .filter(subject_kind=subject_kind, subject_id=subject_id, status=Status.PENDING)
        .first()
    )
    if before and before.is_pending and before.digest == digest:
        return before
    if before:
        _close(before, Status.WITHDRAWN if before.is_pending else Status.EXPIRED, Actor.of(None), why="replaced")
    now = timezone.now()
    approval = Approval(
        workspace=workspace,
        subject_kind=subject_kind,
        subject_id=subject_id,
        digest=digest,
        summary=summary[:200],
        facts=facts,
        requested_by=requested_by,
        version_author=version_author,
        decision=decision,
        requested_at=now,
        expires_at=now + expires_in,
    )
    try:
        with transaction.atomic():
            approval.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("The same thing was asked for a moment ago.") from error
    audit.record(
        "approval.requested",
        actor=chain,
        target=approval,
        after={"status": Status.PENDING, "digest": digest, "expires_at": approval.expires_at},
        simulated=_is_simulated(approval),
        subject_kind=subject_kind,
        subject_id=subject_id,
    )
    notify(workspace, reviewers_of(approval), "approval_asked", approval, by=requested_by)
    return approval


@transaction.atomic
def decide_approval(approval: Approval, *, reviewer: User, decision: str, note: str = "", digest: str) -> Approval:
    """Approve or reject a waiting approval by one vote, and write it to the audit trail.

    ``decision`` is ``approved`` or ``rejected``; ``note`` is plain text the requester reads, needed to reject;
    ``digest`` is what the reviewer's form showed. Returns the approval as stored; ``approval_decided`` is sent once
    the transaction commits. Raises NotGranted, SelfApproval, Invalid, Changed, ApprovalExpired or AlreadyDecided.
    """
    require(reviewer, "core.decide_approval", approval.workspace)
    refusal = why_not_yours(approval, reviewer)
    if refusal:
        raise SelfApproval(refusal)
    note = note.strip()
    if decision not in Vote.Choice.values:
        raise Invalid("Choose to approve or to reject.", {"decision": "Choose to approve or to reject."})
    if decision == Vote.Choice.REJECT and not note:
        raise Invalid("A rejection needs a reason.", {"note": "Say why, so that whoever asked knows what to change."})
    now = timezone.now()
    won = (
        Approval.objects.in_workspace(approval.workspace)
        .waiting()
        .filter(pk=approval.pk, digest=digest)
        .update(status=decision, decided_at=now)
    )
    approval.refresh_from_db()
    if not won:
        raise _why_undecidable(approval, digest)
    Vote.objects.create(
        workspace=approval.workspace,
        approval=approval,
        reviewer=reviewer,
        requested_by_id=approval.requested_by_id,
        version_author_id=approval.version_author_id,
        choice=decision,
        reason=note,
        digest=digest,
        voted_at=now,
    )
    _tell(approval, f"approval.{decision}", Actor.of(reviewer), digest=digest, reason=note)
    said = f"{approval.get_status_display()}: {note}" if note else approval.get_status_display()
    notify(approval.workspace, [approval.requested_by], "approval_decided", approval, by=reviewer, note=said)
    return approval


@transaction.atomic
def withdraw_approval(approval: Approval, *, actor: User) -> Approval:
    """Take one's own request back while it waits. Raises NotYours, ApprovalExpired or AlreadyDecided."""
    if actor.pk != approval.requested_by_id:
        raise NotYours("Only the person who asked can take a request back.")
    won = (
        Approval.objects.in_workspace(approval.workspace)
        .waiting()
        .filter(pk=approval.pk)
        .update(status=Status.WITHDRAWN, decided_at=timezone.now())
    )
    approval.refresh_from_db()
    if not won:
        raise _why_undecidable(approval, approval.digest)
    _tell(approval, "approval.withdrawn", Actor.of(actor))
    return approval


def withdraw_requests(workspace: Workspace, *, subject_kind: str, subject_ids: list[UUID], actor: User) -> None:
    """Close what still waits about things that ``actor`` called off, whoever asked; the caller checked that they may.

    In the caller's transaction, so that nobody is left to decide about something that is no more.
    """
    asked = Approval.objects.in_workspace(workspace).select_for_update(of=("self",)).select_related("workspace")
    for approval in asked.filter(subject_kind=subject_kind, subject_id__in=subject_ids, status=Status.PENDING):
        status = Status.WITHDRAWN if approval.is_pending else Status.EXPIRED
        _close(approval, status, Actor.of(actor), why="called off")


@transaction.atomic
def withdraw_requests_of(user: User, workspace: Workspace, *, actor: User) -> int:
    """Take back whatever ``user`` asked for and waits for, since they are a member no more; returns how many."""
    waiting = (
        Approval.objects.in_workspace(workspace)
        .select_for_update(of=("self",))
        .select_related("workspace")
        .filter(requested_by=user, status=Status.PENDING)
    )
    closed = 0
    for approval in waiting:
        _close(approval, Status.WITHDRAWN, Actor.of(actor), why="no longer a member")
        closed += 1
    return closed


def expire_approvals() -> int:
    """Close every approval that nobody decided in time, in all workspaces; returns how many were closed.

    Only tidies up: an approval past its time cannot be decided or used whether this ran or not. Each is closed in a
    transaction and a row-level scope of its own, so that one that fails holds up no other.
    """
    closed = 0
    for workspace_id, approval_id in _due(timezone.now()):
        with workspace_scope([workspace_id]), transaction.atomic():
            approval = (
                Approval.objects.select_for_update(skip_locked=True)
                .select_related("workspace")
                .filter(pk=approval_id, workspace_id=workspace_id, status=Status.PENDING)
                .first()
            )
            if approval and not approval.is_pending:
                _close(approval, Status.EXPIRED, Actor.of(None))
                said = "Nobody decided it in time, and that means no."
                notify(approval.workspace, [approval.requested_by], "approval_decided", approval, note=said)
                closed += 1
    return closed


def consume(approval: Approval, *, digest: str, actor: Actor | None = None) -> None:
    """Use an approval up, once, for exactly the thing it was given for; in the caller's transaction.

    ``digest`` is recomputed by the caller from what is about to happen. Raises ApprovalChanged, ApprovalMissing,
    ApprovalExpired or ApprovalSpent; then nothing was used.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("An approval is consumed in the transaction that it permits.")
    won = (
        Approval.objects.in_workspace(approval.workspace)
        .filter(
            pk=approval.pk,
            status=Status.APPROVED,
            consumed_at=None,
            digest=digest,
            expires_at__gt=(now := timezone.now()),
        )
        .update(consumed_at=now)
    )
    approval.refresh_from_db()
    if not won:
        raise _why_unusable(approval, digest)
    audit.record("approval.consumed", actor=actor, target=approval, simulated=_is_simulated(approval), digest=digest)


def why_not_yours(approval: Approval, reviewer: User) -> str:
    """The sentence that says why this reviewer is too close to the matter; empty where they are not."""
    if reviewer.pk == approval.requested_by_id:
        return "You asked for this, so someone else decides it."
    if reviewer.pk == approval.version_author_id:
        return "You published this version, so someone else decides it."
    if approval.agent_tokens.filter(created_by=reviewer).exists():
        return "You made a token of this agent, so the call could be yours, and someone else decides it."
    return ""


def _close(approval: Approval, status: str, chain: Actor, **data: Any) -> None:
    """End a locked, pending approval without a vote."""
    approval.status = status
    approval.decided_at = timezone.now()
    approval.save(update_fields=["status", "decided_at"])
    _tell(approval, f"approval.{status}", chain, **data)


def _tell(approval: Approval, action: str, chain: Actor, **data: Any) -> None:
    """The trail now, the higher floors after the commit. Nobody is asked for a decision any more."""
    audit.record(
        action,
        actor=chain,
        target=approval,
        before={"status": Status.PENDING},
        after={"status": approval.status},
        simulated=_is_simulated(approval),
        **data,
    )
    settle(approval.workspace, approval, "approval_asked", "approval_expiring")
    transaction.on_commit(partial(approval_decided.send_robust, sender=Approval, approval=approval))


def _is_simulated(approval: Approval) -> bool:
    return bool(approval.facts.get("simulated"))


def _due(now: datetime) -> Iterator[tuple[UUID, UUID]]:
    """(workspace id, approval id) of what is due, across the walls: ids alone (see migration 0003)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, approval_id FROM policies_due_approvals(%s, %s)", [now, SWEEP_AT_MOST])
        yield from cursor.fetchall()


def _why_undecidable(approval: Approval, digest: str) -> DomainError:
    if approval.status == Status.WITHDRAWN:
        return AlreadyDecided("Whoever asked took this back a moment ago.")
    if approval.status == Status.EXPIRED or (approval.status == Status.PENDING and not approval.is_pending):
        return ApprovalExpired("The time to decide this is over, and that means no.")
    if approval.status != Status.PENDING:
        return AlreadyDecided("Someone else decided this a moment ago.", "Reload to see their choice.")
    return Changed("This is not what the form showed, so nothing was decided.", "Reload and look at it again.")


def _why_unusable(approval: Approval, digest: str) -> DomainError:
    if approval.digest != digest:
        return ApprovalChanged("Something changed after this was approved.", "Ask again: it needs a new decision.")
    if approval.status != Status.APPROVED:
        return ApprovalMissing("Nobody has approved this.", "It can run once somebody did.")
    if approval.consumed_at:
        return ApprovalSpent("This approval has been used, and each is good for one run.")
    return ApprovalExpired("This approval ran out before it was used, and that means no.")
