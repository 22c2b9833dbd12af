"""When a token is renewed: ahead of its end, daily at least, and not too soon after a failure."""

import random
from datetime import datetime, timedelta

from sandbox.oauth.answers import LONGEST_WAIT_S

DAY = timedelta(hours=24)
MARGIN = timedelta(seconds=60)  # a call that begins with less left might arrive too late
FIRST_COOLDOWN_S, LONGEST_COOLDOWN_S = 30.0, 900.0  # by ourselves
LONGEST_COOLDOWN = timedelta(seconds=LONGEST_WAIT_S)  # where the provider asks for it


def next_refresh(at: datetime, expires_at: datetime | None) -> datetime:
    """When beat renews a token that came at ``at``: after three quarters of its life, spread a little so that
    connections made together are not renewed together, and within a day of the last time in any case."""
    life = min(expires_at - at, DAY) if expires_at else DAY
    return at + life * random.uniform(0.7, 0.8)  # noqa: S311  (a moment, not a secret)


def margin(at: datetime | None, expires_at: datetime) -> timedelta:
    """How long before its end a token is taken for over: a minute, less for one that lives but minutes."""
    return min(MARGIN, (expires_at - at) / 5) if at and expires_at > at else MARGIN


def cooldown(failures: int, asked_s: float = 0) -> timedelta:
    """How long no refresh is tried after the ``failures``-th failure in a row; at least what the provider asked."""
    seconds = min(FIRST_COOLDOWN_S * 2 ** (failures - 1), LONGEST_COOLDOWN_S)
    return timedelta(seconds=max(seconds, asked_s))
