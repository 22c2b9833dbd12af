"""What stands between a call and the other side: its place, its breaker, and the budgets of every request that leaves.

``Sending`` surrounds the attempts of one call. A request that may not leave yet waits here, with signs of life, while
that is short or something has left already; else the run is given back until its turn (``NotYet``).
"""

import time
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Self

import structlog
from django.utils import timezone
from redis.exceptions import RedisError

from sandbox import breakers, circuit, holds
from sandbox.breakers import Pass
from sandbox.declared import Budget, breaker_name, budgets, knobs, places, subject_of
from sandbox.errors import RunError
from sandbox.models import Category, Run, Span
from sandbox.runners import Reply
from sandbox.services.calls import Call
from sandbox.services.leases import is_fresh, keep
from sandbox.stopping import require_going
from sandbox.tracing import Tracer
from sandbox.windows import ended, take

log = structlog.get_logger(__name__)
SHORT_S = 5.0  # a wait that a worker sits out; a longer one goes back to the queue
POLL_S = 0.25
LONGEST_S = 60.0  # after which a run that was given back asks again, since places may have become free
_OURS = frozenset({"broke", "sandbox_lost"})  # failures of sandboxd, which say nothing of the other side
SPARE_MS = 8_000  # beyond an action's own time: renewing a token, and the way there and back


class NotYet(Exception):
    """The run's turn has not come: nothing was sent, and it goes back to the queue until then."""

    def __init__(self, until: datetime, because: str):
        super().__init__(because)
        self.until = until
        self.because = because


