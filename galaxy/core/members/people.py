"""Changing and ending memberships. Each change locks the workspace, so that no two together undo its last owner."""

from functools import partial
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.agents import person_left
from galaxy.core.errors import Conflict, DomainError
from galaxy.core.members.grants import drop_grants
from galaxy.core.members.limits import check_may_give, check_may_rule, codenames_of
from galaxy.core.models import (
    Invitation,
    Membership,
    Mute,
    NewsHook,
    NewsSettings,
    Notification,
    PermissionRequest,
    Role,
    RoleGroup,
    User,
    Workspace,
)
from galaxy.core.notifications.hooks.services import drop_hooks
from galaxy.core.permissions import forget_grants
from galaxy.core.signals import member_removed, role_left


class LastOwner(Conflict):
    code = "last_owner"
    next_step = "Make somebody else an owner first."


class NotOwner(DomainError):
    status = 403
    code = "not_owner"
    next_step = "Ask an owner of the workspace."


class Gone(Conflict):
    code = "gone"


class ByName(models.TextChoices):
    """What becomes, with another role, of the grants that a member has by name."""

    IF_WEAKER = "if_weaker", "Take them back if the new role may do less"
    DROP = "drop", "Take them back"
    KEEP = "keep", "Let them keep these"


@transaction.atomic
def change_role(
    membership: Membership, *, to: RoleGroup, actor: User, by_name: str = ByName.KEEP
) -> tuple[Membership, int]:
    """Move a member into another role; felt by their next request.

    ``by_name`` is one of ByName: such grants outlive a role, so whoever changes it says what becomes of them.
    Returns the membership as stored and how many of them were taken back.
    Raises NotGranted, AboveYou (either role holds more than the actor), LastOwner or Gone.
    """
    membership = _locked(membership)
    check_may_rule(actor, membership)
    check_may_give(actor, to)
    before, role = membership.role_label, _role_of(membership)
    if to == role:
        return membership, 0
    if membership.is_owner:
        _check_another_owner(membership)
    is_weaker = not codenames_of(role) <= codenames_of(to)
    _move(membership, to)
    is_dropping = by_name == ByName.DROP or (by_name == ByName.IF_WEAKER and is_weaker)
    dropped = drop_grants(membership.user, membership.workspace) if is_dropping else []
    data: dict[str, Any] = {"grants_taken_back": dropped} if dropped else {}
    old, new = {"role": before}, {"role": to.label}
    audit.record("membership.changed", actor=actor, target=membership, before=old, after=new, **data)
    return membership, len(dropped)


@transaction.atomic
def transfer_ownership(membership: Membership, *, actor: User) -> None:
    """Make a member an owner and the acting owner an admin, in one step. Raises NotOwner, Gone or Conflict."""
    heir = _locked(membership)
    own = check_may_transfer(heir, actor)
    if heir.is_owner:
        raise Conflict(f"{heir.user} is an owner already.")
    if not heir.user.is_active:
        raise Conflict(f"{heir.user} cannot sign in, so they cannot own the workspace.")
    before = heir.role_label
    roles = {role.role: role for role in RoleGroup.objects.in_workspace(heir.workspace).exclude(role="")}
    _move(heir, roles[Role.OWNER])
    _move(own, roles[Role.ADMIN])
    audit.record(
        "workspace.transferred",
        actor=actor,
        target=heir.workspace,
        before={"owner": actor, "role": before},
        after={"owner": heir.user, "role": Role.OWNER.label},
    )


def check_may_transfer(heir: Membership, actor: User) -> Membership:
    """The actor's own membership, which is an owner's. Raises NotOwner."""
    own = Membership.objects.in_workspace(heir.workspace).filter(user=actor).first()
    if own is None or not own.is_owner:
        raise NotOwner("Only an owner can hand the workspace over.")
    return own


