"""Who may do what with an installation: roles, people and agents, so that people know whom to ask."""

from collections import defaultdict
from dataclasses import dataclass

from django.contrib.auth.models import Permission
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
    "decide_approval": "Decide requests about it",
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
    here = str(installation.pk)
    # Looked up once: joined to each grant, every permission there is would be read for each of them.
    types = ContentType.objects.get_for_models(Workspace, Installation).values()
    acts = dict(Permission.objects.filter(content_type__in=types, codename__in=ACTS).values_list("pk", "codename"))
    on_either = {"object_pk__in": [str(installation.workspace_id), here], "permission__in": list(acts)}

    def add(row: UserObjectPermission | GroupObjectPermission, name: str, why: str) -> None:
        of_act = holders[acts[row.permission_id]]
        if all(known.name != name for known in of_act):
            of_act.append(Holder(name, why))

    by_role = GroupObjectPermission.objects.filter(
        group__role_group__workspace=installation.workspace_id, **on_either
    ).select_related("group__role_group")
    order = {role.pk: place for place, role in enumerate(in_order(list({row.group.role_group for row in by_role})))}
    for row in sorted(by_role, key=lambda row: (row.object_pk == here, order[row.group.role_group.pk])):
        add(row, row.group.role_group.label, "given here" if row.object_pk == here else "")
    by_name = UserObjectPermission.objects.filter(**on_either).select_related("user").order_by("user__name")
    for given in sorted(by_name, key=lambda given: given.object_pk == here):
        add(given, given.user.name, "given here" if given.object_pk == here else "given by name")
    for agent, codename in agents_on(installation):
        if codename in ACTS:
            why = why_holds(agent, f"registry.{codename}", installation)
            holders[codename].append(Holder(agent.name, why, agent))
    return [(label, holders[codename]) for codename, label in ACTS.items() if holders[codename]]
