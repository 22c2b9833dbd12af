"""The dashboard: what is unhealthy, what is slow, what costs, what waits, and what came of it this week.

Made in a fixed number of queries however much is installed and however much ran: times and calls come from roll-ups,
never from runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from galaxy.core.ui.charts import Chart
from policies.models import Approval
from registry.models import Installation
from registry.standing import STATES, Standing
from sandbox.forms import COUNTED
from sandbox.health.objective import Objective
from sandbox.health.standing import Links, facts_of, standing_of
from sandbox.metrics.lines import Line, lines_of
from sandbox.metrics.reading import Figures, figures_of
from sandbox.metrics.rolling import behind_since
from sandbox.metrics.rows import held_runs, rows_url
from sandbox.metrics.windows import Window, windows
from sandbox.models import Counts, Issue, Run
from sandbox.outcomes.attribution import Part, costs_of, makers_of
from sandbox.outcomes.page import makers_url, weekly_chart
from sandbox.outcomes.weeks import counting_in, history

SHOWN = 8
SLOWEST = 10
LATE = timedelta(minutes=2)  # how far figures may be behind without a word about it
_AGES = (("old1d", "longer than a day", timedelta(days=1)), ("old4h", "longer than 4 hours", timedelta(hours=4)))


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
class Wait:
    """Something that waits: how many, since when the oldest, and where they are."""

    label: str
    number: int
    oldest: datetime | None
    url: str
    older: tuple[tuple[str, str], ...] = ()


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
    installed = _installed(workspace, user)
    sees_all = can(user, "core.view_run", workspace)
    every = figures_of(workspace, window, installations=None if sees_all else installed)
    lines = lines_of([one for one in every if one.budget_ms], workspace, window, installed)
    timed = [line for line in lines if line.figures.p95_ms is not None]
    slowest = sorted(timed, key=lambda line: -line.figures.slowness)
    connectors = _connectors([one for one in installed.values() if one.is_active])
    unhealthy = [one for one in connectors if one.standing.is_unhealthy]
    weeks = history(workspace, None if sees_all else user)
    week = weeks[-1][0]
    reached = counting_in(workspace, week.since, week.until, None if sees_all else user)
    return Dashboard(
        window=window,
        windows=windows(),
        connectors=connectors[:SHOWN],
        connectors_more=max(len(connectors) - SHOWN, 0),
        unhealthy=len(unhealthy),
        issues=Issue.objects.in_workspace(workspace).visible_to(user, workspace).open().count(),
        slowest=slowest[:SLOWEST],
        slow=sum(line.figures.is_slow for line in lines),
        targets=len(lines),
        spent=_spent(every, workspace, window, installed),
        packs=_packs(workspace, window, None if sees_all else user),
        total=in_words(_total(every)),
        waits=_waits(workspace, user),
        outcomes=weekly_chart(workspace, weeks),
        outcome_count=weeks[-1][1],
        makers=[(part, makers_url(workspace, week, part)) for part in makers_of(reached)[:SHOWN]]
        if weeks[-1][1]
        else [],
        behind=_behind(workspace),
        sees_all=sees_all,
    )


def _installed(workspace: Workspace, user: User) -> dict[UUID, Installation]:
    """What ``user`` may see, what was removed among it: its runs of the window are told as well."""
    rows = Installation.objects.in_workspace(workspace).visible_to(user)
    return {one.pk: one for one in rows.select_related("workspace", "extension", "pin")}


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


def _spent(
    every: list[Figures], workspace: Workspace, window: Window, installed: dict[UUID, Installation]
) -> list[Spent]:
    sums: dict[UUID, dict[str, Decimal]] = {}
    calls: dict[UUID, Decimal] = {}
    for one in every:
        if one.installation in installed and one.money:
            _add(sums.setdefault(one.installation, {}), one.money)
            calls[one.installation] = calls.get(one.installation, Decimal(0)) + one.good
    found = []
    for pk, money in sorted(sums.items(), key=lambda pair: -sum(pair[1].values())):
        extension = installed[pk].extension
        url = rows_url(workspace, window, installation=pk, why="charged")
        found.append(Spent(extension.name, extension.slug, in_words(money), f"{calls[pk]:,} calls succeeded", url))
    return found[:SHOWN]


def _packs(workspace: Workspace, window: Window, user: User | None) -> list[Spent]:
    found = []
    for one in costs_of(workspace, window.since, window.until, user):
        if one.money:
            each = f"{in_words(one.each)} each" if one.each else "none to share it"
            note = f"{one.outcomes:,} outcome{'' if one.outcomes == 1 else 's'}, {each}"
            url = rows_url(workspace, window, action=one.target, kind="pack")
            found.append(Spent(one.target, "", in_words(one.money), note, url))
    return found[:SHOWN]


def _total(every: Iterable[Figures]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for one in every:
        _add(total, one.money)
    return total


def _add(sums: dict[str, Decimal], more: dict[str, Decimal]) -> None:
    for currency, amount in more.items():
        sums[currency] = sums.get(currency, Decimal(0)) + amount


def in_words(money: dict[str, Decimal]) -> str:
    """Amounts by currency: "12.40 EUR, 3 USD"; "" of none. Below one cent with what it takes to see it."""
    return ", ".join(f"{_amount(amount)} {currency}".strip() for currency, amount in sorted(money.items()) if amount)


def _amount(amount: Decimal) -> str:
    if amount >= Decimal("0.01"):
        return f"{amount:,.2f}"
    return format(round(amount, 6).normalize(), "f")


def _waits(workspace: Workspace, user: User) -> list[Wait]:
    now = timezone.now()
    ages = {name: Count("pk", filter=Q(requested_at__lte=now - age)) for name, _, age in _AGES}
    approvals = Approval.objects.in_workspace(workspace).visible_to(user, workspace).waiting()
    asked: dict[str, Any] = approvals.aggregate(number=Count("pk"), oldest=Min("requested_at"), **ages)
    queue_url = f"{reverse('policies:approval-list', args=[workspace.slug])}?tab=waiting"
    visible = Run.objects.in_workspace(workspace).visible_to(user)
    list_url = reverse("sandbox:run-list", args=[workspace.slug])
    counts = {"number": Count("pk"), "oldest": Min("created_at")}
    queued: dict[str, Any] = visible.top_level().filter(state=Run.State.QUEUED).aggregate(**counts)
    held: dict[str, Any] = held_runs(visible).aggregate(**counts)
    older = tuple((f"{asked[name]} {label}", f"{queue_url}&when={name}") for name, label, _ in _AGES if asked[name])
    return [
        Wait("For an approval", asked["number"], asked["oldest"], queue_url, older),
        Wait("In the queue", queued["number"], queued["oldest"], f"{list_url}?state=queued"),
        Wait("For a connection", held["number"], held["oldest"], f"{list_url}?held=on"),
    ]


def _behind(workspace: Workspace) -> datetime | None:
    since = behind_since(workspace)
    return since if since and timezone.now() - since > LATE else None
