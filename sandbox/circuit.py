"""The circuit breaker as a state machine: pure, so that every sequence of events can be tried.

Closed lets everything through and counts. Open holds everything back until a moment; then one call may try, which is
the half-open state. Its result closes the breaker or opens it anew. A person may trip it (it then stays open until a
person resets it) and reset it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from sandbox.models import Category

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
# What says that the other side is unwell. A caller's own mistake never does, nor do credentials: those need a person,
# and holding calls back would only hide what is wrong.
_UNWELL = frozenset({Category.TRANSIENT, Category.RATE_LIMIT, Category.QUOTA, Category.TOOL_ERROR})


@dataclass(frozen=True)
class Knobs:
    """Opens when at least ``samples`` calls within ``window_s`` were counted and ``threshold`` per cent failed; tries
    again after ``rest_s``."""

    threshold: int = 50
    samples: int = 10
    window_s: int = 60
    rest_s: int = 30


@dataclass(frozen=True)
class Circuit:
    """``until``: open, when a call may try; half-open, when a trial that has not reported is given up."""

    state: str = CLOSED
    until: datetime | None = None
    is_manual: bool = False


class Way(Enum):
    """What a call may do that comes to a breaker."""

    THROUGH = "through"
    TRIAL = "trial"
    HELD = "held"


def way(circuit: Circuit, now: datetime) -> Way:
    if circuit.state == CLOSED:
        return Way.THROUGH
    if circuit.is_manual or circuit.until is None or now < circuit.until:
        return Way.HELD
    return Way.TRIAL


def tried(circuit: Circuit, now: datetime, trial: timedelta) -> Circuit:
    """One call is let through to try; it has ``trial`` to report."""
    return replace(circuit, state=HALF_OPEN, until=now + trial)


def is_healthy(category: str | None) -> bool | None:
    """What a reply says of the other side: well, unwell, or None where it counts for nothing."""
    if category is None:
        return True
    return False if category in _UNWELL else None


def after_trial(healthy: bool | None, now: datetime, knobs: Knobs) -> Circuit:
    """What a trial leads to. Whatever the other side answers that is no failure of its own shows that it is there."""
    if healthy is False:
        return opened(now, knobs)
    return Circuit()


def after_count(circuit: Circuit, failures: int, calls: int, now: datetime, knobs: Knobs) -> Circuit:
    """What the counts of the window lead to; only a closed breaker opens by them."""
    if circuit.state != CLOSED or calls < knobs.samples or failures * 100 < knobs.threshold * calls:
        return circuit
    return opened(now, knobs)


def opened(now: datetime, knobs: Knobs) -> Circuit:
    return Circuit(OPEN, now + timedelta(seconds=knobs.rest_s))


def tripped() -> Circuit:
    """By a person, until a person resets it."""
    return Circuit(OPEN, None, is_manual=True)