class Sending:
    """Used as a context around all attempts of one call; ``before`` is called before each request that leaves."""

    def __init__(self, run: Run, call: Call, tracer: Tracer):
        self._run = run
        self._spec = call.action
        self._inputs = call.inputs
        self._manifest = call.resolved.manifest
        self._is_repeatable = call.is_repeatable
        self._tracer = tracer
        self._subject = subject_of(run.installation, run.connection, run.mode)
        declared = budgets(run.installation, self._subject, self._manifest, self._spec) if self._spec else []
        # The waits of a simulated run pass on a clock of its own, on which a second of ours means nothing.
        self._budgets = [one for one in declared if not run.is_simulated or one.unit != "rps"]
        self._windows = [one.window for one in self._budgets]
        self._under_way_ms = (self._spec.timeout_ms if self._spec else 0) + SPARE_MS
        self._breaks_on = None if run.is_simulated or self._spec is None else run.connection
        self._numbers = count(1)
        self._counted = ""  # the token of the request that is under way
        self._has_sent = False
        self._taken = holds.Taken()
        self._leave = Pass()
        self._breaker = ""

    def __enter__(self) -> Self:
        self._take_places()
        return self

    def __exit__(self, *_: object) -> None:
        self._end_request()
        if self._breaks_on:
            breakers.step_back(self._breaks_on, self._breaker, self._leave)
        holds.release(self._taken, self._run.workspace_id)

    def begin(self, endpoint: int) -> None:
        """Ask the breaker for one attempt at ``endpoint`` (0, or the number of a fallback, which has its own).

        Raises RunError (circuit_open), as ``breakers.enter`` does.
        """
        if self._breaks_on is None or self._spec is None:
            return
        self._breaker = breaker_name(self._spec.id, endpoint)
        trial = timedelta(milliseconds=self._under_way_ms)
        self._leave = breakers.enter(self._breaks_on, self._breaker, trial=trial)

    def keep(self, **changes: Any) -> None:
        """A sign of life of the run, with what is to be stored of it. Raises LostLease."""
        keep(self._run, **changes)

    def require_going(self) -> None:
        """Raises RunError where the run's version was stopped meanwhile."""
        require_going(self._run)

    def before(self) -> None:
        """Wait until one request may leave, and count it. Raises NotYet, RunError or LostLease."""
        self._end_request()
        if self._taken.ids and not holds.are_held(self._taken, self._run.workspace_id):
            raise RunError(
                Category.TRANSIENT,
                "hold_lost",
                sentence="Its place was given to another call, so nothing more was sent.",
                next_step="Run it again.",
            )
        if self._windows:
            self._charge()
        if not self._is_repeatable:
            keep(self._run, effect_started_at=timezone.now())
        elif self._run.parent_id or not is_fresh(self._run):
            keep(self._run)
        self._has_sent = True

    def after(self, category: str | None, reply: Reply) -> bool:
        """Count what an attempt came back with (None: a success); True where the breaker holds calls back now."""
        self._end_request(has_left=reply.was_sent and not reply.not_begun)
        if self._breaks_on is None or self._spec is None:
            return False
        leave, self._leave = self._leave, Pass()
        says_nothing = not reply.was_sent and circuit.is_healthy(category) is None
        if says_nothing or reply.not_begun or reply.code in _OURS:
            breakers.step_back(self._breaks_on, self._breaker, leave)
            return False
        settings = knobs(self._manifest, self._spec)
        return breakers.report(self._breaks_on, self._breaker, category, settings, leave)

    def _charge(self) -> None:
        """Step 5 for one request. A budget that cannot be read is no permission."""
        token = f"{self._run.pk.hex}.{self._run.attempt}.{next(self._numbers)}"
        with self._tracer.span("budget.charge", "budget", budgets=[one.words for one in self._budgets]) as span:
            while True:
                try:
                    wait_ms, position = take(self._windows, token, self._under_way_ms)
                except RedisError as error:
                    raise RunError(
                        Category.TRANSIENT,
                        "budget_unreadable",
                        sentence="The call budget could not be read, so nothing was sent.",
                    ) from error
                if not wait_ms:
                    self._counted = token
                    return
                self._wait_or_refuse(wait_ms, self._budgets[position])
                span.status = Span.Status.WAITED

    def _wait_or_refuse(self, wait_ms: int, budget: Budget) -> None:
        at = timezone.now() + timedelta(milliseconds=wait_ms)
        because = f"The budget of {budget.words} ({budget.whose}) is spent"
        if budget.refuses or self._run.is_simulated or self._is_too_late(at, budget.max_wait_s):
            category = Category.QUOTA if budget.refuses else Category.RATE_LIMIT
            raise self._spent(category, because, at)
        self._pause(wait_ms / 1000, because)

    def _spent(self, category: str, because: str, at: datetime) -> RunError:
        return RunError(
            category,
            "budget_spent",
            sentence=f"{because}, so nothing {'more ' if self._has_sent else ''}was sent.",
            next_step=f"There is room again at {at:%d %B %Y, %H:%M:%S} UTC. Run it again then.",
            retry_at=at,
        )

    def _take_places(self) -> None:
        wanted = places(self._manifest, self._spec, self._inputs) if self._spec else []
        if not wanted:
            return
        since = time.monotonic()
        with self._tracer.span("places.take", "budget", places=[one.label for one in wanted]) as span:
            while isinstance(found := holds.take(self._run, self._subject, wanted), holds.Places):
                because = f"Another call holds its place ({found.label})"
                if self._is_too_late(timezone.now(), found.max_wait_s):
                    raise RunError(
                        Category.RATE_LIMIT,
                        "place_taken",
                        sentence=f"{because}, and it waited as long as it may. Nothing was sent.",
                        next_step="Run it again when the other call is over.",
                    )
                has_waited_s = time.monotonic() - since
                self._pause(POLL_S if has_waited_s < SHORT_S else SHORT_S + POLL_S, because)
                span.status = Span.Status.WAITED
        self._taken = found

    def _pause(self, seconds: float, because: str) -> None:
        """Sit a short wait out in small steps; raise NotYet for a long one, where nothing has left yet."""
        if seconds > SHORT_S and not self._has_sent:
            raise NotYet(timezone.now() + timedelta(seconds=min(seconds, LONGEST_S)), f"{because}.")
        keep(self._run)
        time.sleep(min(seconds, POLL_S))

    def _is_too_late(self, at: datetime, max_wait_s: int) -> bool:
        """Whether ``at`` is past the time that a run may wait, from when a worker first had it."""
        return at - (self._run.started_at or at) > timedelta(seconds=max_wait_s)

    def _end_request(self, *, has_left: bool = True) -> None:
        if not self._counted:
            return
        token, self._counted = self._counted, ""
        try:
            ended(self._windows, token, has_left=has_left)
        except RedisError as error:  # it then counts for as long as it might have taken, which is safe
            log.warning("budget cannot be told that a request is over", error=type(error).__name__)
