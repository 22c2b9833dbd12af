"""Circuit breakers: one for each action over each connection. What is counted lies in Valkey, what was decided in rows.

Every change is a guarded update of the row, so that of any number of processes one opens, one tries and one closes.
Where Valkey cannot be reached nothing is counted, and what was decided still holds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import Truncator
from redis.exceptions import RedisError

from galaxy.core import audit
from galaxy.core.db.prepared import prepared
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from galaxy.core.permissions import Denied, NotGranted, why_not
from registry.models import Connection
from sandbox import circuit
from sandbox.circuit import Circuit, Knobs, Way
from sandbox.errors import RunError
from sandbox.issues import MANAGE, close_issues, open_issue
from sandbox.models import Breaker, BreakerEvent, Category, Issue
from sandbox.valkey import client, script

log = structlog.get_logger(__name__)
HELD_BACK = "circuit_open"  # the code of a call that a breaker refused
_PARTS = 10  # a window is counted in so many parts; the oldest goes as a whole


class AlreadyThere(Conflict):
    code = "breaker_unchanged"


@dataclass(frozen=True)
class Pass:
    """Leave to call. A trial's names the half-open state that it may end."""

    trial_until: datetime | None = None

    @property
    def is_trial(self) -> bool:
        return self.trial_until is not None


def enter(connection: Connection, action: str, *, trial: timedelta) -> Pass:
    """Leave for one call of ``action``; ``trial`` is how long a trial may take to report.

    Raises RunError where calls are held back, without a request: circuit_open, which is transient, or where a person
    holds them back their decision, and so a policy_block.
    """
    breaker = _find(connection, action)
    if breaker is None:
        return Pass()
    now = timezone.now()
    match circuit.way(_circuit(breaker), now):
        case Way.THROUGH:
            return Pass()
        case Way.TRIAL:
            after = circuit.tried(_circuit(breaker), now, trial)
            if _change(breaker, after, "One call is let through to try."):
                return Pass(after.until)
            breaker.refresh_from_db()
            if breaker.state == circuit.CLOSED:  # whoever tried was quick
                return Pass()
    raise _held_back(breaker)


def report(connection: Connection, action: str, category: str | None, knobs: Knobs, leave: Pass) -> bool:
    """Count what a call with ``leave`` came back with; True where the breaker holds calls back after it."""
    healthy = circuit.is_healthy(category)
    if leave.is_trial:
        return _end_trial(connection, action, healthy, knobs, leave)
    if healthy is None:
        return False
    try:
        failures, calls = _count(connection, action, knobs, is_failure=not healthy)
    except RedisError as error:
        log.warning("breaker cannot count", error=type(error).__name__)
        return False
    if healthy:
        return False  # a success opens nothing
    after = circuit.after_count(Circuit(), failures, calls, timezone.now(), knobs)
    if after.state == circuit.CLOSED:
        return False
    breaker, _ = Breaker.objects.get_or_create(
        workspace_id=connection.workspace_id, connection=connection, action=action
    )
    words = f"{failures} of the last {calls} calls failed within {knobs.window_s} s."
    counts = {"failures": failures, "calls": calls, "window_s": knobs.window_s}
    if breaker.state == circuit.CLOSED and _change(breaker, after, words, counts=counts):
        _forget(connection, action)
    return True


def step_back(connection: Connection, action: str, leave: Pass) -> None:
    """A trial that sent nothing lets the next call try."""
    if not leave.is_trial:
        return
    Breaker.objects.in_workspace(connection.workspace_id).filter(
        connection=connection, action=action, state=circuit.HALF_OPEN, until=leave.trial_until
    ).update(state=circuit.OPEN, until=timezone.now())


