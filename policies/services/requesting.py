"""A request from its beginning to its end: asked for, closed without a vote, used up once.

Every change of state starts from a locked row or is one guarded update, so of two hurried people exactly one wins and
the other is told what happened. Time is the database's: see policies.clock.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, DomainError
from galaxy.core.models import Agent, User, Workspace
from galaxy.core.notifications import settle
from policies import notifications, working_time
from policies.bound import changes, digest_of
from policies.clock import database_now
from policies.errors import (
    AlreadyDecided,
    ApprovalChanged,
    ApprovalExpired,
    ApprovalMissing,
    ApprovalSpent,
    Changed,
)
from policies.models import Approval, ApprovalStage, Decision
from policies.rules.asks import Ask
from policies.services.auto_approve import cover
from policies.signals import approval_decided
from registry.models import Installation

Status = Approval.Status


@transaction.atomic
def request_approval(
    workspace: Workspace,
    *,
    subject_kind: str,
    subject_id: UUID,
    bound: dict[str, Any],
    summary: str,
    facts: dict[str, Any],
    requested_by: User,
    version_author: User | None = None,
    decision: Decision | None = None,
    ask: Ask | None = None,
    installation: Installation | None = None,
    target: str = "",
    effect: str = "",
    agent: Agent | None = None,
    records: int | None = None,
    is_bulk: bool = False,
    data_classes: Sequence[str] = (),
    simulated: bool = False,
    shape: str = "",
    actor: Actor | None = None,
    again: Approval | None = None,
    narrowed_from: Approval | None = None,
) -> Approval:
    """Ask for a person's yes or no. ``facts`` are computed and redacted (their names: policies.models.Approval).

    ``ask`` says whom, until when and what then; without one, an approver within a day, by second factor for a delete
    and for many records. A yes holds for ``bound`` alone: ids, hashes and numbers by name, whose digest names the
    request (policies.bound). The same request, still waiting, is answered with the row there is; one for the same
    subject with another digest takes its place, so that nobody can approve what is no longer meant, and whoever had
    said yes is told what changed. ``again`` is the request that this one repeats, ``narrowed_from`` the wider one,
    still waiting, that it replaces. ``actor`` is the chain that acts where it is more than ``requested_by``. Raises
    AlreadyDecided or ApprovalExpired where the wider one is over.
    """
    digest = digest_of(bound)
    chain = actor or Actor.of(requested_by)
    before = _locked(workspace).filter(subject_kind=subject_kind, subject_id=subject_id).first()
    now = database_now()  # after the lock, which may have been waited for
    is_over = before is not None and before.expires_at <= now
    if narrowed_from and (before is None or before.pk != narrowed_from.pk or is_over):
        narrowed_from.refresh_from_db()
        raise why_undecidable(narrowed_from, narrowed_from.digest)
    if before and not is_over and before.digest == digest:
        return before
    if before:
        why = "narrowed" if narrowed_from else "replaced"
        close(before, Status.EXPIRED if is_over else Status.WITHDRAWN, Actor.of(None), why=why)
        again = again or (None if narrowed_from else before)
    changed = changes(again.bound, bound) if again and again.digest != digest else []
    ask = ask or Ask(second_factor=effect == "delete" or is_bulk)
    expires_at = working_time.after(now, ask.expires_s, ask.business_hours)
    approval = Approval(
        workspace=workspace,
        subject_kind=subject_kind,
        subject_id=subject_id,
        digest=digest,
        bound=bound,
        shape=shape,
        installation=installation,
        agent=agent,
        target=target,
        effect=effect,
        records=records,
        is_bulk=is_bulk,
        data_classes=list(data_classes),
        simulated=simulated,
        needs_second_factor=ask.second_factor,
        ladder=_ladder(ask, now, expires_at),
        again=again,
        narrowed_from=narrowed_from,
        summary=summary[:200],
        facts=facts | ({"changed": changed} if changed else {}),
        requested_by=requested_by,
        version_author=version_author,
        decision=decision,
        requested_at=now,
        expires_at=expires_at,
    )
    stages = _write(approval, ask)
    data: dict[str, Any] = {"again": again, "narrowed_from": narrowed_from, "changed": changed}
    audit.record(
        "approval.requested",
        actor=chain,
        target=approval,
        after={"status": Status.PENDING, "digest": digest, "expires_at": expires_at},
        simulated=is_simulated(approval),
        subject_kind=subject_kind,
        subject_id=subject_id,
        stages=[str(stage) for stage in stages],
        **{name: value for name, value in data.items() if value},
    )
    if again and changed:
        notifications.tell_of_change(approval, again, changed)
    if cover(approval) is None:
        notifications.ask(approval, stages[0])
    return approval


def consume(
    approval: Approval, *, digest: str, bound: dict[str, Any] | None = None, actor: Actor | None = None
) -> None:
    """Use an approval up, once, for exactly the thing it was given for; in the caller's transaction.

    ``digest``, and ``bound`` whose digest it is, are worked out by the caller from what is about to happen. The row is
    locked by the update itself, which finds it only as it has to be. Raises ApprovalChanged (with what changed),
    ApprovalMissing, ApprovalExpired or ApprovalSpent; then nothing was used.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("An approval is consumed in the transaction that it permits.")
    good = Approval.objects.in_workspace(approval.workspace).filter(
        pk=approval.pk, status=Status.APPROVED, consumed_at=None, digest=digest, expires_at__gt=Now()
    )
    won = good.update(consumed_at=Now())
    approval.refresh_from_db()
    if not won:
        raise _why_unusable(approval, digest, bound or {})
    audit.record("approval.consumed", actor=actor, target=approval, simulated=is_simulated(approval), digest=digest)


