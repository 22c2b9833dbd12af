"""The dashboard: what is unhealthy, what is slow, what costs, what waits, and what came of it this week.

Made in a fixed number of queries however much is installed and however much ran: times and calls come from roll-ups,
never from runs.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from galaxy.core.ui.charts import Chart
from registry.models import Installation
from registry.standing import STATES, Standing
from sandbox.forms import COUNTED
from sandbox.health.objective import Objective
from sandbox.health.standing import Links, facts_of, standing_of
from sandbox.metrics.glance import Glance, glance_at
from sandbox.metrics.lines import Line, installed_for, lines_of
from sandbox.metrics.rows import rows_url
from sandbox.metrics.simulated import simulated_calls
from sandbox.metrics.waiting import Wait, waiting_in
from sandbox.metrics.windows import Window, windows
from sandbox.models import Counts
from sandbox.outcomes.attribution import Part, costs_of, makers_of
from sandbox.outcomes.page import makers_url, weekly_chart
from sandbox.outcomes.weeks import counting_in, history

SHOWN = 8
SLOWEST = 10


@dataclass(frozen=True)
class Connector:
    """How one installation that reaches another system stands, against the objective of seven days."""

    installation: Installation
    standing: Standing
    objective: Objective
    calls_url: str
    failed_url: str

    @property
    def burn(self) -> str:
        """The tone of its burn chip: bad where the budget is gone, warn where the day burns it faster than it lasts."""
        if self.objective.is_missed:
            return "bad"
        rate = self.objective.burn_rate
        return "warn" if self.objective.is_judged and rate is not None and rate > 1 else "ok"


@dataclass(frozen=True)
class Spent:
    """What calls of one installation, or runs of one pack, cost: ``amounts`` as they are read."""

    name: str
    slug: str
    amounts: str
    note: str
    url: str


@dataclass(frozen=True)
class Dashboard:
    window: Window
    windows: list[Window]
    connectors: list[Connector]
    connectors_more: int
    unhealthy: int
    issues: int
    slowest: list[Line]
    slow: int
    targets: int
    spent: list[Spent]
    packs: list[Spent]
    total: str
    waits: list[Wait]
    outcomes: Chart
    outcome_count: int
    makers: list[tuple[Part, str]]
    behind: datetime | None
    simulated_calls: int  # told where nothing ran live, and 0 elsewhere
    sees_all: bool

    @property
    def is_empty(self) -> bool:
        return not (self.connectors or self.targets or self.outcome_count or self.waiting)

    @property
    def waiting(self) -> int:
        return sum(wait.number for wait in self.waits)

    @property
    def finding(self) -> str:
        """The page in a sentence."""
        parts = []
        if self.unhealthy:
            parts.append(f"{self.unhealthy} extension{' needs' if self.unhealthy == 1 else 's need'} somebody")
        if self.slow:
            parts.append(f"{self.slow} target{' is' if self.slow == 1 else 's are'} slower than the budget")
        if self.waiting:
            parts.append(f"{self.waiting} wait{'s' if self.waiting == 1 else ''} for a yes, a turn or a connection")
        return f"{', '.join(parts)}." if parts else "Nothing is unwell, nothing is slow, and nothing waits."


def dashboard(workspace: Workspace, user: User, window: Window) -> Dashboard:
    """Everything the page shows ``user``."""
    installed = installed_for(workspace, user)
    sees_all = can(user, "core.view_run", workspace)
    only = None if sees_all else list(installed)
    glance = glance_at(workspace, window, slowest=SLOWEST, installations=only)
    connectors = _connectors([one for one in installed.values() if one.is_active])
    unhealthy = [one for one in connectors if one.standing.is_unhealthy]
    waiting = waiting_in(workspace, user)
    weeks = history(workspace, None if sees_all else user)
    week = weeks[-1][0]
    reached = counting_in(workspace, week.since, week.until, None if sees_all else user)
    return Dashboard(
        window=window,
        windows=windows(),
        connectors=connectors[:SHOWN],
        connectors_more=max(len(connectors) - SHOWN, 0),
        unhealthy=len(unhealthy),
        issues=waiting.issues,
        slowest=lines_of(glance.slowest, workspace, window, installed),
        slow=glance.slow,
        targets=glance.targets,
        spent=_spent(glance, workspace, window, installed),
        packs=_packs(workspace, window, None if sees_all else user),
        total=in_words(glance.total),
        waits=waiting.waits,
        outcomes=weekly_chart(workspace, weeks),
        outcome_count=weeks[-1][1],
        makers=[(part, makers_url(workspace, week, part)) for part in makers_of(reached)[:SHOWN]]
        if weeks[-1][1]
        else [],
        behind=waiting.behind,
        simulated_calls=0 if glance.calls else simulated_calls(workspace, window, only),
        sees_all=sees_all,
    )


def _connectors(installed: list[Installation]) -> list[Connector]:
    """Those that reach another system, the worst first, then the busiest."""
    if not installed:
        return []
    found = []
    for facts in facts_of(installed).values():
        links = Links(facts.installation)
        found.append(
            Connector(
                facts.installation,
                standing_of(facts),
                facts.objective,
                links.to(counts=COUNTED),
                links.to(counts=Counts.BAD),
            )
        )
    return sorted(
        found,
        key=lambda one: (
            not one.standing.is_unhealthy,
            STATES.index(one.standing.state),
            -one.objective.week.counted,
            str(one.installation),
        ),
    )


def _spent(glance: Glance, workspace: Workspace, window: Window, installed: dict[UUID, Installation]) -> list[Spent]:
    found = []
    sums = ((pk, money) for pk, money in glance.spent.items() if pk in installed)
    for pk, money in sorted(sums, key=lambda pair: -sum(pair[1].values()))[:SHOWN]:
        extension = installed[pk].extension
        url = rows_url(workspace, window, installation=pk, why="charged")
        note = f"{glance.charged[pk]:,} calls succeeded"
        found.append(Spent(extension.name, extension.slug, in_words(money), note, url))
    return found


def _packs(workspace: Workspace, window: Window, user: User | None) -> list[Spent]:
    found = []
    for one in costs_of(workspace, window.since, window.until, user, only_dear=True)[:SHOWN]:
        each = f"{in_words(one.each)} each" if one.each else "none to share it"
        note = f"{one.outcomes:,} outcome{'' if one.outcomes == 1 else 's'}, {each}"
        url = rows_url(workspace, window, action=one.target, kind="pack")
        found.append(Spent(one.target, "", in_words(one.money), note, url))
    return found


def in_words(money: dict[str, Decimal]) -> str:
    """Amounts by currency: "12.40 EUR, 3 USD"; "" of none. Below one cent with what it takes to see it."""
    return ", ".join(f"{_amount(amount)} {currency}".strip() for currency, amount in sorted(money.items()) if amount)


def _amount(amount: Decimal) -> str:
    if amount >= Decimal("0.01"):
        return f"{amount:,.2f}"
    return format(round(amount, 6).normalize(), "f")
