"""One run that is over, and what it adds to the roll-ups of its hour and its day. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sandbox.breakers import HELD_BACK
from sandbox.metrics.sketch import Sketch
from sandbox.models import Category, Counts
from sandbox.rule_rates import SPENT

CANCELLED = "cancelled"
_NOT_AS_DECLARED = frozenset({"output_mismatch", "output_not_plain"})
BUDGETS = frozenset({SPENT, "budget_spent", "budget_unreadable", "place_taken"})
POOL_BUSY = "sandbox_busy"
_ROLES = {
    Counts.GOOD.value: "good",
    Counts.BAD.value: "bad",
    Counts.CALLER.value: "callers",
}


class Key(NamedTuple):
    """What one line of figures is about; without installation the "other" of a workspace with too many."""

    is_simulated: bool
    kind: str
    target: str
    installation: UUID | None
    version: UUID | None


class Ending(NamedTuple):
    """How a run ended: by this it counts. ``status`` is the other system's answer, None where there was none."""

    state: str
    category: str
    code: str
    status: int | None
    finished_at: datetime

    @property
    def counts_as(self) -> str:
        """The rule of the objective (sandbox.models.counting), for whatever ran."""
        if self.state == "succeeded":
            return Counts.GOOD.value
        if self.state == CANCELLED:
            return Counts.CALLER.value
        if self.category == Category.VALIDATION and self.code in _NOT_AS_DECLARED:
            return Counts.BAD.value
        if self.category in {Category.VALIDATION, Category.NOT_FOUND, Category.POLICY_BLOCK}:
            return Counts.CALLER.value
        if self.category in {Category.RATE_LIMIT, Category.QUOTA} and self.status is None:
            return Counts.CALLER.value
        return Counts.BAD.value


class Ended(NamedTuple):
    """A run as ``rolling`` reads it. ``was``: how it had ended when it was counted before, if it was settled since."""

    run_id: UUID
    root_run_id: UUID
    key: Key
    ending: Ending
    was: Ending | None
    created_at: datetime
    started_at: datetime | None
    turns: int
    tries: int
    asked_at: datetime | None
    decided_at: datetime | None

    def took_ms(self, ending: Ending) -> float | None:
        """From its start to its end, waits between tries included; None where it never began."""
        return None if self.started_at is None else _ms(self.started_at, ending.finished_at)

    @property
    def queued_ms(self) -> float | None:
        """From being asked for, or from the yes, to its start."""
        if self.started_at is None:
            return None
        since = self.decided_at if self.decided_at and self.decided_at > self.created_at else self.created_at
        return _ms(min(since, self.started_at), self.started_at)

    @property
    def approval_ms(self) -> float | None:
        if self.asked_at is None or self.decided_at is None:
            return None
        return _ms(self.asked_at, self.decided_at)


@dataclass
class Sums:
    """What runs add to one roll-up; the names are those of the model's fields."""

    numbers: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    mistakes: Counter[str] = field(default_factory=Counter)
    money: dict[str, Decimal] = field(default_factory=dict)
    units: dict[str, Decimal] = field(default_factory=dict)
    latency: Sketch = field(default_factory=Sketch)
    queue: Sketch = field(default_factory=Sketch)
    approval: Sketch = field(default_factory=Sketch)

    def count(self, run: Ended, ending: Ending, sign: int = 1) -> None:
        """Count ``run`` as having ended so, or with -1 take that back."""
        role = ending.counts_as
        self.numbers["calls"] += sign
        self.numbers[_ROLES[role]] += sign
        if ending.state == "unknown":
            self.numbers["unknown"] += sign
        if role == Counts.BAD:
            self.errors[ending.category] += sign
        elif role == Counts.CALLER:
            self.mistakes[ending.category or CANCELLED] += sign
        self.numbers["retries"] += sign * max(run.tries - 1, 0)
        self.numbers["turns"] += sign * run.turns
        self.numbers["held_back"] += sign * (ending.code == HELD_BACK)
        self.numbers["over_budget"] += sign * (ending.code in BUDGETS)
        self.numbers["pool_busy"] += sign * (ending.code == POOL_BUSY)
        took = run.took_ms(ending)
        if took is not None and role != Counts.CALLER:
            self.latency.add(took, sign)
        if run.queued_ms is not None:
            self.queue.add(run.queued_ms, sign)
        if run.approval_ms is not None:
            self.approval.add(run.approval_ms, sign)

    def charge(self, unit: str, units: Decimal, currency: str, amount: Decimal) -> None:
        self.money[currency] = self.money.get(currency, Decimal(0)) + amount
        self.units[unit] = self.units.get(unit, Decimal(0)) + units

    def merge(self, other: "Sums") -> None:
        for mine, theirs in (
            (self.numbers, other.numbers),
            (self.errors, other.errors),
            (self.mistakes, other.mistakes),
        ):
            for name, number in theirs.items():
                mine[name] += number
        for sums, added in ((self.money, other.money), (self.units, other.units)):
            for name, amount in added.items():
                sums[name] = sums.get(name, Decimal(0)) + amount
        self.latency.merge(other.latency)
        self.queue.merge(other.queue)
        self.approval.merge(other.approval)


def ending_of(stored: Mapping[str, Any]) -> Ending:
    """What the trigger kept of how a run had ended (``Uncounted.was``)."""
    return Ending(
        stored["state"],
        stored["error_category"] or "",
        stored["error_code"] or "",
        int(stored["status"]) if stored["status"] else None,
        datetime.fromisoformat(stored["finished_at"]),
    )


def _ms(since: datetime, until: datetime) -> float:
    return max((until - since).total_seconds() * 1000, 0.0)
