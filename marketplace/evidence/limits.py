"""What a level asks of an extension where it is used (F93), as data, and how a listed version keeps to it.

The figures are those of the page of telemetry: sums over all workspaces, of days on which at least three called it.
They fall short only where that is no matter of one workspace or two (marketplace.evidence.spread).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.utils import timezone

from galaxy.core.ui.words import duration
from marketplace.evidence.rules import ENTERPRISE, LEVELS, VERIFIED, Rule
from marketplace.models import VersionDay, Widespread
from marketplace.telemetry.reading import BUDGETS_MS, Sums
from registry.models import Kind

WINDOW_DAYS = 7  # whole days by UTC; today is not over, and is none of them
LEAST_CALLS = 200  # of fewer a few mishaps would decide
LEAST_FAILED = 5


class Measure(StrEnum):
    SUCCESS = "success"  # at least so many of 1,000 calls
    PACE = "pace"  # 95 of 100 calls within so many times its budget


@dataclass(frozen=True)
class Limit(Rule):
    """``bound`` in the unit of ``measure``."""

    measure: Measure
    bound: int


LIMITS = (
    Limit("used-well", VERIFIED, "Works where it is used", "At least 97 % of its calls succeed.",
          "telemetry", False, Measure.SUCCESS, 970),
    Limit("used-swiftly", VERIFIED, "Swift enough where it is used", "95 of 100 calls end within twice its budget.",
          "telemetry", False, Measure.PACE, 2),
    Limit("relied-on", ENTERPRISE, "Can be relied on", "At least 99.5 % of its calls succeed.",
          "telemetry", False, Measure.SUCCESS, 995),
    Limit("keeps-pace", ENTERPRISE, "Keeps to its budget", "95 of 100 calls end within its budget.",
          "telemetry", False, Measure.PACE, 1),
)  # fmt: skip
KEPT, SHORT, TOO_FEW = "kept", "short", "too_few"


@dataclass(frozen=True)
class Week(Sums):
    """Seven days, and the (measure, bound) that are missed in three workspaces and without any one of them."""

    widespread: frozenset[tuple[str, int]] = field(default=frozenset())


@dataclass(frozen=True)
class Kept:
    """How a version keeps to one limit: ``state`` is kept, short or too_few, ``words`` the figures in a sentence."""

    limit: Limit
    state: str
    words: str


def limits_of(level: str) -> list[Limit]:
    """What ``level`` asks for, from the lowest level up."""
    most = LEVELS.index(level)
    return [limit for limit in LIMITS if LEVELS.index(limit.level) <= most]


def bound_for(limit: Limit, kind: str) -> int:
    """What ``limit`` asks of an extension of ``kind``: calls of 1,000 that succeed, or ms."""
    return BUDGETS_MS[Kind(kind)] * limit.bound if limit.measure == Measure.PACE else limit.bound


def sums_of_week(versions: Iterable[UUID], now: datetime | None = None) -> dict[UUID, Week]:
    """What was counted of ``versions`` in the seven days before today, by id, in two queries."""
    today = (now or timezone.now()).astimezone(UTC).date()
    found: dict[UUID, list[VersionDay]] = {one: [] for one in versions}
    rows = VersionDay.objects.filter(version__in=list(found), day__lt=today)
    for row in rows.filter(day__gte=today - timedelta(days=WINDOW_DAYS)):
        found[row.version_id].append(row)
    missed: dict[UUID, set[tuple[str, int]]] = {one: set() for one in found}
    for one in Widespread.objects.filter(version__in=list(found)):
        missed[one.version_id].add((one.measure, one.bound))
    return {one: Week(some, frozenset(missed[one])) for one, some in found.items()}


def kept_to(limits: Iterable[Limit], kind: str, week: Week) -> list[Kept]:
    """How a version of an extension of ``kind`` keeps to ``limits``, by its ``week``."""
    return [_kept(limit, kind, week) for limit in limits if limit.measure != Measure.PACE or kind in BUDGETS_MS]


def _kept(limit: Limit, kind: str, week: Week) -> Kept:
    calls = f"{week.counted:,} calls"
    if week.counted < LEAST_CALLS or (limit.measure == Measure.PACE and week.p95_ms is None):
        return Kept(
            limit, TOO_FEW, f"{calls} told within {WINDOW_DAYS} days; {LEAST_CALLS} are enough to say something."
        )
    bound = bound_for(limit, kind)
    if limit.measure == Measure.SUCCESS:
        is_missed = week.good * 1000 < week.counted * bound and week.bad >= LEAST_FAILED
        words = f"{week.success} of {calls} within {WINDOW_DAYS} days succeeded."
    else:
        is_missed = week.p95_ms is not None and week.p95_ms > bound
        took = f"took up to {duration(week.p95_ms)}, of {duration(bound)}."
        words = f"95 of 100 of {calls} within {WINDOW_DAYS} days {took}"
    is_short = is_missed and (str(limit.measure), bound) in week.widespread
    if is_missed and not is_short:
        words += " That is a matter of one workspace or two, and does not count against it."
    return Kept(limit, SHORT if is_short else KEPT, words)
