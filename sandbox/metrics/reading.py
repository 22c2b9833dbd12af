"""Figures of targets, read from roll-ups: one query, however many targets there are and however long one looks back."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import TextField
from django.db.models.functions import Cast

from galaxy.core.models import Workspace
from registry.models import Kind
from sandbox.health.objective import percent
from sandbox.metrics.sketch import merged
from sandbox.metrics.stored import NUMBERS
from sandbox.metrics.windows import Window
from sandbox.models import RollUp

BUDGETS_MS = {Kind.ACTION.value: 2_000, Kind.TRANSFORM.value: 300}  # of 95 in 100 calls (DESIGN, EXTENSIBILITY_MODEL)
_JSON = ("errors", "mistakes", "cost")


@dataclass(frozen=True)
class Slot:
    """One hour or day of a target."""

    start: datetime
    calls: int
    good: int
    bad: int
    p50_ms: float | None
    p95_ms: float | None
    errors: dict[str, int] = field(default_factory=dict)


@dataclass
class Figures:
    """A target within a window; what each number is, stands at ``RollUp``. ``installation`` is None for "other".

    ``p50_ms`` and ``p95_ms`` are exact to 1 %, None where nothing is told. ``money`` is {currency: amount}.
    """

    kind: str
    target: str
    installation: UUID | None
    version: UUID | None = None
    calls: int = 0
    good: int = 0
    bad: int = 0
    callers: int = 0
    unknown: int = 0
    retries: int = 0
    held_back: int = 0
    over_budget: int = 0
    pool_busy: int = 0
    turns: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    mistakes: dict[str, int] = field(default_factory=dict)
    money: dict[str, Decimal] = field(default_factory=dict)
    units: dict[str, Decimal] = field(default_factory=dict)
    p50_ms: float | None = None
    p95_ms: float | None = None
    queue_p95_ms: float | None = None
    approval_p95_ms: float | None = None
    slots: list[Slot] = field(default_factory=list)

    @property
    def counted(self) -> int:
        return self.good + self.bad

    @property
    def error_rate(self) -> float | None:
        """Of the calls that count, from 0 to 1."""
        return self.bad / self.counted if self.counted else None

    @property
    def success(self) -> str:
        return percent(self.good, self.counted)

    @property
    def budget_ms(self) -> int | None:
        """What 95 of 100 calls should keep within; None for a pack, which may wait for people."""
        return BUDGETS_MS.get(self.kind)

    @property
    def is_slow(self) -> bool:
        return self.budget_ms is not None and self.p95_ms is not None and self.p95_ms > self.budget_ms

    @property
    def slowness(self) -> float:
        """How many times its budget it takes; 0 where there is none."""
        return self.p95_ms / self.budget_ms if self.budget_ms and self.p95_ms else 0.0

    @property
    def latencies(self) -> list[float | None]:
        """By hour or day, the oldest first: what 95 of 100 calls kept within."""
        return [slot.p95_ms for slot in self.slots]


def figures_of(
    workspace: Workspace,
    window: Window,
    *,
    simulated: bool = False,
    installations: Iterable[UUID] | None = None,
    target: str = "",
    by_version: bool = False,
    waits: bool = False,
) -> list[Figures]:
    """Every target that ran within ``window``, the busiest first; each version by itself if asked.

    ``installations`` leaves out all others, "other" among them. ``waits`` reads the queue and approvals too.
    """
    rows = RollUp.objects.in_workspace(workspace).within(window.period, window.since, window.until)
    rows = rows.filter(is_simulated=simulated)
    if installations is not None:
        rows = rows.filter(installation__in=list(installations))
    if target:
        rows = rows.filter(target=target)
    sketches = ("latency", "queue", "approval") if waits else ("latency",)
    texts = {f"{name}_text": Cast(name, TextField()) for name in _JSON}
    names = ("installation_id", "target", "version_id", "kind", "start", "p50_ms", "p95_ms", *NUMBERS)
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows.annotate(**texts).order_by().values_list(*names, *texts, *sketches):
        groups[row[: 3 if by_version else 2]].append(row)
    found = [_figures(group, window, by_version=by_version) for group in groups.values()]
    return sorted(found, key=lambda one: (-one.calls, one.target))


_FIRST = 7  # of the numbers in a row
_TEXTS = _FIRST + len(NUMBERS)
_SKETCHES = _TEXTS + len(_JSON)


def _figures(rows: list[tuple[Any, ...]], window: Window, *, by_version: bool) -> Figures:
    installation, target, version, kind = rows[0][:4]
    numbers = [sum(some) for some in zip(*(row[_FIRST:_TEXTS] for row in rows), strict=True)]
    latency = merged(bytes(row[_SKETCHES]) for row in rows)
    found = Figures(
        kind,
        target,
        installation,
        version if by_version else None,
        **dict(zip(NUMBERS, numbers, strict=True)),
        p50_ms=latency.quantile(0.5),
        p95_ms=latency.quantile(0.95),
        slots=_slots(rows, window),
    )
    for row in rows:
        _add_texts(found, *row[_TEXTS:_SKETCHES])
    if len(rows[0]) > _SKETCHES + 1:
        found.queue_p95_ms = merged(bytes(row[_SKETCHES + 1]) for row in rows).quantile(0.95)
        found.approval_p95_ms = merged(bytes(row[_SKETCHES + 2]) for row in rows).quantile(0.95)
    return found


def _add_texts(found: Figures, errors: str, mistakes: str, cost: str) -> None:
    _add_counts(found.errors, errors)
    _add_counts(found.mistakes, mistakes)
    if cost != "{}":
        stored = json.loads(cost)
        for amounts, more in ((found.money, stored["money"]), (found.units, stored["units"])):
            for name, amount in more.items():
                amounts[name] = amounts.get(name, Decimal(0)) + Decimal(amount)


def _add_counts(sums: dict[str, int], text: str) -> None:
    if text != "{}":
        for name, number in json.loads(text).items():
            sums[name] = sums.get(name, 0) + number


def _slots(rows: list[tuple[Any, ...]], window: Window) -> list[Slot]:
    by_start: dict[datetime, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        by_start[row[4]].append(row)
    return [_slot(start, by_start.get(start, [])) for start in window.starts]


def _slot(start: datetime, rows: list[tuple[Any, ...]]) -> Slot:
    if not rows:
        return Slot(start, 0, 0, 0, None, None)
    calls, good, bad = (sum(row[at] for row in rows) for at in (_FIRST, _FIRST + 1, _FIRST + 2))
    errors: dict[str, int] = {}
    if bad:
        for row in rows:
            _add_counts(errors, row[_TEXTS])
    if len(rows) == 1:  # what was worked out when it was written
        return Slot(start, calls, good, bad, rows[0][5], rows[0][6], errors)
    latency = merged(bytes(row[_SKETCHES]) for row in rows)
    return Slot(start, calls, good, bad, latency.quantile(0.5), latency.quantile(0.95), errors)
