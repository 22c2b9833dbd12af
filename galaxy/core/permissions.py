"""Who may do what: role groups, grants on single objects, and the sentence that explains a missing one.

Grants are django-guardian's rows. They are read here in two ways only: ``can`` for one object, ``granted`` as a filter
for lists; neither ever looks at ``is_superuser`` or at a global grant, since an Admin of one workspace is nobody in
the next.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import CharField, Model, OuterRef, Q, QuerySet, Subquery, UUIDField
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from galaxy.core.db.prepared import prepared
from galaxy.core.models import BreakGlass, InWorkspace, PermissionRequest, Role, RoleGroup, User, Workspace

READ = {"view_listing", "view_installation", "view_member", "view_rule"}
RUN = {"run_installation"}
EVERYTHING = {codename for codename, _ in Workspace._meta.permissions}
ROLE_PERMISSIONS: dict[str, set[str]] = {
    Role.OWNER: EVERYTHING,
    Role.ADMIN: EVERYTHING - {"manage_role", "change_settings"},
    Role.APPROVER: READ | {"view_run", "view_approval", "decide_approval", "review_submission"},
    Role.CREATOR: READ | RUN | {"write_extension", "manage_trigger"},
    Role.AUDITOR: READ | {"view_run", "view_approval", "view_auditevent", "export_auditevent", "view_secret"},
    Role.MEMBER: READ | RUN,
}
# Of staff while a break-glass is open: see galaxy.core.break_glass.
SUPPORT_PERMISSIONS = ROLE_PERMISSIONS[Role.AUDITOR] - {"export_auditevent"}
LABELS: dict[str, str] = dict(Workspace._meta.permissions)
MOST_GIVERS = 20  # who are read together for the controls of a page that are off

# Within one request the grants of an object are read once. Outside a request nothing is remembered.
_remembered: ContextVar[dict | None] = ContextVar("galaxy_grants", default=None)


class NotGranted(PermissionDenied):
    """The act is refused for want of a grant; ``denied`` says which one and who can give it."""

    status = 403
    code = "not_granted"

    def __init__(self, denied: "Denied"):
        super().__init__(denied.sentence)
        self.denied = denied
        self.next_step = denied.next_step


@dataclass(frozen=True)
class Denied:
    """Why a control is off: the missing permission in words, and who in the workspace can give it.

    ``ask`` is what the form that asks them sends: permission, kind and id of the object; empty where there is nobody
    to ask. ``asked`` is the id of their request that waits, in the workspace ``slug``.
    """

    permission: str
    label: str
    who: str
    ask: str = ""
    asked: str = ""
    slug: str = ""

    @property
    def sentence(self) -> str:
        return f"This needs the permission “{self.label}”, which you do not have here."

    @property
    def next_step(self) -> str:
        return f"Ask {self.who} for it."


def can(user: User, perm: str, obj: InWorkspace) -> bool:
    """True by a grant on ``obj`` or on its workspace, where the role groups hold theirs.

    ``perm`` is ``app.codename``; the workspace's permission bears the same codename in core.
    """
    if not user.is_authenticated or not user.is_active:
        return False
    codename = perm.partition(".")[2]
    return codename in _grants_on(user, obj.workspace) or (
        not isinstance(obj, Workspace) and codename in _grants_on(user, obj)
    )


def require(user: User, perm: str, obj: InWorkspace) -> None:
    """Raise NotGranted unless ``can(user, perm, obj)``."""
    denied = why_not(user, perm, obj)
    if denied:
        raise NotGranted(denied)


def why_not(user: User, perm: str, obj: InWorkspace) -> Denied | None:
    """None where ``user`` may; else what is missing and who can give it, for the control that is off."""
    if can(user, perm, obj):
        return None
    codename = perm.partition(".")[2]
    who = _givers(obj.workspace, codename)
    return Denied(
        permission=perm,
        label=label_of(codename),
        who=who or "an owner of the workspace",
        ask=f"{perm}|{obj._meta.label_lower}|{obj.pk}" if who and _may_ask(user, obj.workspace) else "",
        asked=_asked_by(user, obj.workspace).get((perm, obj.pk), ""),
        slug=obj.workspace.slug,
    )


def label_of(codename: str) -> str:
    """The words for a permission, the same wherever it is held."""
    return LABELS.get(codename, codename.replace("_", " "))


def givers_of(workspace: Workspace, codename: str) -> QuerySet[User, User]:
    """The members who can give ``codename``: they may give at all, and hold it themselves, on the whole workspace."""
    return _who_can_give(workspace.pk, str(workspace.pk), codename)


def holders_of(workspace: Workspace, codename: str) -> QuerySet[User, User]:
    """The members who hold ``codename`` on the whole workspace, by their role or by name."""
    return User.objects.filter(_holds(codename, workspace), is_active=True, memberships__workspace=workspace)


def holders_on(obj: InWorkspace, codename: str) -> QuerySet[User, User]:
    """The members who hold ``codename`` by a grant on this very object, to them or to a group of theirs."""
    return User.objects.filter(_holds(codename, obj), is_active=True, memberships__workspace=obj.workspace)


def granted(user: User, codename: str, model: type[Model], within: Workspace | None = None) -> Q:
    """A filter for rows of ``model`` (which has ``workspace``) that ``user`` holds ``codename`` on.

    By their role's grant on the workspace, or by a grant on the row itself. Two sub-selects, whatever the number of
    rows and grants; for staff a third, which finds the workspaces they may look into at this moment. Where only rows
    ``within`` one workspace are asked for, what is held on it is known already, and the question a short one.
    """
    if not user.is_authenticated or not user.is_active:
        return Q(pk__in=[])
    if within is not None and can(user, f"core.{codename}", within):
        return Q(workspace=within)
    by_role = Q()
    if within is None:
        for rows in _grant_rows(user, Workspace, codename):
            by_role |= Q(workspace_id__in=rows)
    by_role |= granted_on_rows(user, codename, model)
    if within is None and user.is_staff and codename in SUPPORT_PERMISSIONS:
        by_role |= Q(workspace_id__in=BreakGlass.objects.open().filter(user=user).values("workspace_id"))
    return by_role


def granted_on_rows(user: Any, codename: str, model: type[Model]) -> Q:
    """The part of ``granted`` that is held on the rows themselves; ``user`` may be a key, and is not looked at."""
    found = Q()
    for rows in _grant_rows(user, model, codename):
        found |= Q(pk__in=rows)
    return found


def holds(group: Group, perm: str, obj: InWorkspace) -> bool:
    """Whether a group was granted ``perm`` on this very object; read anew each time."""
    label = {"content_type__app_label": obj._meta.app_label, "content_type__model": obj._meta.model_name}
    rows = Permission.objects.filter(codename=perm.partition(".")[2], **label)
    return rows.filter(groupobjectpermission__group=group, groupobjectpermission__object_pk=str(obj.pk)).exists()


def grant(perm: str, to: User | Group, obj: InWorkspace) -> None:
    """Give ``perm`` on one object. Callers check and audit; see galaxy.core.members for the door."""
    assign_perm(perm, to, obj)
    forget_grants()


def revoke(perm: str, whom: User | Group, obj: InWorkspace) -> None:
    """Take ``perm`` on one object back; felt by the next request."""
    remove_perm(perm, whom, obj)
    forget_grants()


def make_role_groups(workspace: Workspace) -> None:
    """The six role groups of a new workspace with their grants, in four statements instead of some four hundred."""
    content_type = ContentType.objects.get_for_model(Workspace)
    permissions = {one.codename: one for one in Permission.objects.filter(content_type=content_type)}
    groups = Group.objects.bulk_create(Group(name=f"{workspace.pk}:{role}") for role in Role.values)
    roles = dict(zip(Role.values, groups, strict=True))
    RoleGroup.objects.bulk_create(
        RoleGroup(workspace=workspace, role=role, group=group) for role, group in roles.items()
    )
    GroupObjectPermission.objects.bulk_create(
        GroupObjectPermission(
            group=group, permission=permissions[codename], content_type=content_type, object_pk=str(workspace.pk)
        )
        for role, group in roles.items()
        for codename in sorted(ROLE_PERMISSIONS[role])
    )
    forget_grants()


def held_on(user: User, obj: InWorkspace) -> frozenset[str]:
    """Codenames that ``user`` holds on exactly this object, by a group or by name."""
    return _grants_on(user, obj)


@contextmanager
def remember_grants(known: dict | None = None) -> Iterator[None]:
    """Read each object's grants at most once within the block: one request, never longer. ``known`` is of
    ``known_grants``."""
    token = _remembered.set(dict(known or {}))
    try:
        yield
    finally:
        _remembered.reset(token)


def forget_grants() -> None:
    """Read grants anew from here on: something changed them."""
    memory = _remembered.get()
    if memory is not None:
        memory.clear()


def known_grants(user: User, obj: InWorkspace, codenames: Iterable[str]) -> dict:
    """What ``remember_grants`` begins with, where the grants of one object were read along with something else."""
    return {_place(user, obj): frozenset(codenames)}


def held_in(user: Any, workspace: Any) -> ArraySubquery:
    """The codenames granted on a workspace, for a row that names both; read along with it, for ``known_grants``."""
    return ArraySubquery(permissions_on(user, "core", "workspace", Cast(workspace, CharField())))


def permissions_on(user: Any, app: str, model: str, pk: Any) -> QuerySet[Permission, str]:
    """The codenames granted on one object, to a person or to a group of theirs; some of them twice."""
    holds = Q(userobjectpermission__user=user, userobjectpermission__object_pk=pk) | Q(
        groupobjectpermission__group__user=user, groupobjectpermission__object_pk=pk
    )
    rows = Permission.objects.filter(holds, content_type__app_label=app, content_type__model=model)
    return rows.order_by().values_list("codename", flat=True)


def _place(user: User, obj: InWorkspace) -> tuple:
    return (user.pk, obj._meta.label_lower, obj.pk)


def _grants_on(user: User, obj: InWorkspace) -> frozenset[str]:
    def read() -> frozenset[str]:
        held = frozenset(
            _codenames(user=user.pk, app=obj._meta.app_label, model=str(obj._meta.model_name), pk=str(obj.pk))
        )
        return held | SUPPORT_PERMISSIONS if isinstance(obj, Workspace) and _looks_in(user, obj) else held

    return remembered(_place(user, obj), read)


@prepared
def _codenames(user: UUID, app: str, model: str, pk: str) -> QuerySet[Permission, str]:
    return permissions_on(user, app, model, pk)


def _looks_in(user: User, workspace: Workspace) -> bool:
    """Whether a staff person has a break-glass open here at this moment; others are not even looked up."""
    if not user.is_staff:
        return False
    looks = BreakGlass.objects.in_workspace(workspace).open().filter(user=user)
    return remembered(("looks in", user.pk, workspace.pk), looks.exists)


def _may_ask(user: User, workspace: Workspace) -> bool:
    """Members ask for what they miss; who only looks in is given nothing."""
    return user.is_authenticated and not _looks_in(user, workspace)


def _grant_rows(user: Any, model: type[Model], codename: str) -> Iterator[QuerySet[Any, Any]]:
    """The two sub-selects of primary keys: grants to the person, grants to a group of theirs."""
    permission = _permission(codename, model)
    for rows in (
        UserObjectPermission.objects.filter(user=user, permission=permission),
        GroupObjectPermission.objects.filter(group__user=user, permission=permission),
    ):
        yield rows.annotate(row=Cast("object_pk", UUIDField())).values("row")


def _holds(codename: str, obj: InWorkspace) -> Q:
    """Users who hold ``codename`` on ``obj`` itself, by a group or by name."""
    return _holds_at(codename, type(obj), str(obj.pk))


def _holds_at(codename: str, model: type[Model], pk: str) -> Q:
    what = {"object_pk": pk, "permission": _permission(codename, model)}
    # Sub-selects on both sides: a join with the groups would have a row for each of a person's.
    through = User.groups.through.objects.filter(group__in=GroupObjectPermission.objects.filter(**what).values("group"))
    return Q(pk__in=through.values("user")) | Q(pk__in=UserObjectPermission.objects.filter(**what).values("user"))


@cache
def _permission(codename: str, model: type[Model]) -> Subquery:
    """The key of a permission, looked up once and not joined: no plan looks it up for each grant."""
    content_type = {"content_type__app_label": model._meta.app_label, "content_type__model": model._meta.model_name}
    return Subquery(Permission.objects.filter(codename=codename, **content_type).values("pk"))


def _givers(workspace: Workspace, codename: str) -> str:
    """Up to three names of those who can give it, those in one of the six roles first; "" where nobody can."""

    def read() -> list[tuple[str, list[str]]]:
        return list(_those_who_give(workspace=workspace.pk, pk=str(workspace.pk)))

    first = remembered(("givers", workspace.pk), read)
    names = [name for name, held in first if codename in held][:3]
    if len(names) < 3 and len(first) == MOST_GIVERS:  # others may hold it
        names = list(_names_of_givers(workspace=workspace.pk, pk=str(workspace.pk), codename=codename))
    return " or ".join(names)


@prepared
def _those_who_give(workspace: UUID, pk: str) -> QuerySet[User, tuple[str, list[str]]]:
    """The first of those who give anything, with what they hold: asked once for all controls of a page that are off."""
    by_group = GroupObjectPermission.objects.filter(group__user=OuterRef(OuterRef("pk")), object_pk=pk)
    by_name = UserObjectPermission.objects.filter(user=OuterRef(OuterRef("pk")), object_pk=pk)
    held = Permission.objects.filter(Q(pk__in=by_group.values("permission")) | Q(pk__in=by_name.values("permission")))
    here = held.filter(content_type__app_label="core", content_type__model="workspace")
    people = _who_can_give(workspace, pk).order_by("-memberships__role", "name")
    return people.values_list("name", ArraySubquery(here.values("codename")))[:MOST_GIVERS]


@prepared
def _names_of_givers(workspace: UUID, pk: str, codename: str) -> QuerySet[User, str]:
    people = _who_can_give(workspace, pk, codename).order_by("-memberships__role", "name")
    return people.values_list("name", flat=True)[:3]


def _who_can_give(workspace: UUID, pk: str, *codenames: str) -> QuerySet[User, User]:
    """Who manages members and holds ``codenames``. ``pk`` is the workspace again, as grants name it."""
    people = User.objects.filter(is_active=True, memberships__workspace=workspace)
    for wanted in ("manage_member", *codenames):
        people = people.filter(_holds_at(wanted, Workspace, pk))
    return people


def _asked_by(user: User, workspace: Workspace) -> dict[tuple[str, Any], str]:
    """What ``user`` has asked for and waits for: {(permission, id of the object): id of the request}."""

    def read() -> dict:
        asked = _pending(workspace=workspace.pk, user=user.pk)
        return {(perm, target): str(pk) for pk, perm, target in asked}

    return remembered(("asked", user.pk, workspace.pk), read) if user.is_authenticated else {}


@prepared
def _pending(workspace: UUID, user: UUID) -> QuerySet[PermissionRequest, tuple[UUID, str, UUID]]:
    asked = PermissionRequest.objects.filter(workspace=workspace, asked_by=user).pending()
    return asked.values_list("pk", "permission", "target_id")


def remembered(key: tuple, read: Callable[[], Any]) -> Any:
    """What ``read`` answers, asked once within a request; ``forget_grants`` forgets it with the grants it rests on."""
    memory = _remembered.get()
    if memory is None:
        return read()
    if key not in memory:
        memory[key] = read()
    return memory[key]
