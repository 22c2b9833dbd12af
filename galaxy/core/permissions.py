"""Who may do what: role groups, grants on single objects, and the sentence that explains a missing one.

Grants are django-guardian's rows. They are read here in two ways only: ``can`` for one object, ``granted`` as a filter
for lists; neither ever looks at ``is_superuser`` or at a global grant, since an Admin of one workspace is nobody in
the next.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet, UUIDField
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from galaxy.core.models import InWorkspace, Membership, Role, RoleGroup, User, Workspace

READ = {"view_listing", "view_installation"}
RUN = {"run_installation"}
EVERYTHING = {codename for codename, _ in Workspace._meta.permissions}
ROLE_PERMISSIONS: dict[str, set[str]] = {
    Role.OWNER: EVERYTHING,
    Role.ADMIN: EVERYTHING,
    Role.APPROVER: READ | {"view_run", "view_approval", "decide_approval"},
    Role.CREATOR: READ | RUN,
    Role.AUDITOR: READ | {"view_run", "view_approval", "view_auditevent"},
    Role.MEMBER: READ | RUN,
}
_LABELS = dict(Workspace._meta.permissions)

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
    """Why a control is off: the missing permission in words, and who in the workspace can give it."""

    permission: str
    label: str
    who: str

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
    return Denied(perm, _LABELS.get(codename, codename.replace("_", " ")), _givers(obj.workspace))


def granted(user: User, codename: str, model: type[Model]) -> Q:
    """A filter for rows of ``model`` (which has ``workspace``) that ``user`` holds ``codename`` on.

    By their role's grant on the workspace, or by a grant on the row itself. Two sub-selects, whatever the number of
    rows and grants.
    """
    if not user.is_authenticated or not user.is_active:
        return Q(pk__in=[])
    by_role = Q()
    for rows in _grant_rows(user, Workspace, codename):
        by_role |= Q(workspace_id__in=rows)
    for rows in _grant_rows(user, model, codename):
        by_role |= Q(pk__in=rows)
    return by_role


def grant(perm: str, to: User | Group, obj: InWorkspace) -> None:
    """Give ``perm`` on one object. Callers check and audit; see galaxy.core.members for the door."""
    assign_perm(perm, to, obj)
    _forget()


def revoke(perm: str, whom: User | Group, obj: InWorkspace) -> None:
    """Take ``perm`` on one object back; felt by the next request."""
    remove_perm(perm, whom, obj)
    _forget()


def make_role_groups(workspace: Workspace) -> dict[str, Group]:
    """The six role groups of a workspace with their grants; safe to call again. Returns {role: group}."""
    groups = {}
    for role in Role.values:
        group, _ = Group.objects.get_or_create(name=f"{workspace.pk}:{role}")
        RoleGroup.objects.get_or_create(workspace=workspace, role=role, defaults={"group": group})
        for codename in sorted(ROLE_PERMISSIONS[role]):
            grant(f"core.{codename}", group, workspace)
        groups[role] = group
    return groups


@contextmanager
def remember_grants() -> Iterator[None]:
    """Read each object's grants at most once within the block: one request, never longer."""
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def _forget() -> None:
    memory = _remembered.get()
    if memory is not None:
        memory.clear()


def _grants_on(user: User, obj: InWorkspace) -> frozenset[str]:
    memory = _remembered.get()
    key = (user.pk, obj._meta.label_lower, obj.pk)
    if memory is not None and key in memory:
        return memory[key]
    label = {"content_type__app_label": obj._meta.app_label, "content_type__model": obj._meta.model_name}
    holds = Q(userobjectpermission__user=user, userobjectpermission__object_pk=str(obj.pk)) | Q(
        groupobjectpermission__group__user=user, groupobjectpermission__object_pk=str(obj.pk)
    )
    found = frozenset(Permission.objects.filter(holds, **label).values_list("codename", flat=True))
    if memory is not None:
        memory[key] = found
    return found


def _grant_rows(user: User, model: type[Model], codename: str) -> Iterator[QuerySet[Any, Any]]:
    """The two sub-selects of primary keys: grants to the person, grants to a group of theirs."""
    what = {
        "permission__codename": codename,
        "permission__content_type__app_label": model._meta.app_label,
        "permission__content_type__model": model._meta.model_name,
    }
    for rows in (
        UserObjectPermission.objects.filter(user=user, **what),
        GroupObjectPermission.objects.filter(group__user=user, **what),
    ):
        yield rows.annotate(row=Cast("object_pk", UUIDField())).values("row")


def _givers(workspace: Workspace) -> str:
    names = list(
        Membership.objects.in_workspace(workspace)
        .filter(role__in=[Role.OWNER, Role.ADMIN], user__is_active=True)
        .order_by("role", "user__name")
        .values_list("user__name", flat=True)[:3]
    )
    return " or ".join(names) or "an owner of the workspace"
