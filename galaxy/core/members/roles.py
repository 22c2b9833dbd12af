"""A workspace's own roles: sets of permissions, used like the six."""

from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Count
from guardian.models import GroupObjectPermission

from galaxy.core import audit
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.members.limits import check_holds
from galaxy.core.members.people import lock
from galaxy.core.models import Invitation, Membership, Role, RoleGroup, User, Workspace
from galaxy.core.permissions import LABELS, forget_grants, grant, require, revoke


class RoleInUse(Conflict):
    code = "role_in_use"
    next_step = "Give those people another role, and withdraw those invitations, first."


class NotYourRole(DomainError):
    status = 403
    code = "built_in_role"
    next_step = "Make a role of your own instead."


@transaction.atomic
def create_role(workspace: Workspace, *, name: str, permissions: set[str], actor: User) -> RoleGroup:
    """A role of the workspace's own. ``permissions`` are codenames of core; nobody puts in what they lack.

    Raises NotGranted, AboveYou, or Invalid for a name that is taken and a permission that does not exist.
    """
    _check(actor, workspace, permissions)
    name = _free_name(workspace, name)
    lock(workspace)
    role = RoleGroup(workspace=workspace, name=name)
    role.group = Group.objects.create(name=f"{workspace.pk}:{role.pk}")
    _save(role)
    for codename in sorted(permissions):
        grant(f"core.{codename}", role.group, workspace)
    audit.record("role.created", actor=actor, target=role, after={"name": name, "permissions": sorted(permissions)})
    return role


@transaction.atomic
def change_role_definition(role: RoleGroup, *, name: str, permissions: set[str], actor: User) -> RoleGroup:
    """Rename a role and change what it may do; everybody in it feels it with their next request.

    Raises as ``create_role`` does, and NotYourRole for one of the six.
    """
    workspace = role.workspace
    if not role.is_custom:
        raise NotYourRole(f"{role.label} is one of the six roles that every workspace has.")
    before = permissions_of(role)
    _check(actor, workspace, permissions | before)
    name = _free_name(workspace, name, besides=role)
    lock(workspace)
    was = role.name
    role.name = name
    _save(role)
    for codename in sorted(permissions - before):
        grant(f"core.{codename}", role.group, workspace)
    for codename in sorted(before - permissions):
        revoke(f"core.{codename}", role.group, workspace)
    audit.record(
        "role.changed",
        actor=actor,
        target=role,
        before={"name": was, "permissions": sorted(before)},
        after={"name": name, "permissions": sorted(permissions)},
    )
    return role


@transaction.atomic
def delete_role(role: RoleGroup, *, actor: User) -> None:
    """Delete a role of the workspace's own, with its grants. Raises NotGranted, NotYourRole or RoleInUse."""
    require(actor, "core.manage_role", role.workspace)
    if not role.is_custom:
        raise NotYourRole(f"{role.label} is one of the six roles that every workspace has.")
    lock(role.workspace)
    people, invited = uses_of(role)
    if people or invited:
        raise RoleInUse(f"{role.name} is used by {people} member(s) and {invited} open invitation(s).")
    permissions = sorted(permissions_of(role))
    audit.record("role.deleted", actor=actor, target=role, before={"name": role.name, "permissions": permissions})
    group = role.group
    role.delete()
    group.delete()
    forget_grants()


def permissions_of(role: RoleGroup) -> set[str]:
    """Codenames that a role holds on the whole workspace."""
    rows = GroupObjectPermission.objects.filter(group=role.group_id, object_pk=str(role.workspace_id))
    return set(rows.filter(permission__content_type__app_label="core").values_list("permission__codename", flat=True))


def uses_of(role: RoleGroup) -> tuple[int, int]:
    """(members in it, open invitations to it)"""
    people = Membership.objects.in_workspace(role.workspace).filter(custom_role=role).count()
    return people, Invitation.objects.in_workspace(role.workspace).open().filter(role_group=role).count()


@dataclass(frozen=True)
class RoleFacts:
    """A role, the codenames it holds on the whole workspace in the order of LABELS, and how many people have it."""

    role: RoleGroup
    permissions: list[str]
    members: int


def facts_of(workspace: Workspace, roles: list[RoleGroup]) -> list[RoleFacts]:
    """What there is to say about each role. Two queries, however many roles there are."""
    held: dict[int, set[str]] = {role.group_id: set() for role in roles}
    grants = GroupObjectPermission.objects.filter(group__in=held, object_pk=str(workspace.pk))
    for group, codename in grants.values_list("group_id", "permission__codename"):
        held[group].add(codename)
    rows = Membership.objects.in_workspace(workspace).values("role", "custom_role").annotate(people=Count("pk"))
    people = {row["custom_role"] or row["role"]: row["people"] for row in rows}
    return [
        RoleFacts(
            role=role,
            permissions=[codename for codename in LABELS if codename in held[role.group_id]],
            members=people.get(role.pk if role.is_custom else role.role, 0),
        )
        for role in roles
    ]


def _check(actor: User, workspace: Workspace, permissions: set[str]) -> None:
    require(actor, "core.manage_role", workspace)
    unknown = permissions - set(LABELS)
    if unknown:
        raise Invalid("There is no such permission.", {"permissions": "Choose from the permissions listed."})
    check_holds(actor, workspace, permissions, "This role would")


def _free_name(workspace: Workspace, name: str, besides: RoleGroup | None = None) -> str:
    name = " ".join(name.split())
    taken = RoleGroup.objects.in_workspace(workspace).filter(name__iexact=name)
    if besides is not None:
        taken = taken.exclude(pk=besides.pk)
    if not name:
        raise Invalid("A role needs a name.", {"name": "Give it a name."})
    if name.lower() in {label.lower() for label in Role.labels} or taken.exists():
        raise Invalid(f"There is a role called {name} already.", {"name": "Choose another name: this one is taken."})
    return name


def _save(role: RoleGroup) -> None:
    try:
        with transaction.atomic():
            role.save()
    except IntegrityError as error:
        raise Invalid(f"There is a role called {role.name} already.", {"name": "This name is taken."}) from error
