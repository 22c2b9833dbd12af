"""Asking for a permission that is missing, and answering: the people who can give it are told, and so is who asked."""

from uuid import UUID

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from galaxy.core import audit, mail
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.grantables import find_target
from galaxy.core.members.grants import grant_on
from galaxy.core.models import PermissionRequest, User, Workspace
from galaxy.core.notifications import notify, settle
from galaxy.core.notifications.choosing import OFF, choices_in, wants_mail
from galaxy.core.permissions import can, forget_grants, givers_of, held_on, label_of, require

Status = PermissionRequest.Status
TOLD_FOR_S = 60 * 60 * 24  # who asks the same again within a day sends nobody another mail


class NotThere(DomainError):
    status = 404
    code = "not_there"
    next_step = "Check the address, or whether it was taken away meanwhile."


class NotYourRequest(DomainError):
    status = 403
    code = "not_your_request"
    next_step = "Leave it to whoever asked."


class SelfAnswer(DomainError):
    status = 403
    code = "self_answer"
    next_step = "Somebody else who can give it answers."


@transaction.atomic
def ask_for(workspace: Workspace, *, perm: str, kind: str, id: UUID, actor: User) -> PermissionRequest:
    """Ask for ``perm`` on the workspace or one object in it; the same thing asked twice is one request.

    Raises NotThere for an object that is not, or that the actor may not see; Invalid for what they hold already.
    """
    target = find_target(actor, workspace, kind, id, perm)
    if target is None:
        raise NotThere("There is nothing to ask this for, or you may not see it.")
    if can(actor, perm, target):
        raise Invalid("You may do this already.", next_step="Reload the page.")
    asked = PermissionRequest.objects.in_workspace(workspace).pending()
    found = asked.filter(asked_by=actor, permission=perm, target_id=target.pk).first()
    if found:
        return found
    request = PermissionRequest(
        workspace=workspace,
        asked_by=actor,
        permission=perm,
        target_kind=kind,
        target_id=target.pk,
        target_label=str(target)[:120],
    )
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("You asked for this a moment ago.") from error
    audit.record(
        "permission_request.created", actor=actor, target=request, after={"permission": perm, "on": str(target)}
    )
    notify(workspace, givers_of(workspace, request.codename), "permission_asked", request, by=actor)
    forget_grants()
    return request


@transaction.atomic
def give_what_is_asked(request: PermissionRequest, *, actor: User) -> PermissionRequest:
    """Grant what was asked for. Raises NotGranted, SelfAnswer, Conflict where it was answered, NotThere where the
    object is gone."""
    _close(request, Status.GIVEN, actor, "")
    target = find_target(actor, request.workspace, request.target_kind, request.target_id, request.permission)
    if target is None:
        raise NotThere(f"{request.target_label} is not there any more.", "Decline it instead.")
    grant_on(target, perm=request.permission, user=request.asked_by, actor=actor, request=request)
    return request


@transaction.atomic
def decline_what_is_asked(request: PermissionRequest, *, actor: User, reason: str) -> PermissionRequest:
    """Say no, with a reason that whoever asked reads. Raises NotGranted, Invalid or Conflict."""
    if not reason.strip():
        raise Invalid("Declining needs a reason.", {"reason": "Say why, for whoever asked."})
    _close(request, Status.DECLINED, actor, reason.strip())
    return request


@transaction.atomic
def withdraw_what_is_asked(request: PermissionRequest, *, actor: User) -> PermissionRequest:
    """Take one's own request back while nobody has answered. Raises NotYourRequest or Conflict."""
    if actor.pk != request.asked_by_id:
        raise NotYourRequest("Somebody else asked for this, so they withdraw it.")
    _leave_pending(request, Status.WITHDRAWN, actor, "")
    return request


def answerable_by(user: User, workspace: Workspace):
    """What waits for ``user`` to answer: what they may give, apart from their own requests."""
    if not can(user, "core.manage_member", workspace):
        return PermissionRequest.objects.none()
    held = Q()
    for codename in held_on(user, workspace):
        held |= Q(permission__endswith=f".{codename}")
    return PermissionRequest.objects.in_workspace(workspace).pending().filter(held).exclude(asked_by=user)


def mail_asked(request: PermissionRequest, *, link: str) -> int:
    """Tell those who can give it and want such mails, after the commit and once; returns how many mails went out."""
    if not cache.add(f"galaxy.asked.{request.pk}", 1, TOLD_FOR_S):
        return 0
    people = givers_of(request.workspace, request.codename).exclude(pk=request.asked_by_id)
    context = {"request": request, "label": label_of(request.codename), "link": link}
    choices = choices_in(request.workspace, people)
    wanted = [person for person in people if choices[person.pk].mail("permission_asked") != OFF]
    return sum(mail.send("permission_asked", person.email, context) for person in wanted)


def mail_answered(request: PermissionRequest, *, link: str) -> bool:
    """Tell whoever asked, after the commit, if they want such mails; True once a mail server took it."""
    if not wants_mail(request.asked_by, "permission_answered", request.workspace):
        return False
    context = {"request": request, "label": label_of(request.codename), "link": link}
    return mail.send("permission_answered", request.asked_by.email, context)


def _close(request: PermissionRequest, status: str, actor: User, reason: str) -> None:
    """Answer it, where ``actor`` may. Raises NotGranted, SelfAnswer or Conflict."""
    require(actor, "core.manage_member", request.workspace)
    require(actor, f"core.{request.codename}", request.workspace)
    if actor.pk == request.asked_by_id:
        raise SelfAnswer("You asked for this yourself, so someone else answers.")
    _leave_pending(request, status, actor, reason)


def _leave_pending(request: PermissionRequest, status: str, actor: User, reason: str) -> None:
    """One change of state out of ``pending``, audited; the guarded update lets exactly one stand. Raises Conflict."""
    won = (
        PermissionRequest.objects.in_workspace(request.workspace)
        .pending()
        .filter(pk=request.pk)
        .update(status=status, decided_by=actor, decided_at=timezone.now(), reason=reason)
    )
    request.refresh_from_db()
    if not won:
        raise Conflict("This was answered a moment ago.")
    audit.record(
        f"permission_request.{status}",
        actor=actor,
        target=request,
        before={"status": Status.PENDING},
        after={"status": status},
        reason=reason,
    )
    settle(request.workspace, request, "permission_asked")
    said = request.get_status_display()
    note = f"{said}: {reason}" if reason else said
    notify(request.workspace, [request.asked_by], "permission_answered", request, by=actor, note=note)
    forget_grants()
