"""What a page of telemetry shows of one extension, read from what was counted, in a fixed number of queries."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from operator import add
from uuid import UUID

from django.utils import timezone

from galaxy.core.ui.words import duration
from marketplace.cards.figures import percent
from marketplace.telemetry.counting import SETTLES, WINDOWS, last_told_day
from marketplace.telemetry.models import InstallDay, Reached, VersionDay
from marketplace.telemetry.sketch import Histogram, add_to, empty, percentile, percentile_of
from registry.models import Extension, Kind, Version
from registry.reach import workspaces_of_versions
from sandbox.models import Category

LEAST = 3  # workspaces; of fewer, the functions of PostgreSQL tell nothing
TOO_FEW = f"Fewer than {LEAST} workspaces called it, so nothing is told: figures could be somebody’s in particular."
# What 95 of 100 calls have to keep to, in ms (EXTENSIBILITY_MODEL.md); a pack takes as long as its steps.
BUDGETS_MS = {Kind.CONNECTOR: 2_000, Kind.ACTION: 2_000, Kind.TRANSFORM: 300}
LABELS = {**dict(Category.choices), "": "Effect unknown", VersionDay.OTHERS: "Others, each in fewer"}
STEPS = (3, 10, 30, 100, 300, 1_000, 3_000, 10_000)  # of marketplace_at_least


@dataclass(frozen=True)
class Share:
    """Failures of one category. ``words`` is the category as people read it."""

    category: str
    number: int
    of: int

    @property
    def words(self) -> str:
        return LABELS.get(self.category, self.category)

    @property
    def percent(self) -> str:
        return percent(self.number, self.of)


@dataclass(frozen=True)
class Sums:
    """Several days of one version, as they are kept."""

    days: Sequence[VersionDay]

    @property
    def is_told(self) -> bool:
        return bool(self.days)

    @cached_property
    def good(self) -> int:
        return sum(day.good for day in self.days)

    @cached_property
    def bad(self) -> int:
        return sum(day.bad for day in self.days)

    @cached_property
    def callers(self) -> int:
        return sum(day.callers for day in self.days)

    @property
    def counted(self) -> int:
        return self.good + self.bad

    @property
    def success(self) -> str:
        return percent(self.good, self.counted) if self.counted else "–"

    @cached_property
    def p95_ms(self) -> int | None:
        return percentile((day.buckets, day.counts) for day in self.days)


@dataclass
class Totals:
    """Many days of one or more versions, added up as they are read: ``good``, ``bad`` and ``callers`` are calls,
    ``failed`` those of each category, ``times`` how long they took (sketch). None of it where no day is told."""

    is_told: bool = False
    good: int = 0
    bad: int = 0
    callers: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    times: Histogram = field(default_factory=empty)

    def count(self, good: int, bad: int, callers: int, failed: Mapping[str, int]) -> None:
        self.is_told = True
        self.good, self.bad, self.callers = self.good + good, self.bad + bad, self.callers + callers
        self.failed.update(failed)

    @classmethod
    def together(cls, some: Iterable["Totals"]) -> "Totals":
        found = cls()
        for one in some:
            if one.is_told:
                found.count(one.good, one.bad, one.callers, one.failed)
                found.times = list(map(add, found.times, one.times))
        return found

    @property
    def counted(self) -> int:
        return self.good + self.bad

    @property
    def success(self) -> str:
        return percent(self.good, self.counted) if self.counted else "–"

    @cached_property
    def p95_ms(self) -> int | None:
        return percentile_of(self.times) if self.is_told else None

    @cached_property
    def errors(self) -> list[Share]:
        """The most frequent first."""
        return [Share(name, number, self.counted) for name, number in self.failed.most_common()]


@dataclass(frozen=True)
class DayRow:
    """One day (UTC); ``sums`` is of all versions, ``installs`` None before it was counted. ``is_told_later``: it is not
    over, or not counted yet."""

    day: date
    sums: Totals
    installs: int | None
    is_today: bool = False
    is_told_later: bool = False

    @property
    def cells(self) -> list[tuple[str, str]]:
        """(heading, words) of what is told of its calls, written here: 90 rows of them are most of what the page
        costs to draw."""
        sums = self.sums
        return [
            ("Succeeded", f"{sums.good:,}"),
            ("Failed", f"{sums.bad:,}"),
            ("Success", sums.success),
            ("95 % within", duration(sums.p95_ms)),
        ]


@dataclass(frozen=True)
class VersionRow:
    """One version within the window: ``held`` by so many workspaces now; ``active`` at least called it, one of STEPS or
    None."""

    version: Version
    sums: Totals
    held: int
    active: int | None

    def number_of(self, category: str) -> int:
        return sum(one.number for one in self.sums.errors if one.category == category)


@dataclass(frozen=True)
class FailureRow:
    """Failures of one category, in all versions and in each: (its number, how many)."""

    share: Share
    by_version: list[tuple[str, int]]


@dataclass(frozen=True)
class Telemetry:
    """``window`` days until today. ``days`` are all of them in order, ``versions`` the newest first; ``installs``
    workspaces hold it now, ``active`` at least called it, one of STEPS or None."""

    extension: Extension
    window: int
    days: list[DayRow]
    versions: list[VersionRow]
    sums: Totals
    active: int | None
    installs: int
    budget_ms: int | None

    @property
    def is_empty(self) -> bool:
        """Whether nobody installed it yet and nothing is told: there is nothing to draw."""
        return not self.sums.is_told and not self.installs and not any(row.installs for row in self.days)

    @property
    def is_over_budget(self) -> bool:
        p95 = self.sums.p95_ms
        return p95 is not None and self.budget_ms is not None and p95 > self.budget_ms

    @property
    def categories(self) -> list[Share]:
        return self.sums.errors

    @property
    def told_versions(self) -> list[VersionRow]:
        return [row for row in self.versions if row.sums.is_told]

    @property
    def failures(self) -> list[FailureRow]:
        """By category, the most frequent first, with the numbers of ``told_versions`` in their order."""
        rows = self.told_versions
        return [
            FailureRow(one, [(row.version.number, row.number_of(one.category)) for row in rows])
            for one in self.categories
        ]

    @property
    def call_columns(self) -> list[tuple[int, int] | None]:
        return [(row.sums.good, row.sums.bad) if row.sums.is_told else None for row in self.days]

    @property
    def time_bars(self) -> list[int | None]:
        return [row.sums.p95_ms for row in self.days]

    @property
    def install_bars(self) -> list[int | None]:
        return [row.installs for row in self.days]

    @property
    def told_days(self) -> int:
        return sum(row.sums.is_told for row in self.days)

    @property
    def calls_finding(self) -> str:
        """What the drawing of calls says, in a sentence."""
        worst = max(self.days, key=lambda row: row.sums.bad)
        if not worst.sums.bad:
            return f"No failure that {LEAST} workspaces had on any day that is told."
        return f"Most failed on {worst.day:%-d %b}: {worst.sums.bad:,} of {worst.sums.counted:,}."

    @property
    def time_finding(self) -> str:
        over = sum(
            row.sums.p95_ms > self.budget_ms for row in self.days if row.sums.p95_ms is not None and self.budget_ms
        )
        if self.budget_ms is None:
            return "A pack takes as long as its steps, and has no budget of its own."
        budget = duration(self.budget_ms)
        if not over:
            return f"Within its budget of {budget} on every day that is told."
        return f"Over its budget of {budget} on {over} of {self.told_days} days that are told."

    @property
    def installs_finding(self) -> str:
        known = [row.installs for row in self.days if row.installs is not None]
        if not known:
            return "Not installed anywhere within these days."
        return f"{known[0]:,} on the first day, {known[-1]:,} on the last one."


def window_of(text: str) -> int:
    """The window that an address names; the middle one for what there is not."""
    return int(text) if text in map(str, WINDOWS) else WINDOWS[1]


def telemetry_of(extension: Extension, window: int, now: datetime | None = None) -> Telemetry:
    """``window`` is one of WINDOWS, in days; today is among them, though its calls are told when it is over."""
    now = now or timezone.now()
    today, settled = now.astimezone(UTC).date(), last_told_day(now - SETTLES)  # beat comes within another hour
    first = today - timedelta(days=window - 1)
    versions = list(extension.versions.defer("manifest").order_by("-sort_key"))
    by_id: dict[UUID, Totals] = {one.pk: Totals() for one in versions}
    by_day: dict[date, Totals] = {first + timedelta(days=at): Totals() for at in range(window)}
    rows = VersionDay.objects.filter(version__in=list(by_id), day__gte=first, day__lte=today).order_by()
    fields = ("version", "day", "good", "bad", "callers", "errors", "buckets", "counts")
    for version, day, good, bad, callers, errors, buckets, counts in rows.values_list(*fields):
        of_version, of_day = by_id[version], by_day[day]
        of_version.count(good, bad, callers, errors)
        of_day.count(good, bad, callers, errors)
        add_to(of_version.times, of_day.times, buckets, counts)
    installs = _installs(extension, first, today)
    held = workspaces_of_versions(by_id)
    reached = {row.version_id: getattr(row, f"days_{window}") for row in Reached.objects.filter(extension=extension)}
    return Telemetry(
        extension=extension,
        window=window,
        days=[
            DayRow(day, some, installs.get(day, 0 if installs else None), day == today, day > settled)
            for day, some in by_day.items()
        ],
        versions=[
            VersionRow(one, by_id[one.pk], held.get(one.pk, 0), _active(reached.get(one.pk), held.get(one.pk, 0)))
            for one in versions
        ],
        sums=Totals.together(by_id.values()),
        active=_active(reached.get(None), sum(held.values())),
        installs=sum(held.values()),
        budget_ms=BUDGETS_MS.get(Kind(extension.kind)),
    )


def _active(reached: int | None, held: int) -> int | None:
    """The highest step that leaves three of those who hold it: otherwise the rest, who did not call, would be told."""
    return max((step for step in STEPS if step <= min(reached or 0, held - LEAST)), default=None)


def _installs(extension: Extension, first: date, today: date) -> dict[date, int]:
    rows = InstallDay.objects.filter(extension=extension, day__gte=first, day__lte=today)
    return dict(rows.values_list("day", "installs"))
