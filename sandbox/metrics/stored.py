"""Roll-ups as rows: read the ones that something is added to, and written back with it."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sandbox.metrics.ended import Key, Sums
from sandbox.metrics.sketch import Sketch, unpack
from sandbox.models import RollUp

Cell = tuple[str, datetime, Key]
NUMBERS = (
    "calls",
    "good",
    "bad",
    "callers",
    "unknown",
    "retries",
    "held_back",
    "over_budget",
    "pool_busy",
    "turns",
)


def read_rollups(workspace_id: UUID, cells: Iterable[Cell]) -> dict[Cell, RollUp]:
    """Those of ``cells`` that there are, and the "other" of their times."""
    wanted = list(cells)
    rows = RollUp.objects.filter(
        workspace=workspace_id,
        period__in={period for period, _, _ in wanted},
        start__in={start for _, start, _ in wanted},
        target__in={key.target for _, _, key in wanted} | {""},
    )
    return {(row.period, row.start, key_of(row)): row for row in rows}


def key_of(row: RollUp) -> Key:
    return Key(row.is_simulated, row.kind, row.target, row.installation_id, row.version_id)


def write_rollups(workspace_id: UUID, stored: dict[Cell, RollUp], added: dict[Cell, Sums]) -> None:
    """Write ``added`` into the rows there are, or new ones. To be called by whoever holds the workspace's lock."""
    made = [_with(stored.get(cell) or _empty(workspace_id, cell), sums) for cell, sums in added.items()]
    RollUp.objects.filter(pk__in=[stored[cell].pk for cell in added if cell in stored]).delete()
    RollUp.objects.bulk_create(made, batch_size=500)


def _empty(workspace_id: UUID, cell: Cell) -> RollUp:
    period, start, key = cell
    return RollUp(
        workspace_id=workspace_id,
        period=period,
        start=start,
        is_simulated=key.is_simulated,
        kind=key.kind,
        target=key.target,
        installation_id=key.installation,
        version_id=key.version,
    )


def _with(row: RollUp, sums: Sums) -> RollUp:
    for name in NUMBERS:
        setattr(row, name, max(getattr(row, name) + sums.numbers[name], 0))
    row.errors, row.mistakes = _plus(row.errors, sums.errors), _plus(row.mistakes, sums.mistakes)
    money, units = row.cost.get("money", {}), row.cost.get("units", {})
    if sums.money:
        row.cost = {"money": _decimals(money, sums.money), "units": _decimals(units, sums.units)}
    latency = _sketch(row.latency, sums.latency)
    row.latency, row.p50_ms, row.p95_ms = latency.pack(), latency.quantile(0.5), latency.quantile(0.95)
    row.queue, row.approval = _sketch(row.queue, sums.queue).pack(), _sketch(row.approval, sums.approval).pack()
    return row


def _plus(kept: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    both = {name: kept.get(name, 0) + more.get(name, 0) for name in sorted(kept.keys() | more.keys())}
    return {name: number for name, number in both.items() if number > 0}


def _decimals(kept: dict[str, Any], more: dict[str, Decimal]) -> dict[str, str]:
    both = {name: Decimal(kept.get(name, 0)) + more.get(name, Decimal(0)) for name in kept.keys() | more.keys()}
    return {name: format(amount.normalize(), "f") for name, amount in sorted(both.items())}


def _sketch(kept: bytes | memoryview, more: Sketch) -> Sketch:
    found = unpack(bytes(kept))
    found.merge(more)
    return found
