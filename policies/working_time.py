"""Time that counts: a delay of so many seconds, of which only those within business hours are counted."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from policies.rules.parts import Hours, minutes

LONGEST_WAIT = timedelta(days=366)  # hours that never come must not be waited for


def after(start: datetime, seconds: float, hours: Hours | None) -> datetime:
    """The moment ``seconds`` after ``start``, counting only what lies in ``hours``; all time counts where it is None.

    Never later than ``LONGEST_WAIT`` after ``start``. Local hours follow the zone's own clock, so a day on which it
    changes is an hour shorter or longer here as well.
    """
    if hours is None:
        return start + timedelta(seconds=seconds)
    left = timedelta(seconds=seconds)
    for begin, end in _stretches(start, hours):
        if end - begin >= left:
            return begin + left
        left -= end - begin
    return start + LONGEST_WAIT


def _stretches(start: datetime, hours: Hours) -> Iterator[tuple[datetime, datetime]]:
    """The working stretches from ``start`` on, in order: between two edges of a day it is all work or none."""
    edges = _edges(start, hours)
    begin = start
    for end in edges:
        if end > begin:
            if hours.hold(begin):
                yield begin, end
            begin = end


def _edges(start: datetime, hours: Hours) -> Iterator[datetime]:
    """Each moment at which ``hours`` may begin or end: midnight, and both its times, of every local day."""
    zone = ZoneInfo(hours.zone)
    marks = sorted({0, minutes(hours.start) % 1440, minutes(hours.end) % 1440})
    day = start.astimezone(zone).date()
    for _ in range(LONGEST_WAIT.days + 1):
        for mark in marks:
            local = datetime.combine(day, time(mark // 60, mark % 60), tzinfo=zone)
            yield local.astimezone(UTC)
        day += timedelta(days=1)
