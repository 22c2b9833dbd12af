"""Workspaces and their first members."""

from typing import Any

from django.db import transaction

from galaxy.core import audit
from galaxy.core.models import Membership, Role, RoleGroup, User, Workspace
from galaxy.core.permissions import forget_grants, make_role_groups
from galaxy.core.scope import workspace_scope


@transaction.atomic
def create_workspace(*, name: str, slug: str, owner: User, is_marketplace: bool = False) -> Workspace:
    """A workspace with its role groups and its first owner, audited. The id is made here, so its scope can open.

    ``is_marketplace`` makes it the marketplace's own, of which there is one (marketplace.desk.open_desk).
    """
    workspace = Workspace(name=name, slug=slug, is_marketplace=is_marketplace)
    after: dict[str, Any] = {"name": name, "slug": slug} | ({"is_marketplace": True} if is_marketplace else {})
    with workspace_scope([workspace.pk], owner.pk):
        workspace.save(force_insert=True)
        make_role_groups(workspace)
        audit.record("workspace.created", actor=owner, target=workspace, after=after)
        add_member(workspace, user=owner, role=Role.OWNER, actor=owner)
    return workspace


@transaction.atomic
def add_member(workspace: Workspace, *, user: User, role: str | RoleGroup, actor: User | None) -> Membership:
    """Put ``user`` into a workspace in ``role``, with the role's grants. The workspace must be in scope.

    ``role`` is one of the six by its value, or a RoleGroup. Whether ``actor`` may is the caller's to check.
    """
    group = role if isinstance(role, RoleGroup) else RoleGroup.objects.in_workspace(workspace).get(role=role)
    membership = Membership.objects.create(
        workspace=workspace, user=user, role=group.role, custom_role=group if group.is_custom else None
    )
    user.groups.add(group.group_id)
    forget_grants()
    audit.record("membership.created", actor=actor, target=membership, after={"user": user, "role": group.label})
    return membership


def marketplace_workspace() -> Workspace | None:
    """The marketplace's own workspace, whoever asks; what is in it needs its scope all the same."""
    return next(iter(Workspace.objects.raw("SELECT * FROM core_marketplace_workspace()")), None)


def scope_of(user: User):
    """The row-level scope of all of a person's workspaces: for commands and tests that act as somebody."""
    with workspace_scope(user=user.pk):
        ids = list(Membership.objects.filter(user=user).values_list("workspace_id", flat=True))
    return workspace_scope(ids, user.pk)
