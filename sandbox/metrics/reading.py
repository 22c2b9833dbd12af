"""Figures of targets, read from roll-ups: one query, however many targets there are and however long one looks back."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from galaxy.core.models import Workspace
from registry.models import Kind
from sandbox.health.objective import percent
from sandbox.metrics.sketch import merged
from sandbox.metrics.stored import NUMBERS
from sandbox.metrics.windows import Window

BUDGETS_MS = {Kind.ACTION.value: 2_000, Kind.TRANSFORM.value: 300}  # of 95 in 100 calls (DESIGN, EXTENSIBILITY_MODEL)
SLOW = 0.95  # the share of calls that should


class Slot(NamedTuple):
    """One hour or day of a target: ``errors`` are its failures by category."""

    start: datetime
    calls: int
    good: int
    bad: int
    p50_ms: float | None
    p95_ms: float | None
    errors: Mapping[str, int] = MappingProxyType({})


@dataclass
class Figures:
    """A target within a window; what each number is, stands at ``RollUp``. ``installation`` is None for "other".

    ``p50_ms`` and ``p95_ms`` are exact to 1 %, None where nothing is told. ``money`` is {currency: amount}.
    """

    kind: str
    target: str
    installation: UUID | None
    version: UUID | None = None
    number: str | None = None  # of that version, where somebody looked it up
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
    targets: Iterable[tuple[UUID, str]] | None = None,
    by_version: bool = False,
    waits: bool = False,
) -> list[Figures]:
    """Every target that ran within ``window``, the busiest first; each version by itself if asked.

    ``installations`` leaves out all others, "other" among them, and so do ``targets``, pairs of installation and name.
    ``waits`` reads the queue and approvals too.
    """
    sketches = ("latency", "queue", "approval") if waits else ("latency",)
    pairs = None if targets is None else list(targets)
    chosen: dict[str, Any] = {
        "workspace": workspace.pk,
        "period": window.period,
        "since": window.since,
        "until": window.until,
        "simulated": simulated,
        "step": window.step.total_seconds(),
        "installations": None if installations is None else [str(one) for one in installations],
        "target": target,
        "places": [str(one) for one, _ in pairs or ()],
        "names": [name for _, name in pairs or ()],
    }
    with connection.cursor() as cursor:
        cursor.execute(_statement(sketches, by_version=by_version, some=pairs is not None), chosen)
        found = [_figures(row, window, by_version=by_version) for row in cursor.fetchall()]
    return sorted(found, key=lambda one: (-one.calls, one.target))


_HEAD = 4  # installation, target, version, kind
_SUMS = _HEAD + len(NUMBERS)
_SLOTS = _SUMS + 6  # places, calls, good, bad, p50 and p95 by roll-up
_TEXTS = _SLOTS + 4  # places and texts of errors; texts of mistakes and of costs


@lru_cache
def _statement(sketches: tuple[str, ...], *, by_version: bool, some: bool) -> str:
    """One row for each target: sums, and side by side what its roll-ups say one by one. Sketches come as one string of
    bytes and their lengths, which a driver reads at once where it would read an array of them one by one."""
    version = "version_id" if by_version else "NULL::uuid"
    parts = ["installation_id", "target", version, "min(kind)"]
    parts += [f"sum({name})::bigint" for name in NUMBERS]
    parts.append("array_agg(place)")
    parts += [f"array_agg({name})" for name in ("calls", "good", "bad", "p50_ms", "p95_ms")]
    parts += [
        "array_agg(place) FILTER (WHERE errors <> '{}')",
        "array_agg(errors::text) FILTER (WHERE errors <> '{}')",
        "array_agg(mistakes::text) FILTER (WHERE mistakes <> '{}')",
        "array_agg(cost::text) FILTER (WHERE cost <> '{}')",
    ]
    for name in sketches:
        parts += [f"string_agg({name}, '')", f"array_agg(octet_length({name}))"]
    named = "AND (installation_id, target) IN (SELECT * FROM unnest(%(places)s::uuid[], %(names)s::text[]))"
    return f"""
