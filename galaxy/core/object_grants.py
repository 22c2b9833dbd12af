"""What the page of one object shows of the grants on it, and offers: the same for every kind of object."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from guardian.models import GroupObjectPermission, UserObjectPermission

from galaxy.core.agents import agents_on, why_holds
from galaxy.core.db.prepared import prepared
from galaxy.core.grantables import find_grantable
from galaxy.core.members.limits import in_order
from galaxy.core.models import Agent, Membership, RoleGroup, User, Workspace
from galaxy.core.permissions import Denied, why_not

OFFERED = 100  # people suggested; any other member's address can be typed


@dataclass(frozen=True)
class Held:
    """One grant to a ``kind`` of holder: role, user or agent. ``agent`` has its page, where its grants are changed;
    ``why`` says whose it is."""

    codename: str
    label: str
    kind: str
    id: Any
    name: str
    agent: Agent | None = None
    why: str = ""

    @property
    def to(self) -> str:
        """As forms name the holder."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class ObjectGrants:
    """The grants on one object, and what a form that gives another one offers. ``denied``: why it is off."""

    object: str
    acts: dict[str, str]
    held: list[Held]
    denied: Denied | None
    roles: list[RoleGroup]
    people: list[User]


@dataclass(frozen=True)
class GrantRows:
    """Guardian's rows on one object and on its workspace; ``acts`` are the codenames by the key of their permission."""

    acts: dict[int, str]
    by_role: list[GroupObjectPermission]
    by_name: list[UserObjectPermission]


def grant_rows(obj: Any, codenames: Iterable[str]) -> GrantRows:
    """The grants of ``codenames`` on ``obj`` and on its workspace, to roles and people, in three queries."""
    # Looked up once: joined to each grant, every permission there is would be read for each of them.
    types = ContentType.objects.get_for_models(Workspace, type(obj)).values()
    acts = dict(_acts(types=",".join(str(one.pk) for one in types), codenames=",".join(codenames)))
    on_either = {"objects": f"{obj.workspace_id},{obj.pk}", "permissions": ",".join(map(str, acts))}
    return GrantRows(acts, _by_role(workspace=obj.workspace_id, **on_either), _by_name(**on_either))


@prepared
def _acts(types: str, codenames: str) -> QuerySet[Permission, tuple[int, str]]:
    wanted = Permission.objects.filter(content_type__id__among=types, codename__among=codenames)
    return wanted.order_by().values_list("pk", "codename")


@prepared
def _by_role(workspace: UUID, objects: str, permissions: str) -> QuerySet[GroupObjectPermission]:
    rows = GroupObjectPermission.objects.filter(object_pk__among=objects, permission__id__among=permissions)
    return rows.filter(group__role_group__workspace=workspace).select_related("group__role_group")


@prepared
def _by_name(objects: str, permissions: str) -> QuerySet[UserObjectPermission]:
    rows = UserObjectPermission.objects.filter(object_pk__among=objects, permission__id__among=permissions)
    return rows.select_related("user")


def object_grants(user: User, obj: Any, rows: GrantRows | None = None) -> ObjectGrants:
    """Read in a fixed number of queries; people and roles only for whoever may give. ``rows`` where they are read
    already."""
    denied = why_not(user, "core.manage_member", obj.workspace)
    roles: list[RoleGroup] = []
    people: list[User] = []
    if denied is None:
        roles = in_order(_roles(workspace=obj.workspace_id))
        people = [membership.user for membership in _members(workspace=obj.workspace_id)]
    grantable = find_grantable(obj)
    return ObjectGrants(
        object=f"{grantable.kind}|{obj.pk}",
        acts=grantable.permissions,
        held=held_on_object(obj, rows),
        denied=denied,
        roles=roles,
        people=people,
    )


@prepared
def _roles(workspace: UUID) -> QuerySet[RoleGroup]:
    return RoleGroup.objects.in_workspace(workspace)


@prepared
def _members(workspace: UUID) -> QuerySet[Membership]:
    return Membership.objects.in_workspace(workspace).select_related("user").order_by("user__name")[:OFFERED]


def held_on_object(obj: Any, rows: GrantRows | None = None) -> list[Held]:
    """Every grant on this very object, by the holder's name."""
    grantable = find_grantable(obj)
    labels, here = grantable.permissions, str(obj.pk)
    rows = rows or grant_rows(obj, labels)
    found = []
    for row in rows.by_role:
        role, codename = row.group.role_group, rows.acts[row.permission_id]
        if row.object_pk == here and codename in labels:
            found.append(Held(codename, labels[codename], "role", role.pk, role.label))
    for one in rows.by_name:
        codename = rows.acts[one.permission_id]
        if one.object_pk == here and codename in labels:
            found.append(Held(codename, labels[codename], "user", one.user_id, str(one.user)))
    for agent, codename in agents_on(obj):
        if codename in labels:
            why = why_holds(agent, grantable.perm(codename), obj)
            found.append(Held(codename, labels[codename], "agent", agent.pk, agent.name, agent, why))
    return sorted(found, key=lambda one: (one.name.lower(), one.codename))
