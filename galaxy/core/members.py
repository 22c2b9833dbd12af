"""Workspaces and their people: the one door through which memberships and role grants change."""

from contextlib import AbstractContextManager

from django.contrib.auth.models import Group
from django.db import transaction

from galaxy.core import audit
from galaxy.core.errors import Invalid
from galaxy.core.models import InWorkspace, Membership, Role, RoleGroup, User, Workspace
from galaxy.core.permissions import grant, make_role_groups, require, revoke
from galaxy.core.scope import workspace_scope


@transaction.atomic
def create_workspace(*, name: str, slug: str, owner: User) -> Workspace:
    """A workspace with its role groups and its first owner, audited. The id is made here, so its scope can open."""
    workspace = Workspace(name=name, slug=slug)
    with workspace_scope([workspace.pk], owner.pk):
        workspace.save(force_insert=True)
        make_role_groups(workspace)
        audit.record("workspace.created", actor=owner, target=workspace, after={"name": name, "slug": slug})
        add_member(workspace, user=owner, role=Role.OWNER, actor=owner)
    return workspace


@transaction.atomic
def add_member(workspace: Workspace, *, user: User, role: str, actor: User | None) -> Membership:
    """Put ``user`` into a workspace in ``role``, with the role's grants. The workspace must be in scope."""
    membership = Membership.objects.create(workspace=workspace, user=user, role=role)
    user.groups.add(_group(workspace, role))
    audit.record("membership.created", actor=actor, target=membership, after={"user": user, "role": role})
    return membership


@transaction.atomic
def grant_on(obj: InWorkspace, *, perm: str, user: User, actor: User) -> None:
    """Give one member one permission on one object, audited. Nobody can give what they do not hold."""
    _check_giver(actor, perm, obj)
    if not Membership.objects.in_workspace(obj.workspace).filter(user=user).exists():
        raise Invalid(f"{user} is not a member of {obj.workspace}.", next_step="Add them to the workspace first.")
    grant(perm, user, obj)
    audit.record("grant.created", actor=actor, target=obj, after={"permission": perm, "to": user})


@transaction.atomic
def revoke_on(obj: InWorkspace, *, perm: str, user: User, actor: User) -> None:
    """Take one permission on one object back from one member, audited."""
    _check_giver(actor, perm, obj)
    revoke(perm, user, obj)
    audit.record("grant.revoked", actor=actor, target=obj, before={"permission": perm, "to": user})


def _check_giver(actor: User, perm: str, obj: InWorkspace) -> None:
    """Whoever may install may hand out grants, and nobody hands out what they do not hold."""
    require(actor, "core.install_extension", obj.workspace)
    require(actor, perm, obj)


def _group(workspace: Workspace, role: str) -> Group:
    return RoleGroup.objects.select_related("group").get(workspace=workspace, role=role).group


def scope_of(user: User) -> AbstractContextManager[None]:
    """The row-level scope of all of a person's workspaces: for commands and tests that act as somebody."""
    with workspace_scope(user=user.pk):
        ids = list(Membership.objects.filter(user=user).values_list("workspace_id", flat=True))
    return workspace_scope(ids, user.pk)
