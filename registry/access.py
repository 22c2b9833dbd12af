"""Who may do what with an installation: roles, people and agents, so that people know whom to ask."""

from collections import defaultdict
from dataclasses import dataclass

from guardian.models import GroupObjectPermission, UserObjectPermission

from galaxy.core.agents import agents_on, why_holds
from galaxy.core.members.limits import in_order
from galaxy.core.models import Agent
from galaxy.core.object_grants import GrantRows
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


def who_may(installation: Installation, rows: GrantRows) -> list[tuple[str, list[Holder]]]:
    """Each act with the roles, people and agents who hold it, on the workspace or on this installation alone.

    ``rows`` are the grants of ACTS (galaxy.core.object_grants.grant_rows).
    """
    holders: dict[str, list[Holder]] = defaultdict(list)
    here = str(installation.pk)

    def add(row: UserObjectPermission | GroupObjectPermission, name: str, why: str) -> None:
        of_act = holders[rows.acts[row.permission_id]]
        if all(known.name != name for known in of_act):
            of_act.append(Holder(name, why))

    order = {
        role.pk: place for place, role in enumerate(in_order(list({row.group.role_group for row in rows.by_role})))
    }
    for row in sorted(rows.by_role, key=lambda row: (row.object_pk == here, order[row.group.role_group.pk])):
        add(row, row.group.role_group.label, "given here" if row.object_pk == here else "")
    by_name = sorted(rows.by_name, key=lambda given: (given.object_pk == here, given.user.name))
    for given in by_name:
        add(given, given.user.name, "given here" if given.object_pk == here else "given by name")
    for agent, codename in agents_on(installation):
        if codename in ACTS:
            why = why_holds(agent, f"registry.{codename}", installation)
            holders[codename].append(Holder(agent.name, why, agent))
    return [(label, holders[codename]) for codename, label in ACTS.items() if holders[codename]]
