"""Delegation: somebody answers in another's stead while they are away, for a time that is set when it begins.

What was delegated is not delegated on: ``delegated_to`` gives what people handed over themselves, and nothing that was
handed to them. So nobody who waits for an answer is passed round, and a circle, in which everybody counts on somebody
else, is refused where it would close.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.db.prepared import prepared
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.members.people import lock
from galaxy.core.models import Membership, User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import Denied, NotGranted, can, granted, why_not
from policies.models import ApproverGroupMember, Delegation
from registry.models import Installation

LONGEST_DELEGATION = timedelta(days=92)


class CircularDelegation(Conflict):
    """It would go round: everybody in the circle would count on the next."""

    code = "delegation_circular"
    next_step = "Choose somebody else, or other days."


class DelegationOverlaps(Conflict):
    code = "delegation_overlaps"
    next_step = "End the other one first, or choose other days."


class DelegationOver(Conflict):
    code = "delegation_ended"


class NotYourDelegation(DomainError):
    status = 403
    code = "not_your_delegation"
    next_step = "Ask whoever gave it, or whoever manages rules here."


@transaction.atomic
def delegate(
    workspace: Workspace,
    *,
    giver: User,
    taker: User,
    starts_at: datetime,
    ends_at: datetime,
    installation: Installation | None = None,
    reason: str = "",
) -> Delegation:
    """Let ``taker`` answer for ``giver`` from ``starts_at`` until ``ends_at``: everywhere, or about one installation.

    The giver is who acts: nobody hands over another's word. Raises NotGranted (nothing to hand over), Invalid,
    DelegationOverlaps or CircularDelegation.
    """
    if denied := why_not_delegate(giver, workspace):
        raise NotGranted(denied)
    lock(workspace)
    _check(workspace, giver, taker, starts_at, ends_at)
    meeting = _meeting(workspace, starts_at, ends_at, installation)
    if other := next((one for one in meeting if one.giver_id == giver.pk), None):
        raise DelegationOverlaps(f"{other.taker} answers for you {_words(other)} already, which is at the same time.")
    if chain := _chain(meeting, giver, taker):
        raise CircularDelegation(f"That would go round: {' → '.join(str(one) for one in chain)}.")
    row = Delegation.objects.create(
        workspace=workspace,
        giver=giver,
        taker=taker,
        installation=installation,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip(),
    )
    audit.record("delegation.created", actor=giver, target=row, after=_facts(row), reason=row.reason)
    notify(workspace, [taker], "delegation_given", row, by=giver, note=f"{_words(row)}. {row.reason}".strip())
    return row


@transaction.atomic
def end_delegation(delegation: Delegation, *, actor: User) -> Delegation:
    """Call a delegation off before its end: one's own, one that was given to oneself, or any by who manages rules.

    Felt by the next decision. Raises NotYourDelegation or DelegationOver.
    """
    if actor.pk not in (delegation.giver_id, delegation.taker_id) and not can(
        actor, "core.manage_rule", delegation.workspace
    ):
        raise NotYourDelegation("Only the two people it is about end a delegation, and whoever manages rules.")
    row = Delegation.objects.select_for_update(of=("self",)).select_related("workspace", "giver", "taker")
    found = row.get(pk=delegation.pk)
    if found.ended_at or found.ends_at <= timezone.now():
        raise DelegationOver("It has ended already.")
    _end(found, actor)
    return found


@transaction.atomic
def end_delegations_of(user: User, workspace: Workspace, *, actor: User | None) -> int:
    """End what somebody gave and what was given to them, since they are a member no more; returns how many."""
    rows = Delegation.objects.in_workspace(workspace).filter(Q(giver=user) | Q(taker=user), ended_at=None)
    open_ones = rows.filter(ends_at__gt=timezone.now()).select_for_update(of=("self",))
    ended = 0
    for row in open_ones.select_related("workspace", "giver", "taker", "installation__extension"):
        _end(row, actor, why="left")
        ended += 1
    return ended


def delegated_to(user: User, workspace: Workspace, at: datetime | None = None) -> list[Delegation]:
    """Whose answers ``user`` may give here, with ``giver`` at hand: now by the database's clock, or ``at`` a moment.

    One query. A row with ``installation_id`` holds for requests about that installation alone.
    """
    if at is None:
        return _delegated_now(workspace=workspace.pk, taker=user.pk)
    rows = Delegation.objects.in_workspace(workspace).filter(taker=user, ended_at=None)
    return list(rows.filter(starts_at__lte=at, ends_at__gt=at).select_related("giver").order_by("ends_at"))


@prepared
def _delegated_now(workspace: UUID, taker: UUID) -> QuerySet[Delegation]:
    rows = Delegation.objects.filter(workspace=workspace, taker=taker, ended_at=None)
    return rows.filter(starts_at__lte=Now(), ends_at__gt=Now()).select_related("giver").order_by("ends_at")


def why_not_delegate(user: User, workspace: Workspace) -> Denied | None:
    """Why ``user`` has nothing to hand over: they decide nothing here. None where they do, anywhere."""
    denied = why_not(user, "core.decide_approval", workspace)
    if denied is None:
        return None
    in_a_group = ApproverGroupMember.objects.in_workspace(workspace).filter(user=user, group__ended_at=None).exists()
    on_one = Installation.objects.in_workspace(workspace).filter(granted(user, "decide_approval", Installation))
    return None if in_a_group or on_one.exists() else denied


def _check(workspace: Workspace, giver: User, taker: User, starts_at: datetime, ends_at: datetime) -> None:
    if giver.pk == taker.pk:
        raise Invalid("You answer for yourself anyway.", {"taker": "Choose somebody else."})
    if not Membership.objects.in_workspace(workspace).filter(user=taker, user__is_active=True).exists():
        raise Invalid(f"{taker} is not in this workspace.", {"taker": "Choose somebody who is in this workspace."})
    now = timezone.now()
    if ends_at <= max(starts_at, now):
        raise Invalid("It ends before it begins.", {"ends_on": "Choose a last day from the first day on."})
    if ends_at - starts_at > LONGEST_DELEGATION or ends_at > now + 4 * LONGEST_DELEGATION:
        sentence = f"It lasts {LONGEST_DELEGATION.days} days at most."
        raise Invalid(sentence, {"ends_on": sentence})


def _meeting(
    workspace: Workspace, starts_at: datetime, ends_at: datetime, installation: Installation | None
) -> list[Delegation]:
    """Delegations that hold at some moment of that time, about the same matters or some of them."""
    rows = Delegation.objects.in_workspace(workspace).filter(
        ended_at=None, starts_at__lt=ends_at, ends_at__gt=starts_at
    )
    if installation is not None:
        rows = rows.filter(Q(installation=None) | Q(installation=installation))
    return list(rows.select_related("giver", "taker", "installation__extension"))


def _chain(meeting: Iterable[Delegation], giver: User, taker: User) -> list[User]:
    """The people from ``giver`` by ``taker`` and whom they hand on to back to ``giver``; [] where it goes not round."""
    onward: dict[UUID, list[User]] = {}
    for row in meeting:
        onward.setdefault(row.giver_id, []).append(row.taker)
    ways = [[giver, taker]]
    seen = {taker.pk}
    while ways:
        way = ways.pop()
        for after in onward.get(way[-1].pk, ()):
            if after.pk == giver.pk:
                return [*way, giver]
            if after.pk not in seen:
                seen.add(after.pk)
                ways.append([*way, after])
    return []


def _end(row: Delegation, actor: User | None, why: str = "") -> None:
    row.ended_at = timezone.now()
    row.save(update_fields=["ended_at"])
    data: dict[str, Any] = {"why": why} if why else {}
    audit.record("delegation.ended", actor=actor, target=row, before=_facts(row), **data)
    notify(row.workspace, [row.giver, row.taker], "delegation_ended", row, by=actor)


def _facts(row: Delegation) -> dict[str, Any]:
    return {
        "giver": row.giver,
        "taker": row.taker,
        "installation": row.installation,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
    }


def _words(row: Delegation) -> str:
    where = f"about {row.installation}" if row.installation else "everywhere"
    return f"{where} from {row.starts_at:%d %B} to {row.ends_at:%d %B %Y, %H:%M} UTC"