def withdraw_requests(workspace: Workspace, *, subject_kind: str, subject_ids: list[UUID], actor: User | None) -> None:
    """Close what still waits about things that ``actor`` called off, whoever asked; the caller checked that they may.

    In the caller's transaction, so that nobody is left to decide about something that is no more.
    """
    now = database_now()
    for approval in _locked(workspace).filter(subject_kind=subject_kind, subject_id__in=subject_ids):
        status = Status.WITHDRAWN if approval.expires_at > now else Status.EXPIRED
        close(approval, status, Actor.of(actor), why="called off")


@transaction.atomic
def withdraw_requests_of(user: User, workspace: Workspace, *, actor: User) -> int:
    """Take back whatever ``user`` asked for and waits for, since they are a member no more; returns how many."""
    closed = 0
    for approval in _locked(workspace).filter(requested_by=user):
        close(approval, Status.WITHDRAWN, Actor.of(actor), why="no longer a member")
        closed += 1
    return closed


def close(approval: Approval, status: str, chain: Actor, **data: Any) -> None:
    """End a locked, pending approval without a vote."""
    approval.status = status
    approval.decided_at = database_now()
    approval.save(update_fields=["status", "decided_at"])
    announce(approval, f"approval.{status}", chain, **data)


def announce(approval: Approval, action: str, chain: Actor, **data: Any) -> None:
    """A decided one: the trail now, the higher floors after the commit. Nobody is asked for a decision any more."""
    audit.record(
        action,
        actor=chain,
        target=approval,
        before={"status": Status.PENDING},
        after={"status": approval.status},
        simulated=is_simulated(approval),
        **data,
    )
    settle(approval.workspace, approval, *notifications.ASKING)
    transaction.on_commit(partial(approval_decided.send_robust, sender=Approval, approval=approval))


def is_simulated(approval: Approval) -> bool:
    return approval.simulated or bool(approval.facts.get("simulated"))


def why_undecidable(approval: Approval, digest: str) -> DomainError:
    """Why nobody can decide it, or not by this form, as it was read a moment ago."""
    if approval.status == Status.WITHDRAWN:
        return AlreadyDecided("Whoever asked took this back a moment ago.")
    if approval.status not in {Status.PENDING, Status.EXPIRED}:
        return AlreadyDecided("Someone else decided this a moment ago.", "Reload to see their choice.")
    if approval.status == Status.EXPIRED or approval.expires_at <= database_now():
        return ApprovalExpired("The time to decide this is over, and that means no.")
    return Changed("This is not what the form showed, so nothing was decided.", "Reload and look at it again.")


def _locked(workspace: Workspace) -> QuerySet[Approval]:
    """What waits there, held until the transaction ends."""
    rows = Approval.objects.in_workspace(workspace).filter(status=Status.PENDING)
    return rows.select_for_update(of=("self",)).select_related("workspace")


def _write(approval: Approval, ask: Ask) -> list[ApprovalStage]:
    """The request with its stages, of which the first is open. Raises Conflict where the same was asked meanwhile."""
    try:
        with transaction.atomic():
            approval.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("The same thing was asked for a moment ago.") from error
    return ApprovalStage.objects.bulk_create(
        ApprovalStage(
            workspace=approval.workspace,
            approval=approval,
            position=position,
            reviewers=[stage.reviewers],
            needed=stage.needed,
            opened_at=None if position else approval.requested_at,
        )
        for position, stage in enumerate(ask.stages)
    )


def _ladder(ask: Ask, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The steps of the escalation as moments: [{at, to, stage}], those that come before the end, in order."""
    steps = [(working_time.after(start, step.after_s, ask.business_hours), step) for step in ask.escalate]
    return [
        {"at": at.isoformat(), "to": step.to, "stage": step.stage}
        for at, step in sorted(steps, key=lambda pair: pair[0])
        if at < end
    ]


def _why_unusable(approval: Approval, digest: str, bound: dict[str, Any]) -> DomainError:
    if approval.digest != digest:
        words = changes(approval.bound, bound)
        what = f": {', '.join(words)}" if words else ""
        return ApprovalChanged(
            f"Something changed after this was approved{what}.", "Ask again: it needs a new decision.", words
        )
    if approval.status != Status.APPROVED:
        return ApprovalMissing("Nobody has approved this.", "It can run once somebody did.")
    if approval.consumed_at:
        return ApprovalSpent("This approval has been used, and each is good for one run.")
    return ApprovalExpired("This approval ran out before it was used, and that means no.")
