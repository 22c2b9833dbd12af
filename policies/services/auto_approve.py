"""Auto-Approve: somebody's yes given beforehand, for a scope, with a reason, a budget and an end.

A grant answers a request only where its owner could have answered it alone, there and then. So it never covers:

- what its owner asked for, nor what an agent of theirs asks for, nor a version they published, and nothing of whoever
  agreed to it as a second person: that would be approving oneself;
- another version, another installation, another agent than the one it names;
- a call of which one scope lies outside the pattern, or that uses no scope at all;
- more records than it says; without such a number, no bulk at all, and an uncounted one is never few;
- a delete, or anything that asks for a second factor, unless a second person confirmed the grant with theirs;
- a request that asks for more than one person, or for people whom its owner is not one of;
- installs, upgrades and wider scopes, which are never the same twice.
"""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from galaxy.core import audit
from galaxy.core.models import User
from galaxy.core.notifications import notify
from galaxy.core.permissions import holders_of
from policies.clock import database_now
from policies.models import Approval, ApprovalQuerySet, AutoApproval
from policies.outcomes import outcomes_of
from policies.rules.scopes import matches
from policies.services.reviewers import why_not_yours
from policies.services.standing import standing_of
from policies.signals import approval_decided

LOOKED_BACK = 20  # uses whose outcomes make the error rate
FEWEST_USES = 5  # fewer tell nothing: one failure of one is not a rate

Ended = AutoApproval.Ended


def cover(approval: Approval) -> AutoApproval | None:
    """Let a grant answer a request that waits, if one covers it; in the caller's transaction, right after the request.

    Then the approval is approved and names the grant, one of whose budget is used, and ``approval_decided`` follows the
    commit. Otherwise nothing changes and None is returned.
    """
    for found in _candidates(approval):
        grant = locked(found)  # so that two requests do not share the last of a budget
        now = database_now()
        if not grant.holds(now) or not _covers(grant, approval):
            continue
        grant.used += 1
        grant.save(update_fields=["used"])
        approval.status, approval.decided_at, approval.grant = Approval.Status.APPROVED, now, grant
        approval.save(update_fields=["status", "decided_at", "grant"])
        approval.stages.filter(done_at=None).update(done_at=now)
        audit.record(
            "approval.approved",
            actor=None,
            target=approval,
            before={"status": Approval.Status.PENDING},
            after={"status": approval.status},
            simulated=approval.simulated,
            auto_approval=grant,
            granted_by=grant.owner,
            use=f"{grant.used} of {grant.budget}",
        )
        transaction.on_commit(partial(approval_decided.send_robust, sender=Approval, approval=approval))
        if grant.used == grant.budget:
            end_auto_approval(grant, Ended.SPENT)
        return grant
    return None


def use_failed(approval: Approval) -> None:
    """Something that a grant let through failed: end the grant where too many of its last uses did.

    Called by the floor that did it, in the transaction that says so. Counted are the last LOOKED_BACK uses that are
    over, from FEWEST_USES on.
    """
    if approval.grant is None:
        return
    grant = locked(approval.grant)
    rate = _error_rate(grant) if grant.ended_at is None else None
    if rate and 100 * rate[0] > grant.error_percent * rate[1]:
        end_auto_approval(grant, Ended.ERRORS, note=f"{rate[0]} of the last {rate[1]} uses failed.")


def end_auto_approval(grant: AutoApproval, because: Ended, *, actor: User | None = None, note: str = "") -> None:
    """End a locked grant, in the trail. Its owner is told, or whoever manages rules where they left."""
    grant.ended_at, grant.ended_because = database_now(), because
    grant.save(update_fields=["ended_at", "ended_because"])
    data: dict[str, Any] = {"note": note} if note else {}
    audit.record(
        "auto_approval.ended",
        actor=actor,
        target=grant,
        before={"used": grant.used, "budget": grant.budget},
        after={"because": because},
        **data,
    )
    told = holders_of(grant.workspace, "manage_rule") if because == Ended.OWNER else [grant.owner]
    words = f"{because.label}. {note}".strip()
    notify(grant.workspace, told, "auto_approval_ended", grant, by=actor, note=words)


def locked(grant: AutoApproval) -> AutoApproval:
    """The row as it is now, held until the transaction ends."""
    rows = AutoApproval.objects.select_for_update(of=("self",)).select_related("workspace", "owner", "confirmed_by")
    return rows.get(workspace=grant.workspace_id, pk=grant.pk)


def last_uses(grant: AutoApproval) -> ApprovalQuerySet:
    """The approvals that it answered, newest first."""
    uses = Approval.objects.filter(workspace=grant.workspace_id, grant=grant)
    return uses.order_by("-decided_at")


def _candidates(approval: Approval) -> list[AutoApproval]:
    """The grants of the installation that might answer, the one that ends first at the front; seldom more than one."""
    if approval.subject_kind != "run" or approval.installation_id is None or approval.decision is None:
        return []
    rows = AutoApproval.objects.in_workspace(approval.workspace).filter(
        installation=approval.installation_id, ended_at=None, ends_at__gt=Now(), used__lt=F("budget")
    )
    rows = rows.filter(Q(agent=None) | Q(agent=approval.agent_id)).order_by("ends_at", "pk")
    return [one for one in rows if _covers_call(one, approval)]


def _covers_call(grant: AutoApproval, approval: Approval) -> bool:
    """Whether the call itself lies within the grant, whoever asks for it."""
    asked = approval.decision.input  # type: ignore[union-attr]
    action = asked["action"]
    used = action["scopes"]
    if not used or not all(matches(grant.scope, scope) for scope in used):
        return False
    if asked["resource"]["version_digest"] != grant.version_digest:
        return False
    deletes = approval.effect == "delete" or action["effect"] == "delete" or action["destructive"]
    if deletes and not grant.covers_delete:
        return False
    if approval.needs_second_factor and grant.confirmed_by_id is None:
        return False
    return _few_enough(grant, approval)


def _few_enough(grant: AutoApproval, approval: Approval) -> bool:
    if grant.most_records is None:
        return not approval.is_bulk
    records = 1 if approval.records is None and not approval.is_bulk else approval.records
    return records is not None and records <= grant.most_records


def _covers(grant: AutoApproval, approval: Approval) -> bool:
    """Whether its owner could say yes to this very request, alone and now, and whoever agreed to it is as far off."""
    owner = grant.owner
    if any(one and why_not_yours(approval, one) for one in (owner, grant.confirmed_by)):
        return False
    stages = list(approval.stages.all())
    if len(stages) != 1 or stages[0].needed > 1:
        return False
    # By a seat of their own: what was lent to them is not theirs to give beforehand.
    return bool(standing_of(owner, approval.workspace).own(approval, stages[0]))


def _error_rate(grant: AutoApproval) -> tuple[int, int] | None:
    """(failed, over) among its last uses that are over; None while too few are."""
    recent = last_uses(grant).values_list("subject_id", flat=True)[: 2 * LOOKED_BACK]  # some may not be over yet
    ids = list(recent)
    went = outcomes_of("run", grant.workspace, ids)
    over = [went[pk] for pk in ids if pk in went][:LOOKED_BACK]
    return (sum(over), len(over)) if len(over) >= FEWEST_USES else None