@transaction.atomic
def trip_breaker(connection: Connection, action: str, *, actor: User, reason: str) -> Breaker:
    """Hold back all calls of ``action`` until somebody resets it. Raises NotGranted, Invalid without a reason, or
    AlreadyThere."""
    require_steering(connection, actor)
    breaker, _ = Breaker.objects.get_or_create(
        workspace_id=connection.workspace_id, connection=connection, action=action
    )
    if breaker.is_manual:
        raise AlreadyThere("Its calls are held back by hand already.")
    return _by_hand(breaker, circuit.tripped(), actor, reason)


@transaction.atomic
def reset_breaker(connection: Connection, action: str, *, actor: User, reason: str) -> Breaker:
    """Let calls through again, and count anew. Raises NotGranted, Invalid without a reason, or AlreadyThere."""
    require_steering(connection, actor)
    breaker = _find(connection, action)
    if breaker is None or breaker.state == circuit.CLOSED:
        raise AlreadyThere("Its calls go through already.")
    _forget(connection, action)
    return _by_hand(breaker, Circuit(), actor, reason)


@transaction.atomic
def close_breaker(breaker: Breaker, reason: str) -> None:
    """Close one that nothing will try any more, since what it is for is there no more; read with ``connection``."""
    _forget(breaker.connection, breaker.action)
    _change(breaker, Circuit(), reason)


def why_not_steer(connection: Connection, user: User) -> Denied | None:
    """None where ``user`` may trip and reset breakers and free places: on their own connection, or where they manage
    all."""
    return None if connection.owner_id == user.pk else why_not(user, MANAGE, connection.workspace)


def require_steering(connection: Connection, user: User) -> None:
    """Raises NotGranted."""
    if denied := why_not_steer(connection, user):
        raise NotGranted(denied)


def _by_hand(breaker: Breaker, after: Circuit, actor: User, reason: str) -> Breaker:
    if not reason.strip():
        raise Invalid("Say why.", {"reason": "Write why, for those who look at it later."})
    if not _change(breaker, after, reason.strip(), actor=actor):
        raise AlreadyThere("It changed a moment ago.")
    breaker.refresh_from_db()
    return breaker


def _end_trial(connection: Connection, action: str, healthy: bool | None, knobs: Knobs, leave: Pass) -> bool:
    breaker = _find(connection, action)
    if breaker is None or breaker.until != leave.trial_until or breaker.state != circuit.HALF_OPEN:
        return breaker is not None and breaker.state != circuit.CLOSED  # too late: another trial, or a person
    after = circuit.after_trial(healthy, timezone.now(), knobs)
    words = "A call went through again." if after.state == circuit.CLOSED else "The call that tried failed."
    if after.state == circuit.CLOSED:
        _forget(connection, action)
    _change(breaker, after, words)
    return after.state != circuit.CLOSED


@transaction.atomic
def _change(
    breaker: Breaker, after: Circuit, reason: str, *, actor: User | None = None, counts: dict[str, int] | None = None
) -> bool:
    """Move ``breaker`` from the state it was read in; False where somebody else moved it first."""
    now = timezone.now()
    same = Breaker.objects.filter(pk=breaker.pk, state=breaker.state, until=breaker.until, is_manual=breaker.is_manual)
    if not same.update(state=after.state, until=after.until, is_manual=after.is_manual, changed_at=now):
        return False
    BreakerEvent.objects.create(
        workspace_id=breaker.workspace_id,
        breaker=breaker,
        state=after.state,
        counts=counts or {},
        reason=Truncator(reason).chars(300),
        actor=actor,
        at=now,
    )
    if after.state != circuit.HALF_OPEN:
        _tell(breaker, after, reason, actor, counts or {})
    return True