@transaction.atomic
def remove_member(membership: Membership, *, actor: User, reason: str = "") -> None:
    """End a membership with everything it carried; one's own at any time (leaving), others' by ``manage_member``.

    Within the transaction go the role, the grants on single objects, what the person asked for, the invitations they
    sent that are still open, and the news they were told; their tokens are revoked and their agents suspended.
    ``member_removed`` follows the commit: higher floors withdraw their approvals and call off their runs. What a
    request in flight still does meets grants that are gone.
    Raises NotGranted, AboveYou, LastOwner or Gone.
    """
    membership = _locked(membership)
    user, workspace = membership.user, membership.workspace
    if user.pk != actor.pk:
        check_may_rule(actor, membership)
    if membership.is_owner:
        _check_another_owner(membership)
    now = timezone.now()
    user.groups.remove(_role_of(membership).group_id)
    grants = drop_grants(user, workspace)
    asked = PermissionRequest.objects.in_workspace(workspace).pending().filter(asked_by=user)
    asked.update(status=PermissionRequest.Status.WITHDRAWN, decided_at=now)
    sent = Invitation.objects.in_workspace(workspace).open().filter(invited_by=user)
    withdrawn = sent.update(withdrawn_at=now)
    audit.record(
        "membership.left" if user.pk == actor.pk else "membership.removed",
        actor=actor,
        target=membership,
        before={"user": user, "role": membership.role_label},
        reason=reason.strip(),
        grants=len(grants),
        invitations=withdrawn,
    )
    person_left(workspace, user=user, actor=actor)
    Notification.objects.in_workspace(workspace).of(user).delete()
    for model in (NewsSettings, Mute):
        model.objects.in_workspace(workspace).of(user).delete()
    drop_hooks(NewsHook.objects.in_workspace(workspace).of(user))
    membership.delete()
    forget_grants()
    transaction.on_commit(partial(_tell_of_removal, workspace, user, actor))
    _tell_of_role(membership)


def is_last_owner(membership: Membership) -> bool:
    """True where the workspace has no other owner who can sign in."""
    return membership.is_owner and not _other_owners(membership).exists()


def lock(workspace: Workspace) -> None:
    """Let only one change of people at a time into a workspace, until the transaction ends."""
    list(Workspace.objects.select_for_update(no_key=True).filter(pk=workspace.pk).values("pk"))


def _tell_of_removal(workspace: Workspace, user: User, actor: User) -> None:
    """One transaction for all who listen: runs are called off before anybody hears that their approvals are gone."""
    with transaction.atomic():
        member_removed.send_robust(sender=Membership, workspace=workspace, user=user, actor=actor)


def _tell_of_role(membership: Membership) -> None:
    """After the commit, that somebody leaves the role that ``membership`` names now."""
    role = membership.role or str(membership.custom_role_id)
    transaction.on_commit(partial(role_left.send_robust, sender=Membership, workspace=membership.workspace, role=role))


def _locked(membership: Membership) -> Membership:
    lock(membership.workspace)
    found = (
        Membership.objects.in_workspace(membership.workspace)
        .select_related("workspace", "user", "custom_role")
        .filter(pk=membership.pk)
        .first()
    )
    if found is None:
        raise Gone("They are not a member any more.")
    forget_grants()
    return found


def _role_of(membership: Membership) -> RoleGroup:
    if membership.custom_role:
        return membership.custom_role
    return RoleGroup.objects.in_workspace(membership.workspace).get(role=membership.role)


def _move(membership: Membership, to: RoleGroup) -> None:
    membership.user.groups.remove(_role_of(membership).group_id)
    _tell_of_role(membership)
    membership.role, membership.custom_role = to.role, to if to.is_custom else None
    membership.save(update_fields=["role", "custom_role"])
    membership.user.groups.add(to.group_id)
    forget_grants()


def _check_another_owner(membership: Membership) -> None:
    if is_last_owner(membership):
        raise LastOwner(f"{membership.user} is the last owner of {membership.workspace.name}.")


def _other_owners(membership: Membership):
    owners = Membership.objects.in_workspace(membership.workspace).filter(role=Role.OWNER, user__is_active=True)
    return owners.exclude(pk=membership.pk)
