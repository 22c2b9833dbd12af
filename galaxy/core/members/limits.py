"""Nobody gives what they lack, and nobody rules over whoever holds more than they do."""

from uuid import UUID

from django.db.models import QuerySet
from guardian.models import GroupObjectPermission

from galaxy.core.db.prepared import prepared
from galaxy.core.errors import DomainError
from galaxy.core.models import Membership, Role, RoleGroup, User, Workspace
from galaxy.core.permissions import held_on, label_of, require


class AboveYou(DomainError):
    """The act would give, or take from somebody, what the actor does not hold themselves."""

    status = 403
    code = "above_you"
    next_step = "Ask an owner of the workspace to do it."


def codenames_of(role: RoleGroup) -> set[str]:
    """Every permission that a role carries, on the workspace or on any object in it."""
    rows = GroupObjectPermission.objects.filter(group=role.group_id)
    return set(rows.values_list("permission__codename", flat=True))


def check_may_give(actor: User, role: RoleGroup) -> None:
    """Raise NotGranted or AboveYou unless ``actor`` may put somebody into ``role``."""
    require(actor, "core.manage_member", role.workspace)
    check_holds(actor, role.workspace, codenames_of(role), f"The role {role.label} may")


def check_may_rule(actor: User, membership: Membership) -> None:
    """Raise NotGranted or AboveYou unless ``actor`` may change or end ``membership``."""
    require(actor, "core.manage_member", membership.workspace)
    held = held_on(membership.user, membership.workspace)
    check_holds(actor, membership.workspace, held, f"{membership.user} may")


def check_holds(actor: User, workspace: Workspace, codenames, whose: str) -> None:
    """Raise AboveYou unless ``actor`` holds all of ``codenames`` on the whole workspace; ``whose`` begins the words."""
    lacking = sorted(set(codenames) - held_on(actor, workspace))
    if lacking:
        words = ", ".join(f"“{label_of(codename)}”" for codename in lacking)
        raise AboveYou(f"{whose} do what you may not: {words}.")


def givable_roles(actor: User, workspace: Workspace) -> list[RoleGroup]:
    """The roles that ``actor`` may put people into, the six first. Two queries, however many roles there are."""
    roles = _roles(workspace=workspace.pk)
    carried: dict[int, set[str]] = {role.group_id: set() for role in roles}
    for group, codename in _carried(workspace=workspace.pk):
        if group in carried:  # made between the two
            carried[group].add(codename)
    held = held_on(actor, workspace)
    return [role for role in in_order(roles) if carried[role.group_id] <= held]


@prepared
def _roles(workspace: UUID) -> QuerySet[RoleGroup]:
    return RoleGroup.objects.filter(workspace=workspace).select_related("workspace")


@prepared
def _carried(workspace: UUID) -> QuerySet[GroupObjectPermission, tuple[int, str]]:
    rows = GroupObjectPermission.objects.filter(group__role_group__workspace=workspace)
    return rows.values_list("group_id", "permission__codename")


def in_order(roles: list[RoleGroup]) -> list[RoleGroup]:
    """The six as they are written down, then the workspace's own by name."""
    order = list(Role.values)
    return sorted(roles, key=lambda role: (order.index(role.role) if role.role else len(order), role.name.lower()))
