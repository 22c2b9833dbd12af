"""Steps 7 and 8 of the gate: the attempts of one call, at its endpoint and at its fallbacks, and what each came to."""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, cast

from django.utils import timezone

from registry.manifests import ActionSpec
from sandbox.declared import acts_again, fallbacks
from sandbox.errors import CATEGORIES, HELD, RunError
from sandbox.models import Run, Span
from sandbox.retry import Plan, category_of, is_refusal, plan, retry_after_ms
from sandbox.runners import Reply, Runner
from sandbox.services.calls import Call
from sandbox.services.sending import Sending
from sandbox.tracing import Tracer

_PASSING = frozenset({"attempts", "time", "held back"})  # why one stops at what may pass by itself
PATIENCE = {"max_attempts": 10, "base_ms": 500, "max_ms": 4_000}  # with a sandbox that is busy, or just restarts


def execute(run: Run, call: Call, runner: Runner, tracer: Tracer, exchanges: list[dict[str, Any]]) -> Reply:
    """Step 7. Try, and try again where that is safe and may help; appends {attempt, status, ...} to ``exchanges``.

    Raises RunError with the category of the last reply. A write that is not idempotent and whose request may have
    been taken in is not repeated, here or at a fallback: the error is then ambiguous. Raises NotYet where the turn of
    the call has not come.
    """
    kind = "simulated" if run.is_simulated else "call"
    with tracer.span(f"call {run.target}", kind) as span, Sending(run, call, tracer) as sending:
        tries = Tries(run, call, runner, tracer, sending, exchanges, until=call.until)
        try:
            return tries.anywhere()
        except RunError as error:
            tries.tell_doubt(error)
            error.attempts = error.attempts or len(exchanges)
            error.last_endpoint = error.last_endpoint or runner.endpoint
            raise
        finally:
            span.attributes = {"attempts": tries.number, "endpoint": runner.endpoint}


def classify(call: "Called", reply: Reply) -> str | None:
    """Step 8. The category of a reply by the runner's word where no status tells, else by the manifest's own table,
    then by the common one; None for a success."""
    if reply.category:
        return reply.category
    return category_of(reply.status, call.action.raw.get("replies", ()) if call.action else (), reply.body)


class Reaching(Protocol):
    """A runner whose requests leave one by one: it says so before each, and knows the fallbacks by number."""

    before_send: Callable[[], None]

    def use_endpoint(self, number: int) -> None: ...


class _Elsewhere(Exception):
    """An endpoint is exhausted or held back, and trying another one does nothing twice."""

    def __init__(self, error: RunError):
        super().__init__(str(error))
        self.error = error