def _tell(breaker: Breaker, after: Circuit, reason: str, actor: User | None, counts: dict[str, int]) -> None:
    """The trail of every change but a trial's beginning; and the issue, which a tripped one does not need."""
    connection = Connection.objects.select_related("workspace", "installation__workspace", "owner").get(
        pk=breaker.connection_id
    )
    if after.state == circuit.OPEN:
        verb = "breaker.tripped" if after.is_manual else "breaker.opened"
        if not after.is_manual:
            open_issue(
                connection.installation,
                Issue.Kind.BREAKER_OPEN,
                sentence=f"Calls of {breaker.action} over {connection} are held back. {reason}",
                next_step="Look whether the other system works. One call tries by itself; a person may reset it.",
                facts=counts,
                connection=connection,
                target=breaker.action,
            )
    else:
        verb = "breaker.reset" if actor else "breaker.closed"
        because = f"Somebody reset the breaker: {reason}" if actor else reason
        close_issues(
            connection.installation,
            Issue.Kind.BREAKER_OPEN,
            because=because,
            connection=connection,
            target=breaker.action,
        )
    audit.record(
        verb,
        actor=actor,
        target=breaker,
        workspace=connection.workspace,
        before={"state": breaker.state},
        after={"state": after.state},
        reason=reason,
        connection=str(connection),
        counted=counts,
    )


def _find(connection: Connection, action: str) -> Breaker | None:
    return _breaker.one(workspace=connection.workspace_id, connection=connection.pk, action=action)


@prepared
def _breaker(workspace: UUID, connection: UUID, action: str) -> QuerySet[Breaker]:
    return Breaker.objects.filter(workspace=workspace, connection=connection, action=action)


def _circuit(breaker: Breaker) -> Circuit:
    return Circuit(breaker.state, breaker.until, breaker.is_manual)


def _held_back(breaker: Breaker) -> RunError:
    what, at, category = f"Calls of {breaker.action} are held back", None, Category.TRANSIENT
    if breaker.is_manual:
        category = Category.POLICY_BLOCK
        sentence = f"{what} by somebody who manages connections, so nothing was sent."
        step = "Its history on the connection's page says why; whoever manages connections can reset it there."
    elif breaker.state == circuit.HALF_OPEN:
        sentence = f"{what}, since many failed; one call is trying at this moment. Nothing was sent."
        step = "Run it again in a moment."
    else:
        at = breaker.until or timezone.now()
        sentence = f"{what} until {at:%H:%M:%S} UTC, since too many of the last ones failed. Nothing was sent."
        step = f"Run it again after {at:%d %B %Y, %H:%M:%S} UTC; the next call then tries whether it works."
    return RunError(category, HELD_BACK, sentence=sentence, next_step=step, retry_at=at)


def _key(connection: Connection, action: str) -> str:
    return f"galaxy:breaker:{{{connection.workspace_id}:{connection.pk}}}:{action}"


def _count(connection: Connection, action: str, knobs: Knobs, *, is_failure: bool) -> tuple[int, int]:
    """Count one call; returns (failures, calls) of the window."""
    part_ms = knobs.window_s * 1000 // _PARTS
    found = script(_COUNT)(keys=[_key(connection, action)], args=[part_ms, _PARTS, int(is_failure)])
    return int(found[0]), int(found[1])


def _forget(connection: Connection, action: str) -> None:
    try:
        client().delete(_key(connection, action))
    except RedisError as error:
        log.warning("breaker cannot count", error=type(error).__name__)


# A map of part to failures and calls ("f1764129600000", "c1764129600000"), each named by the moment it began, so that
# it leaves the window whatever length another version's has; parts that have left it are dropped.
_COUNT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local part = now - now % ARGV[1]
redis.call('HINCRBY', KEYS[1], 'c' .. part, 1)
redis.call('HINCRBY', KEYS[1], 'f' .. part, ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[1] * (ARGV[2] + 1))
local stored, failures, calls = redis.call('HGETALL', KEYS[1]), 0, 0
for at = 1, #stored, 2 do
  local name, count = stored[at], tonumber(stored[at + 1])
  if tonumber(string.sub(name, 2)) <= part - ARGV[1] * ARGV[2] then
    redis.call('HDEL', KEYS[1], name)
  elseif string.sub(name, 1, 1) == 'f' then
    failures = failures + count
  else
    calls = calls + count
  end
end
return {failures, calls}
"""
