"""What comes next as it is shown: what the rules of the workspace would stop is not told as if it were taken.

The sweep asks the gates itself before it moves anything, and tells who can see to it; this is the same for readers.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from registry.gates import hindrances_of
from registry.models import Installation
from registry.services.moving import upgrade_step
from registry.updates.deciding import State
from registry.updates.planning import Plan, plans_of


def ruled_plans(installations: Sequence[Installation], now: datetime | None = None) -> dict[UUID, Plan]:
    """As ``plans_of``, in a fixed number of queries; a goal that a rule stops is none, and says why."""
    plans = plans_of(installations, now)
    taken = [one for one in plans.values() if one.goal and one.set_by]
    steps = []
    for one in taken:
        assert one.goal and one.set_by  # noqa: S101  (chosen by that)
        version = one.goal.release.version
        version.extension = one.installation.extension  # the same row, which is here already
        steps.append(upgrade_step(one.installation, version, one.set_by, keeps=one.goal.keeps))
    for found, why in zip(taken, hindrances_of(steps), strict=True):
        if why:
            plans[found.installation.pk] = _ruled(found, why)
    return plans


def _ruled(found: Plan, why: str) -> Plan:
    goal = found.goal
    assert goal is not None  # noqa: S101  (the caller chose it by that)
    told = replace(goal, state=State.RULED, why=(f"It is not taken by itself. {why}",), at=None)
    return replace(found, goal=None, verdicts=tuple(told if one is goal else one for one in found.verdicts))