SELECT {", ".join(parts)} FROM (
    SELECT *, (extract(epoch FROM start - %(since)s) / %(step)s)::int AS place FROM sandbox_rollup
    WHERE workspace_id = %(workspace)s AND period = %(period)s AND start >= %(since)s AND start < %(until)s
        AND is_simulated = %(simulated)s
        AND (%(installations)s::uuid[] IS NULL OR installation_id = ANY (%(installations)s::uuid[]))
        AND (%(target)s = '' OR target = %(target)s) {named if some else ""}
) r GROUP BY installation_id, target{", version_id" if by_version else ""}
"""  # noqa: S608  (names of columns alone)


def _figures(row: tuple[Any, ...], window: Window, *, by_version: bool) -> Figures:
    installation, target, version, kind = row[:_HEAD]
    packed = split(*row[_TEXTS : _TEXTS + 2])
    latency = merged(packed)
    found = Figures(
        kind,
        target,
        installation,
        version if by_version else None,
        **dict(zip(NUMBERS, row[_HEAD:_SUMS], strict=True)),
        p50_ms=latency.quantile(0.5),
        p95_ms=latency.quantile(SLOW),
    )
    places, errors, mistakes, costs = row[_SLOTS:_TEXTS]
    failed: dict[int, dict[str, int]] = {}
    for place, text in zip(places or (), errors or (), strict=True):
        _add_counts(failed.setdefault(place, {}), text)
        _add_counts(found.errors, text)
    for text in mistakes or ():
        _add_counts(found.mistakes, text)
    for text in costs or ():
        _add_cost(found, text)
    found.slots = _slots(row[_SUMS:_SLOTS], packed, failed, window)
    if len(row) > _TEXTS + 2:
        found.queue_p95_ms, found.approval_p95_ms = (
            merged(split(*row[at : at + 2])).quantile(0.95) for at in (_TEXTS + 2, _TEXTS + 4)
        )
    return found


def split(whole: bytes, lengths: list[int]) -> list[bytes]:
    """Sketches that were strung together in one string of bytes, by their lengths."""
    found, at = [], 0
    for length in lengths:
        found.append(whole[at : at + length])
        at += length
    return found


@lru_cache(maxsize=4096)
def _counts(text: str) -> tuple[tuple[str, int], ...]:
    """What a map of small numbers says: there are few of them, and one is read thousands of times."""
    return tuple(json.loads(text).items())


def _add_counts(sums: dict[str, int], text: str) -> None:
    for name, number in _counts(text):
        sums[name] = sums.get(name, 0) + number


def _add_cost(found: Figures, text: str) -> None:
    stored = json.loads(text)
    for amounts, more in ((found.money, stored["money"]), (found.units, stored["units"])):
        for name, amount in more.items():
            amounts[name] = amounts.get(name, Decimal(0)) + Decimal(amount)


def _slots(
    told: tuple[list[Any], ...], packed: list[bytes], failed: dict[int, dict[str, int]], window: Window
) -> list[Slot]:
    """Each hour or day of the window; of several versions in one of them, together."""
    by_place: dict[int, list[int]] = {}
    for at, place in enumerate(told[0]):
        by_place.setdefault(place, []).append(at)
    _, calls, good, bad, p50, p95 = told
    slots = []
    for place, start in enumerate(window.starts):
        here = by_place.get(place)
        if here is None:
            slots.append(Slot(start, 0, 0, 0, None, None))
        elif len(here) == 1:  # what was worked out when it was written
            at = here[0]
            slots.append(Slot(start, calls[at], good[at], bad[at], p50[at], p95[at], failed.get(place, {})))
        else:
            latency = merged(packed[at] for at in here)
            all_calls, all_good, all_bad = (sum(numbers[at] for at in here) for numbers in (calls, good, bad))
            slots.append(
                Slot(
                    start,
                    all_calls,
                    all_good,
                    all_bad,
                    latency.quantile(0.5),
                    latency.quantile(0.95),
                    failed.get(place, {}),
                )
            )
    return slots
