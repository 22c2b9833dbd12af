"""What people do to a request while it waits, and after it is over: remind, hand over, narrow, withdraw, ask again."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from galaxy.core.notifications import notify
from galaxy.core.permissions import forget_grants
from policies import notifications
from policies.bound import changes
from policies.clock import database_now
from policies.errors import NotAsked, NotYours, SelfApproval, TooSoon
from policies.models import Approval
from policies.services.requesting import announce, is_simulated, why_undecidable
from policies.services.reviewers import reviewers_of
from policies.services.standing import seat_of, why_not_yours
from policies.subjects import subject_of

Status = Approval.Status
BETWEEN_REMINDERS = timedelta(hours=1)


@transaction.atomic
def withdraw_approval(approval: Approval, *, actor: User) -> Approval:
    """Take one's own request back while it waits. Raises NotYours, ApprovalExpired or AlreadyDecided."""
    _check_own(approval, actor, "Only the person who asked can take a request back.")
    waiting = Approval.objects.in_workspace(approval.workspace).waiting().filter(pk=approval.pk)
    won = waiting.update(status=Status.WITHDRAWN, decided_at=Now())
    approval.refresh_from_db()
    if not won:
        raise why_undecidable(approval, approval.digest)
    announce(approval, "approval.withdrawn", Actor.of(actor))
    return approval


@transaction.atomic
def remind(approval: Approval, *, actor: User) -> Approval:
    """Ask those once more who have not answered: the requester's, once an hour.

    Raises NotYours, TooSoon, ApprovalExpired or AlreadyDecided.
    """
    _check_own(approval, actor, "Only the person who asked can remind of a request.")
    waiting = Approval.objects.in_workspace(approval.workspace).waiting().filter(pk=approval.pk)
    due = Q(reminded_at=None) | Q(reminded_at__lte=Now() - BETWEEN_REMINDERS)
    won = waiting.filter(due).update(reminded_at=Now())
    approval.refresh_from_db()
    if not won:
        if approval.status != Status.PENDING or approval.expires_at <= database_now():
            raise why_undecidable(approval, approval.digest)
        raise TooSoon("They were reminded within the last hour.", "Wait until an hour has gone by.")
    _note(approval, "approval.reminded", actor)
    notify(approval.workspace, reviewers_of(approval), "approval_reminder", approval, by=actor)
    return approval


@transaction.atomic
def hand_over(approval: Approval, *, to: User, actor: User, note: str = "") -> Approval:
    """A reviewer passes a request on to another who may answer it; the others still may.

    Raises NotAsked, SelfApproval, ApprovalExpired, AlreadyDecided, or Invalid where ``to`` cannot answer it: whoever
    asked, is too close to the matter, has spoken, or is not asked by the stage that is open.
    """
    locked = _locked_waiting(approval)
    _check_reviewer(locked, actor)
    if to.pk == actor.pk or not reviewers_of(locked).filter(pk=to.pk).exists():
        reason = "You have it already." if to.pk == actor.pk else f"{to} cannot answer this."
        raise Invalid(reason, {"to": "Choose one of those who may answer it."})
    before = locked.assigned_to
    locked.assigned_to = to
    locked.save(update_fields=["assigned_to"])
    facts = {"before": {"assigned_to": before}, "after": {"assigned_to": to}}
    _note(locked, "approval.handed_over", actor, note=note.strip(), **facts)
    notify(locked.workspace, [to], "approval_handed", locked, by=actor, note=note.strip())
    approval.refresh_from_db()
    return approval


