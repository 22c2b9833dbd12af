"""Single permissions on single objects, to a person or to a role: given, taken back, and dropped with a membership."""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import CharField
from django.db.models.functions import Cast
from guardian.models import UserObjectPermission

from galaxy.core import audit
from galaxy.core.errors import DomainError, Invalid
from galaxy.core.models import Membership, RoleGroup, User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import forget_grants, grant, label_of, require, revoke


class SelfGrant(DomainError):
    status = 403
    code = "self_grant"
    next_step = "If you should keep it whatever your role, somebody else gives it to you."


@transaction.atomic
def grant_on(
    obj: Any, *, perm: str, actor: User, user: User | None = None, role: RoleGroup | None = None, **data: Any
) -> None:
    """Give a member, or everybody in a role, one permission on one object, audited; to have it already is no error.

    Raises NotGranted where ``actor`` may not give, or does not hold ``perm`` there; SelfGrant; Invalid for somebody
    from outside.
    """
    _check_giver(actor, perm, obj)
    if user is not None and user.pk == actor.pk:
        raise SelfGrant("You hold this already, and a grant to yourself would outlive that.")
    to = _receiver(obj, user, role)
    if _holds(to, perm, obj):
        return
    grant(perm, to.group if isinstance(to, RoleGroup) else to, obj)
    audit.record("grant.created", actor=actor, target=obj, after={"permission": perm, "to": to}, to=str(to), **data)


@transaction.atomic
def revoke_on(obj: Any, *, perm: str, actor: User, user: User | None = None, role: RoleGroup | None = None) -> None:
    """Take one permission on one object back, audited; felt by the next request. Raises NotGranted."""
    _check_giver(actor, perm, obj)
    whom = user or role
    if whom is None or not _holds(whom, perm, obj):
        return
    revoke(perm, whom.group if isinstance(whom, RoleGroup) else whom, obj)
    audit.record("grant.revoked", actor=actor, target=obj, before={"permission": perm, "to": whom}, to=str(whom))
    if user is not None:
        notify(obj.workspace, [user], "grant_revoked", obj, by=actor, note=label_of(perm.partition(".")[2]))


def drop_grants(user: User, workspace: Workspace) -> list[str]:
    """Delete every grant that ``user`` has by name on ``workspace`` or on an object in it.

    Returns what went, sorted: "run_installation on registry.installation <id>".
    """
    mine = UserObjectPermission.objects.filter(user=user)
    dropped: list[str] = []
    for content_type in ContentType.objects.filter(pk__in=mine.values("content_type")):
        model = content_type.model_class()
        if model is None:
            continue
        rows = model._default_manager.filter(**{"pk" if model is Workspace else "workspace": workspace.pk})
        keys = rows.annotate(key=Cast("pk", CharField())).values("key")
        found = mine.filter(content_type=content_type, object_pk__in=keys)
        named = found.values_list("permission__codename", "object_pk")
        dropped += [f"{codename} on {model._meta.label_lower} {pk}" for codename, pk in named]
        found.delete()
    forget_grants()
    return sorted(dropped)


def _check_giver(actor: User, perm: str, obj: Any) -> None:
    """Whoever may give grants at all gives what they hold there, and nothing else."""
    require(actor, "core.manage_member", obj.workspace)
    require(actor, perm, obj)


def _receiver(obj: Any, user: User | None, role: RoleGroup | None) -> User | RoleGroup:
    if role is not None:
        if role.workspace_id != obj.workspace.pk:
            raise Invalid(f"{role} is not a role of {obj.workspace}.")
        if isinstance(obj, Workspace):
            raise Invalid("What a role may do in the whole workspace is part of the role.", next_step="Edit the role.")
        return role
    if user is None or not Membership.objects.in_workspace(obj.workspace).filter(user=user).exists():
        raise Invalid(f"{user} is not a member of {obj.workspace}.", next_step="Add them to the workspace first.")
    return user


def _holds(who: User | RoleGroup, perm: str, obj: Any) -> bool:
    """Whether the grant itself is there: by name for a person, whatever their role holds besides."""
    codename = perm.partition(".")[2]
    if isinstance(who, RoleGroup):
        rows: Any = who.group.groupobjectpermission_set
    else:
        rows = who.userobjectpermission_set
    return rows.filter(
        object_pk=str(obj.pk),
        permission__codename=codename,
        content_type=ContentType.objects.get_for_model(obj),
    ).exists()
