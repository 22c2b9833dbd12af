"""What the page of a connection shows of its limits: budgets left, breakers with their history, who holds which place.

Read in a fixed number of queries, and one question to the server that counts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.utils import timezone
from redis.exceptions import RedisError

from galaxy.core.models import User
from galaxy.core.permissions import Denied
from registry.manifests import Manifest
from registry.models import Connection
from registry.services import verified_manifest
from sandbox import circuit
from sandbox.breakers import why_not_steer
from sandbox.declared import LIVE, Budget, breaker_names, budgets, subject_of
from sandbox.holds import holds_of
from sandbox.models import Breaker, BreakerEvent, Hold, Run
from sandbox.windows import look

EVENTS_SHOWN = 10


@dataclass(frozen=True)
class BudgetLeft:
    """One declared budget at this moment. ``free_at`` is when there is room again, None where there is room now."""

    words: str
    whose: str
    used: int
    most: int
    refuses: bool
    is_of_a_day: bool
    free_at: datetime | None

    @property
    def left(self) -> int:
        return max(0, self.most - self.used)

    @property
    def percent(self) -> float:
        return min(100.0, 100.0 * self.used / self.most)

    @property
    def name(self) -> str:
        return f"{self.words}, {self.whose}" if self.whose else self.words

    @property
    def value(self) -> str:
        return f"{self.left:,} of {self.most:,} left"

    @property
    def note(self) -> str:
        """What the next call meets."""
        if self.free_at is None:
            return ""
        seconds = max(1, round((self.free_at - timezone.now()).total_seconds()))
        what = "The next call is refused" if self.refuses else "The next call waits"
        length = f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"
        return f"{what}; there is room in {length}, at {self.free_at:%H:%M:%S} UTC."


@dataclass(frozen=True)
class BreakerState:
    """A breaker with what it did lately. ``is_due``: its rest is over, so that the next call tries."""

    breaker: Breaker
    events: list[BreakerEvent]

    @property
    def is_closed(self) -> bool:
        return self.breaker.state == circuit.CLOSED

    @property
    def is_due(self) -> bool:
        breaker = self.breaker
        return not self.is_closed and breaker.until is not None and breaker.until <= timezone.now()

    @property
    def history_id(self) -> str:
        """Another one with each event, so that a history that was opened shows what is new."""
        return f"history-{self.events[0].pk if self.events else self.breaker.pk}"

    @property
    def words(self) -> str:
        breaker = self.breaker
        if self.is_closed:
            return "Calls go through."
        if breaker.is_manual:
            return "Calls are held back until somebody resets it."
        if self.is_due:
            return "The next call tries whether it works."
        if breaker.state == circuit.HALF_OPEN:
            return "One call is trying at this moment; the others are held back."
        return f"Calls are held back until {breaker.until:%H:%M:%S} UTC; then one tries."


class LimitsPage:
    """The limits of one connection as ``user`` sees them."""

    def __init__(self, connection: Connection, user: User):
        self.connection = connection
        self.user = user
        self.manifest: Manifest = verified_manifest(connection.installation.pin.digest)

    @cached_property
    def denied(self) -> Denied | None:
        """Why ``user`` may not trip, reset and free."""
        return why_not_steer(self.connection, self.user)

    @cached_property
    def budgets(self) -> list[BudgetLeft] | None:
        """What is left, the connection's first; None where nobody can tell, and so nothing is sent."""
        declared = _declared(self.connection, self.manifest)
        try:
            rooms = look([budget.window for budget in declared])
        except RedisError:
            return None
        now = timezone.now()
        return [
            BudgetLeft(
                budget.words,
                budget.action,
                room.used,
                budget.window.most,
                budget.refuses,
                budget.unit == "per_day",
                now + timedelta(milliseconds=room.wait_ms) if room.wait_ms else None,
            )
            for budget, room in zip(declared, rooms, strict=True)
        ]

    @cached_property
    def breakers(self) -> list[BreakerState]:
        """Every breaker that ever opened, those that hold calls back first."""
        history = BreakerEvent.objects.in_workspace(self.connection.workspace_id)
        newest = history.filter(breaker=OuterRef("pk")).order_by("-at").values("pk")[:EVENTS_SHOWN]
        rows = Breaker.objects.in_workspace(self.connection.workspace_id).filter(connection=self.connection)
        found = sorted(
            rows.annotate(newest=ArraySubquery(newest)), key=lambda row: (row.state == circuit.CLOSED, row.action)
        )
        events = history.select_related("actor").in_bulk([pk for row in found for pk in row.newest])
        return [BreakerState(row, [events[pk] for pk in row.newest]) for row in found]

    @cached_property
    def holds(self) -> list[Hold]:
        return holds_of(self.connection)

    @cached_property
    def seen_runs(self) -> set:
        """Ids of the runs behind the holds that the reader may open."""
        runs = Run.objects.in_workspace(self.connection.workspace_id).visible_to(self.user)
        return set(runs.filter(pk__in=[hold.run_id for hold in self.holds]).values_list("pk", flat=True))

    @property
    def actions(self) -> list[str]:
        return breaker_names(self.manifest)

    @property
    def rule(self) -> str:
        """When a breaker opens, by what the connector declares or by default."""
        rule = circuit.Knobs(**self.manifest.canonical.get("breaker", {}))
        return (
            f"One opens when {rule.threshold} % of at least {rule.samples} calls of an action fail within"
            f" {rule.window_s} s, unless the action says otherwise; after {rule.rest_s} s one call tries."
        )

    @property
    def is_changing(self) -> bool:
        """Whether it will look different soon, so that it is worth asking again. What was used of a day stays so."""
        waits = any(budget.used and not budget.is_of_a_day for budget in self.budgets or [])
        return waits or bool(self.holds) or any(not state.is_closed for state in self.breakers)


def facts_for(connection: Connection, user: User) -> LimitsPage:
    """What sandbox/connection/_limits.html shows; read with installation__pin."""
    return LimitsPage(connection, user)


def _declared(connection: Connection, manifest: Manifest) -> list[Budget]:
    """The connection's budgets, then those that actions declare themselves."""
    subject = subject_of(connection.installation, connection, LIVE)
    found = budgets(connection.installation, subject, manifest, None)
    for spec in manifest.actions.values():
        found += [one for one in budgets(connection.installation, subject, manifest, spec) if one.action]
    return found