class Tried(Protocol):
    """What the attempts need to know of the run that they are of."""

    @property
    def seed(self) -> int: ...
    @property
    def target(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def is_simulated(self) -> bool: ...


class Called(Protocol):
    """What the attempts need to know of the call."""

    @property
    def action(self) -> ActionSpec | None: ...
    @property
    def inputs(self) -> dict[str, Any]: ...
    @property
    def is_repeatable(self) -> bool: ...


class Leaving(Protocol):
    """What stands between a call and the other side: ``Sending``, or nothing in a contract test."""

    def begin(self, endpoint: int) -> None: ...
    def before(self) -> None: ...
    def after(self, category: str | None, reply: Reply) -> bool: ...
    def keep(self, **changes: Any) -> None: ...
    def require_going(self) -> None: ...


class Spans(Protocol):
    def span(self, name: str, kind: str, **attributes: Any) -> AbstractContextManager[Any]: ...


class Tries:
    """The attempts of one call. ``number`` counts them, over all endpoints; ``virtual_ms`` are the waits that passed
    on a simulated run's own clock. Contract tests (sandbox.contract_tests) try calls by this very class."""

    def __init__(
        self,
        run: Tried,
        call: Called,
        runner: Runner,
        tracer: Spans,
        sending: Leaving,
        exchanges: list[dict[str, Any]],
        *,
        until: datetime | None = None,
    ):
        self.number = 0
        self._until = until
        self._run, self._call, self._runner, self._tracer = run, call, runner, tracer
        self._sending, self._exchanges = sending, exchanges
        self._rng = random.Random(f"{run.seed}:{run.target}:{run.attempt}")  # noqa: S311  (jitter, not a secret)
        self._since = time.monotonic()
        self.virtual_ms = 0  # waits of a simulated run, which pass on its own clock
        self._changes = not run.is_simulated and call.action is not None and call.action.effect != "read"
        self._may_have_acted = False  # by any try so far
        self._reaching = cast(Reaching, runner) if hasattr(runner, "before_send") else None
        if self._reaching:
            self._reaching.before_send = sending.before

    def anywhere(self) -> Reply:
        """The reply of the first endpoint that has one: the declared one, then the fallbacks in order."""
        others = len(fallbacks(self._call.action)) if self._call.action and self._reaching else 0
        for endpoint in range(others + 1):
            if endpoint and self._is_too_late(0):
                break
            if endpoint and self._reaching:
                self._reaching.use_endpoint(endpoint)
            try:
                reply = self._at(endpoint)
            except _Elsewhere as failed:
                error = failed.error
                error.last_endpoint = error.last_endpoint or self._runner.endpoint
                continue
            if endpoint:
                self._sending.keep(by_fallback=True, last_endpoint=self._runner.endpoint[:300])
            return reply
        raise error

    def tell_doubt(self, error: RunError) -> None:
        """What may have been done is not failed: where its key is this run's own, another run would do it again; and
        where the run would wait for its connection, nobody knows for how long the other system remembers."""
        is_once = self._call.action is not None and acts_again(self._call.action)
        if self._may_have_acted and not error.ambiguous and (is_once or error.code == HELD):
            error.ambiguous = True
            error.sentence = f"{error.sentence} It may have taken effect."
            error.next_step = "Look there, then settle this run."

    def _at(self, endpoint: int) -> Reply:
        attempt = 0
        last: RunError | None = None
        while True:
            try:
                self._sending.begin(endpoint)
            except RunError as held:
                if not self._may_have_acted:
                    raise _Elsewhere(last or held) from held
                if last:  # what was answered tells more than that nobody may ask again
                    raise last from held
                raise
            attempt += 1
            reply, category, is_held_back = self._once()
            if category is None:
                return reply
            next_try, asked_ms = self._plan(reply, category, attempt)
            if next_try.wait_ms is not None and is_held_back:
                next_try = Plan(None, "held back")
            if next_try.wait_ms is not None and self._is_too_late(next_try.wait_ms):
                next_try = Plan(None, "time")
            last = _given_up(reply, category, self.number, self._runner.endpoint, next_try, asked_ms)
            last.ambiguous |= not self._call.is_repeatable and reply.has_acted is True
            if next_try.wait_ms is None:
                if next_try.reason in _PASSING and not self._may_have_acted:
                    raise _Elsewhere(last)
                raise last
            self._wait(next_try.wait_ms)

    def _once(self) -> tuple[Reply, str | None, bool]:
        """One attempt: the reply, its category, and whether the breaker holds calls back after it."""
        if not self._reaching:
            self._sending.before()
        self.number += 1
        with self._tracer.span(f"attempt {self.number}", "attempt") as span:
            begun = time.perf_counter()
            reply = self._runner.attempt(self._call.inputs, self.number)
            took_ms = (time.perf_counter() - begun) * 1000
            span.attributes = {"status": reply.status or None} | reply.notes
            if reply.remembered is not None:
                span.attributes["remembered"] = reply.remembered
            if reply.status >= 400 or reply.category:
                span.status = Span.Status.ERROR
        refused = is_refusal(reply.status, reply.headers) and not reply.has_acted
        self._may_have_acted |= self._changes and reply.has_acted is not False and not refused
        category = classify(self._call, reply)
        is_held_back = self._sending.after(category, reply)
        self._exchanges.append(_told(reply, self.number, took_ms, category))
        return reply, category, is_held_back

    def _is_too_late(self, wait_ms: int) -> bool:
        """Whether the time of its step is over by then; a simulated run's waits pass on its own clock."""
        ahead = timedelta(milliseconds=wait_ms + self.virtual_ms)
        return self._until is not None and timezone.now() + ahead >= self._until

    def _plan(self, reply: Reply, category: str, attempt: int) -> tuple[Plan, int | None]:
        spec = self._call.action
        asked_ms = retry_after_ms(reply.headers, timezone.now())
        refused = is_refusal(reply.status, reply.headers)
        may_repeat = self._call.is_repeatable or reply.has_acted is False or (refused and not reply.has_acted)
        next_try = plan(
            attempt=attempt,
            retryable=CATEGORIES[category].retryable,
            may_repeat=may_repeat,
            retry=PATIENCE if reply.not_begun else spec.retry if spec else {},
            asked_ms=asked_ms,
            spent_ms=self.virtual_ms + round((time.monotonic() - self._since) * 1000),
            rng=self._rng,
        )
        return next_try, asked_ms

    def _wait(self, wait_ms: int) -> None:
        """Let the time pass, with a sign of life every second; in simulation it passes on the virtual clock only.

        Raises RunError where its version was stopped meanwhile.
        """
        is_virtual = self._runner.is_virtual
        seconds = f"{wait_ms / 1000:.1f} s"
        name = f"back-off, virtual {seconds}" if is_virtual else f"back-off {seconds}"
        with self._tracer.span(name, "wait", wait_ms=wait_ms, virtual=is_virtual) as span:
            span.status = Span.Status.WAITED
            self._sending.require_going()
            if is_virtual:
                self.virtual_ms += wait_ms
                return
            until = time.monotonic() + wait_ms / 1000
            while (left := until - time.monotonic()) > 0:
                self._sending.keep()
                time.sleep(min(left, 1.0))
                self._sending.require_going()


def _told(reply: Reply, number: int, took_ms: float, category: str | None) -> dict[str, Any]:
    """An attempt as its call record keeps it."""
    told = {"attempt": number, "status": reply.status or None, "duration_ms": round(took_ms, 1)}
    return told | {"category": category or "", "requests": reply.requests} if reply.requests else told


def _given_up(reply: Reply, category: str, attempts: int, endpoint: str, why: Plan, asked_ms: int | None) -> RunError:
    code = reply.code or f"http_{reply.status}"  # who has no status says what it was
    error = partial(RunError, category, code, status=reply.status or None, attempts=attempts, last_endpoint=endpoint)
    if reply.sentence:
        error = partial(error, sentence=reply.sentence, next_step=reply.next_step, field=reply.field)
    if why.reason == "unsafe":
        return error(
            sentence=f"{reply.sentence} It may have taken effect."
            if reply.sentence
            else f"The other system answered {reply.status} to a request that may have taken effect.",
            next_step="Look there, then settle this run.",
            ambiguous=True,
        )
    if why.reason in _PASSING and asked_ms:
        at = timezone.now() + timedelta(milliseconds=asked_ms)
        return error(next_step=f"It asks to wait until {at:%d %B %Y, %H:%M:%S} UTC. Run it again then.", retry_at=at)
    return error()
