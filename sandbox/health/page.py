"""What the page of an installation's health shows, in a fixed number of queries whatever the number of actions."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Aggregate, Count, F, FloatField, Func, IntegerField, Value
from django.utils import timezone

from galaxy.core.models import User
from galaxy.core.ui.words import relative
from registry.models import Connection, Installation, Kind
from registry.standing import Standing
from sandbox.forms import COUNTED
from sandbox.health.manifests import check_of
from sandbox.health.objective import DAY, LEAST, WINDOW, Objective, Tally, percent
from sandbox.health.reading import connections_of, objectives_of, open_breakers, together
from sandbox.health.standing import Facts, Links, standing_of
from sandbox.health.versions import flags_of
from sandbox.models import Category, Counts, Run

DAYS = WINDOW // DAY


@dataclass(frozen=True)
class Figure:
    """A number that leads to the runs behind it."""

    label: str
    number: int
    url: str


@dataclass(frozen=True)
class ActionRow:
    """One action in seven days. ``p95_ms`` is of calls that count, waits between tries included."""

    target: str
    tally: Tally
    p95_ms: float | None
    errors: list[Figure]
    calls_url: str
    callers: Figure

    @property
    def success(self) -> str:
        return percent(self.tally.good, self.tally.counted)


@dataclass(frozen=True)
class Slot:
    """24 hours that ended at ``until``."""

    since: datetime
    until: datetime
    tally: Tally

    @property
    def success(self) -> str:
        return percent(self.tally.good, self.tally.counted)


@dataclass(frozen=True)
class Row:
    """One connection as the page lists it; ``next_check`` is in words."""

    connection: Any
    objective: Objective
    next_check: str


@dataclass(frozen=True)
class HealthPage:
    standing: Standing
    objective: Objective
    connections: list[Row]
    actions: list[ActionRow]
    slots: list[Slot]
    good: Figure
    bad: Figure
    callers: list[Figure]
    callers_url: str

    @property
    def columns(self) -> list[tuple[int, int]]:
        return [(slot.tally.good, slot.tally.bad) for slot in self.slots]

    @property
    def finding(self) -> str:
        """What the drawing says, in a sentence."""
        worst = max(self.slots, key=lambda slot: slot.tally.bad)
        if not worst.tally.bad:
            return "No call failed on any day."
        return f"Most failed in the 24 h until {worst.until:%-d %b, %H:%M} UTC: {worst.tally.bad}."

    @property
    def budget_note(self) -> str:
        week = self.objective.week
        return f"{week.bad} failed, {self.objective.budget:.1f} of {week.counted} may"

    @property
    def few_note(self) -> str:
        return f"told from {LEAST} calls on"


def health_page(installation: Installation, user: User, now: datetime | None = None) -> HealthPage | None:
    """Everything the page shows ``user``; ``installation`` with its workspace, extension and pin at hand.

    None where it reaches nothing outside, so that there is nothing to be well or unwell.
    """
    now = now or timezone.now()
    workspace, ids = installation.workspace, [installation.pk]
    links = Links(installation)
    by_connection = objectives_of(workspace, ids, now)[installation.pk]
    connections = connections_of(workspace, ids)[installation.pk]
    if not connections and installation.extension.kind != Kind.CONNECTOR:
        return None
    pinned = installation.pin.version_id
    flag = flags_of([pinned]).get(pinned)
    has_check = check_of(installation) is not None
    objective = together(by_connection.values())
    facts = Facts(installation, connections, open_breakers(workspace, ids)[installation.pk], objective, flag)
    visible = set(
        Connection.objects.in_workspace(workspace)
        .visible_to(user)
        .filter(installation=installation)
        .values_list("pk", flat=True)
    )
    cells = _cells(installation, now)
    return HealthPage(
        standing=standing_of(facts),
        objective=objective,
        connections=[
            Row(one, by_connection.get(one.pk, Objective()), next_check(one, has_check, now))
            for one in connections
            if one.pk in visible
        ],
        actions=_actions(cells, _p95(installation, now), links),
        slots=_slots(cells, now),
        good=Figure("succeeded", objective.week.good, links.to(counts=Counts.GOOD)),
        bad=Figure("failed", objective.week.bad, links.to(counts=Counts.BAD)),
        callers=_callers(cells, links),
        callers_url=links.to(counts=Counts.CALLER),
    )


def next_check(connection: Any, has_check: bool, now: datetime) -> str:
    """When ``connection`` (with its schedule at hand) is checked next, or why it is not."""
    if not has_check:
        return "This version declares no check."
    if not connection.is_authenticated:
        return "Once it is connected."
    schedule = getattr(connection, "check_schedule", None)
    if schedule is None or schedule.next_at <= now:
        return "Due now."
    return f"{relative(schedule.next_at, now).capitalize()}."


@dataclass(frozen=True)
class _Cell:
    target: str
    slot: int  # 0: the last 24 hours
    counts_as: str
    category: str
    number: int


class _Age(Func):
    """How many whole days before the first moment the second one lies."""

    template = "floor(extract(epoch FROM %(expressions)s) / 86400)::int"
    arg_joiner = " - "
    output_field = IntegerField()


class _P95(Aggregate):
    """The milliseconds from the second moment to the first that 95 of 100 rows keep within."""

    template = "percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM %(expressions)s)::float8 * 1000)"
    arg_joiner = " - "
    output_field = FloatField()


def _counted(installation: Installation, now: datetime):
    runs = Run.objects.in_workspace(installation.workspace).counted().order_by()
    return runs.filter(installation=installation, created_at__gt=now - WINDOW, created_at__lte=now)


def _cells(installation: Installation, now: datetime) -> list[_Cell]:
    rows = (
        _counted(installation, now)
        .annotate(slot=_Age(Value(now), F("created_at")))
        .values_list("target", "slot", "counts_as", "error_category")
        .annotate(number=Count("created_at"))
    )
    return [_Cell(*row) for row in rows]


def _p95(installation: Installation, now: datetime) -> dict[str, float]:
    """By target: of the calls that count, waits between their tries included."""
    timed = _counted(installation, now).filter(counts_as__in=[Counts.GOOD, Counts.BAD], started_at__isnull=False)
    return dict(timed.values_list("target").annotate(p95=_P95("finished_at", "started_at")))


def _actions(cells: list[_Cell], p95: dict[str, float], links: Links) -> list[ActionRow]:
    """The busiest first."""
    by_target: dict[str, list[_Cell]] = defaultdict(list)
    for cell in cells:
        by_target[cell.target].append(cell)
    rows = [_action(target, of_target, p95.get(target), links) for target, of_target in by_target.items()]
    return sorted(rows, key=lambda row: (-row.tally.counted, row.target))


def _action(target: str, cells: list[_Cell], p95_ms: float | None, links: Links) -> ActionRow:
    tally = _tally(cells)
    failed = _by_category(cell for cell in cells if cell.counts_as == Counts.BAD)
    return ActionRow(
        target=target,
        tally=tally,
        p95_ms=p95_ms,
        errors=[
            Figure(Category(name).label, number, links.to(action=target, counts=Counts.BAD, category=name))
            for name, number in failed
        ],
        calls_url=links.to(action=target, counts=COUNTED),
        callers=Figure("the caller’s", tally.caller, links.to(action=target, counts=Counts.CALLER)),
    )


def _callers(cells: list[_Cell], links: Links) -> list[Figure]:
    """What did not count, by category; one that was called off has none."""
    found = _by_category(cell for cell in cells if cell.counts_as == Counts.CALLER)
    return [
        Figure(Category(name).label, number, links.to(counts=Counts.CALLER, category=name))
        if name
        else Figure(Run.State.CANCELLED.label, number, links.to(counts=Counts.CALLER, state=Run.State.CANCELLED))
        for name, number in found
    ]


def _slots(cells: list[_Cell], now: datetime) -> list[Slot]:
    """Seven times 24 hours, the oldest first."""
    by_slot: dict[int, list[_Cell]] = defaultdict(list)
    for cell in cells:
        by_slot[cell.slot].append(cell)
    return [Slot(now - (at + 1) * DAY, now - at * DAY, _tally(by_slot[at])) for at in reversed(range(DAYS))]


def _tally(cells: Iterable[_Cell]) -> Tally:
    counts: Counter[str] = Counter()
    for cell in cells:
        counts[cell.counts_as] += cell.number
    return Tally(**counts)


def _by_category(cells: Iterable[_Cell]) -> list[tuple[str, int]]:
    """The most frequent first."""
    counts: Counter[str] = Counter()
    for cell in cells:
        counts[cell.category] += cell.number
    return counts.most_common()
