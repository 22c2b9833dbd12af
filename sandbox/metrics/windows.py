"""The times that figures are told of, made of whole hours or whole days (UTC), the one that runs included."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from django.utils import timezone

from sandbox.models import RollUp

HOUR, DAY = RollUp.Period.HOUR.value, RollUp.Period.DAY.value
_STEPS = {HOUR: timedelta(hours=1), DAY: timedelta(days=1)}
_LENGTHS = {"24h": ("24 hours", HOUR, 24), "7d": ("7 days", DAY, 7), "30d": ("30 days", DAY, 30)}
KEYS = tuple(_LENGTHS)
USUAL = "7d"


@dataclass(frozen=True)
class Window:
    """``length`` roll-ups of ``period``, the last of which is the running hour or day."""

    key: str
    label: str
    period: str
    length: int
    since: datetime

    @property
    def step(self) -> timedelta:
        return _STEPS[self.period]

    @property
    def until(self) -> datetime:
        return self.since + self.length * self.step

    @cached_property
    def starts(self) -> list[datetime]:
        return [self.since + at * self.step for at in range(self.length)]


def window_of(key: str, now: datetime | None = None) -> Window:
    """The window that ``key`` (24h, 7d, 30d; anything else is 7d) names as of now."""
    key = key if key in _LENGTHS else USUAL
    label, period, length = _LENGTHS[key]
    running = (now or timezone.now()).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if period == DAY:
        running = running.replace(hour=0)
    return Window(key, label, period, length, running - (length - 1) * _STEPS[period])


def windows(now: datetime | None = None) -> list[Window]:
    return [window_of(key, now) for key in KEYS]
