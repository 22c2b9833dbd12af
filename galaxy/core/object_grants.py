"""What the page of one object shows of the grants on it, and offers: the same for every kind of object."""

from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from guardian.models import GroupObjectPermission, UserObjectPermission

from galaxy.core.grantables import find_grantable
from galaxy.core.members.limits import in_order
from galaxy.core.models import Membership, RoleGroup, User
from galaxy.core.permissions import Denied, why_not

OFFERED = 100  # people suggested; any other member's address can be typed


@dataclass(frozen=True)
class Held:
    """One grant: ``to`` is what a form sends (``user:<id>``), ``name`` what a person reads."""

    codename: str
    label: str
    to: str
    name: str


@dataclass(frozen=True)
class ObjectGrants:
    """The grants on one object, and what a form that gives another one offers. ``denied``: why it is off."""

    object: str
    acts: dict[str, str]
    held: list[Held]
    denied: Denied | None
    roles: list[RoleGroup]
    people: list[User]


def object_grants(user: User, obj: Any) -> ObjectGrants:
    """Read in a fixed number of queries; people and roles only for whoever may give."""
    grantable = find_grantable(obj)
    denied = why_not(user, "core.manage_member", obj.workspace)
    where = {"object_pk": str(obj.pk), "content_type": ContentType.objects.get_for_model(obj)}
    held = [
        Held(row.permission.codename, "", f"role:{row.group.role_group.pk}", row.group.role_group.label)
        for row in GroupObjectPermission.objects.filter(
            group__role_group__workspace=obj.workspace, **where
        ).select_related("permission", "group__role_group")
    ] + [
        Held(row.permission.codename, "", f"user:{row.user_id}", str(row.user))
        for row in UserObjectPermission.objects.filter(**where).select_related("permission", "user").order_by("user")
    ]
    roles: list[RoleGroup] = []
    people: list[User] = []
    if denied is None:
        roles = in_order(list(RoleGroup.objects.in_workspace(obj.workspace)))
        members = Membership.objects.in_workspace(obj.workspace).select_related("user").order_by("user__name")
        people = [membership.user for membership in members[:OFFERED]]
    return ObjectGrants(
        object=f"{grantable.kind}|{obj.pk}",
        acts=grantable.permissions,
        held=[
            Held(one.codename, grantable.permissions[one.codename], one.to, one.name)
            for one in sorted(held, key=lambda one: one.name.lower())
            if one.codename in grantable.permissions
        ],
        denied=denied,
        roles=roles,
        people=people,
    )
