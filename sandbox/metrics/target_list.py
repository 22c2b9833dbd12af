"""The table of targets, a page of it at a time: the figures are added up of those alone that may stand on the page.

By calls and failures the order follows from sums. By slowness it follows from what 95 of 100 calls keep within, which
takes adding up the sketches of each. That lies between the least and the most that a target's roll-ups say by
themselves, as in sandbox.metrics.glance: so by these bounds it is open for few, and what comes out is as of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from registry.models import Installation
from sandbox.metrics.lines import Line, installed_for, lines_of
from sandbox.metrics.reading import BUDGETS_MS, Figures, figures_of
from sandbox.metrics.windows import Window

SORTS = {"slow": "The slowest beside its budget", "busy": "The busiest", "failing": "The most failed"}

_SUMS = """
SELECT installation_id, target, min(kind), sum(calls)::bigint, sum(good)::bigint, sum(bad)::bigint,
    min(p95_ms), max(p95_ms)
FROM sandbox_rollup
WHERE workspace_id = %(workspace)s AND period = %(period)s AND start >= %(since)s AND start < %(until)s
    AND is_simulated = %(simulated)s
    AND (%(installations)s::uuid[] IS NULL OR installation_id = ANY (%(installations)s::uuid[]))
GROUP BY installation_id, target
"""


class _Target(NamedTuple):
    """One target's sums, and between what its 95 of 100 lie; None where nothing was timed."""

    installation: UUID | None
    name: str
    kind: str
    calls: int
    good: int
    bad: int
    least_ms: float | None
    most_ms: float | None

    @property
    def error_rate(self) -> float:
        return self.bad / (self.good + self.bad) if self.good + self.bad else 0

    @property
    def at_least(self) -> float:
        """Times its budget; 0 where it has none, or nothing was timed."""
        return self._times(self.least_ms)

    @property
    def at_most(self) -> float:
        return self._times(self.most_ms)

    def _times(self, ms: float | None) -> float:
        budget = BUDGETS_MS.get(self.kind)
        return ms / budget if budget and ms else 0.0


@dataclass(frozen=True)
class TargetLines:
    """Every action, transform and pack that ran within ``window`` and that ``user`` may see, for a Paginator.

    ``words`` is part of a target's name; ``sort`` one of SORTS. Live runs, or the simulated ones alone. Three queries,
    one of them for each page that is looked at.
    """

    workspace: Workspace
    user: User
    window: Window
    words: str = ""
    sort: str = "slow"
    simulated: bool = False

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, places: slice) -> Sequence[Line]:
        if self.sort == "slow":
            found = self._slowest(places.stop)[places]
        else:
            wanted = sorted(self._targets, key=lambda one: -one.error_rate) if self.sort == "failing" else self._targets
            wanted = wanted[places]
            by_name = {(one.installation, one.target): one for one in self._figures(wanted)}
            found = [by_name[key] for one in wanted if (key := one[:2]) in by_name]
        return lines_of(found, self.workspace, self.window, self._installed, simulated=self.simulated)

    def _slowest(self, number: int) -> list[Figures]:
        """So many of them at least, in their order: whoever might be among them is added up."""
        bounds = sorted((one.at_least for one in self._targets), reverse=True)
        bar = bounds[number - 1] if 0 < number <= len(bounds) else 0.0
        return sorted(
            self._figures([one for one in self._targets if one.at_most >= bar]), key=lambda one: -one.slowness
        )

    def _figures(self, wanted: Sequence[_Target]) -> list[Figures]:
        """Of ``wanted``, the busiest first."""
        if not wanted:
            return []
        named = [(one.installation, one.name) for one in wanted if one.installation]
        if len(named) == len(wanted):
            return figures_of(self.workspace, self.window, simulated=self.simulated, targets=named)
        keys = {one[:2] for one in wanted}  # "other" has no name to ask for it by
        every = figures_of(self.workspace, self.window, simulated=self.simulated, installations=self._only)
        return [one for one in every if (one.installation, one.target) in keys]

    @cached_property
    def _installed(self) -> dict[UUID, Installation]:
        return installed_for(self.workspace, self.user)

    @property
    def _only(self) -> dict[UUID, Installation] | None:
        """None for whoever sees all runs, those of what is called "other" among them."""
        return None if can(self.user, "core.view_run", self.workspace) else self._installed

    @cached_property
    def _targets(self) -> list[_Target]:
        """The busiest first, as ``figures_of`` has them."""
        chosen: dict[str, Any] = {
            "workspace": self.workspace.pk,
            "period": self.window.period,
            "since": self.window.since,
            "until": self.window.until,
            "simulated": self.simulated,
            "installations": None if self._only is None else [str(one) for one in self._only],
        }
        with connection.cursor() as cursor:
            cursor.execute(_SUMS, chosen)
            found = [_Target(*row) for row in cursor.fetchall()]
        words = self.words.lower()
        return sorted((one for one in found if words in one.name.lower()), key=lambda one: (-one.calls, one.name))
