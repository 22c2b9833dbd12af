"""Who may do what with an installation: roles, people and agents, so that people know whom to ask."""

from collections import defaultdict
from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from guardian.models import GroupObjectPermission, UserObjectPermission

from galaxy.core.agents import agents_on, why_holds
from galaxy.core.members.limits import in_order
from galaxy.core.models import Agent, Workspace
from registry.models import Installation

GRANTABLE_ACTS = {
    "view_installation": "See it",
    "run_installation": "Run it where it reads",
    "write_installation": "Run it where it writes",
    "pin_installation": "Move and pin its version",
}
ACTS = GRANTABLE_ACTS | {"install_extension": "Remove it"}


@dataclass(frozen=True)
class Holder:
    """Who holds an act, and ``why`` where it is not by their role or name alone. ``agent`` is set for an agent."""

    name: str
    why: str = ""
    agent: Agent | None = None


def who_may(installation: Installation) -> list[tuple[str, list[Holder]]]:
    """Each act with the roles, people and agents who hold it, on the workspace or on this installation alone."""
    holders: dict[str, list[Holder]] = defaultdict(list)
    on_workspace = {
        "object_pk": str(installation.workspace_id),
        "content_type": ContentType.objects.get_for_model(Workspace),
        "permission__codename__in": ACTS,
    }
    on_this = {
        "object_pk": str(installation.pk),
        "content_type": ContentType.objects.get_for_model(Installation),
        "permission__codename__in": ACTS,
    }

    def add(codename: str, name: str, why: str) -> None:
        if all(known.name != name for known in holders[codename]):
            holders[codename].append(Holder(name, why))

    places = ((on_workspace, ""), (on_this, "given here"))
    for where, why in places:
        by_role = GroupObjectPermission.objects.filter(
            group__role_group__workspace=installation.workspace_id, **where
        ).select_related("permission", "group__role_group")
        roles = in_order(list({row.group.role_group for row in by_role}))
        order = {role.pk: place for place, role in enumerate(roles)}
        for row in sorted(by_role, key=lambda row: order[row.group.role_group.pk]):
            add(row.permission.codename, row.group.role_group.label, why)
    for where, why in places:
        by_name = UserObjectPermission.objects.filter(**where).order_by("user__name")
        for codename, name in by_name.values_list("permission__codename", "user__name"):
            add(codename, name, why or "given by name")
    for agent, codename in agents_on(installation):
        if codename in ACTS:
            why = why_holds(agent, f"registry.{codename}", installation)
            holders[codename].append(Holder(agent.name, why, agent))
    return [(label, holders[codename]) for codename, label in ACTS.items() if holders[codename]]