def narrow(approval: Approval, *, reviewer: User, digest: str, values: dict[str, Any]) -> Approval:
    """Replace a request by one that does less, which its kind puts together from ``values``; returns that, undecided.

    The wider one is closed and kept, and named by ``narrowed_from``. Nobody has said yes to the new one: whoever
    narrowed it may, and the requester, whose request it stays, cannot. Raises NotAsked, SelfApproval, Changed,
    ApprovalExpired, AlreadyDecided, or Invalid for what is wider in any respect, or cannot be narrowed.
    """
    subject = subject_of(approval)
    if subject is None or subject.narrow is None:
        raise Invalid("A request of this kind is decided as it is.")
    approval.refresh_from_db()
    if approval.status != Status.PENDING or approval.expires_at <= database_now() or approval.digest != digest:
        raise why_undecidable(approval, digest)
    _check_reviewer(approval, reviewer)
    # Its row is not locked here: its kind locks what it is about first, as calling that off does, and asking anew
    # looks once more whether the wider request still waits.
    with transaction.atomic():
        narrowed = subject.narrow(approval, reviewer, values)
        if narrowed.pk == approval.pk:
            raise Invalid("That changes nothing.", {"values": "Ask for less than this does."})
        _check_narrower(approval, narrowed)
        _note(narrowed, "approval.narrowed", reviewer, narrowed_from=approval.pk, wider=approval.digest)
        notify(narrowed.workspace, [narrowed.requested_by], "approval_narrowed", narrowed, by=reviewer)
        notifications.tell_of_change(narrowed, approval, changes(approval.bound, narrowed.bound))
    approval.refresh_from_db()
    return narrowed


def ask_again(approval: Approval, *, actor: User) -> Approval:
    """Ask for the same once more, as things stand now; returns the new request, which names the old one.

    Raises NotYours, Conflict while it still waits or holds, or Invalid where its kind cannot be asked for again.
    """
    _check_own(approval, actor, "Only the person who asked can ask again.")
    approval.refresh_from_db()
    is_over = approval.expires_at <= database_now()
    if approval.status == Status.PENDING and not is_over:
        raise Conflict("It still waits for an answer.", "Remind its reviewers, or take it back first.")
    if approval.status == Status.APPROVED and not approval.consumed_at and not is_over:
        raise Conflict("It was approved, and that still holds.")
    subject = subject_of(approval)
    if subject is None or subject.again is None:
        raise Invalid("This cannot be asked for again from here.", next_step="Start it anew where it came from.")
    return subject.again(approval, actor)


def _check_own(approval: Approval, actor: User, sentence: str) -> None:
    if actor.pk != approval.requested_by_id:
        raise NotYours(sentence)


def _check_reviewer(approval: Approval, actor: User) -> None:
    """As things stand now, whatever the page was made with. Raises SelfApproval or NotAsked."""
    forget_grants()
    if refusal := why_not_yours(approval, actor):
        raise SelfApproval(refusal)
    if seat_of(approval, actor) is None:
        raise NotAsked("The stage that is open asks others.")


def _check_narrower(wider: Approval, narrowed: Approval) -> None:
    """What any request says of itself may only become less; its kind compared what only it knows. Raises Invalid."""
    grown = [
        name
        for name, has_grown in (
            ("more records", (narrowed.records is None) > (wider.records is None)),
            ("more records", (narrowed.records or 0) > (wider.records or 0) and wider.records is not None),
            ("more data classes", not set(narrowed.data_classes) <= set(wider.data_classes)),
            ("another thing", (narrowed.target, narrowed.effect) != (wider.target, wider.effect)),
            ("a live call", wider.simulated and not narrowed.simulated),
            ("another person", narrowed.requested_by_id != wider.requested_by_id),
        )
        if has_grown
    ]
    if grown or narrowed.narrowed_from_id != wider.pk:
        raise Invalid(f"That asks for {' and '.join(dict.fromkeys(grown)) or 'something else'}, which is not less.")


def _locked_waiting(approval: Approval) -> Approval:
    rows = Approval.objects.in_workspace(approval.workspace).select_for_update(of=("self",))
    locked = rows.select_related("workspace", "requested_by", "agent", "assigned_to").get(pk=approval.pk)
    if locked.status != Status.PENDING or locked.expires_at <= database_now():
        approval.refresh_from_db()
        raise why_undecidable(locked, locked.digest)
    return locked


def _note(approval: Approval, action: str, actor: User | None, **data: Any) -> None:
    audit.record(action, actor=actor, target=approval, simulated=is_simulated(approval), **data)
