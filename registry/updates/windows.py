"""When updates are taken: hours of some weekdays, by the clocks of a time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NAMED = {0b1111111: "Every day", 0b0011111: "Weekdays", 0b1100000: "Weekends"}
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """``weekdays`` are bits, Monday the lowest. Open while the clocks of ``zone`` show a time from ``opens`` until
    before ``closes`` on such a day; where both are the same, all day; one that closes before it opens closes on the day
    after, and its hours after midnight belong to the day on which it opened.

    It goes by what the clocks show: an hour that they show twice is open twice, and one that they leave out is not.
    """

    weekdays: int = 0b1111111
    opens: time = time(0)
    closes: time = time(0)
    zone: str = "UTC"

    @property
    def is_always_open(self) -> bool:
        return self.weekdays == 0b1111111 and self.opens == self.closes

    def is_open(self, now: datetime) -> bool:
        """At ``now``, which has a time zone."""
        local = now.astimezone(ZoneInfo(self.zone))
        shown, day = local.time().replace(fold=0), local.date()
        if self.opens < self.closes:
            return self._is_on(day) and self.opens <= shown < self.closes
        if self.opens == self.closes:
            return self._is_on(day)
        return (self._is_on(day) and shown >= self.opens) or (self._is_on(day - _DAY) and shown < self.closes)

    def next_open(self, now: datetime) -> datetime:
        """The earliest moment from ``now`` on at which it is open, in UTC; to the minute on days that clocks change."""
        if self.is_open(now):
            return now.astimezone(UTC)
        first = now.astimezone(ZoneInfo(self.zone)).date()
        starts = (moment for days in range(16) for moment in self._starts(first + days * _DAY))
        return min(moment for moment in starts if moment > now and self.is_open(moment))

    @property
    def words(self) -> str:
        """Such as "Weekdays, 06:00 to 08:00 (Europe/Berlin)"."""
        if self.is_always_open:
            return "At any time"
        days = _NAMED.get(self.weekdays) or ", ".join(name for bit, name in enumerate(DAYS) if self.weekdays & 1 << bit)
        hours = "all day" if self.opens == self.closes else f"{self.opens:%H:%M} to {self.closes:%H:%M}"
        return f"{days}, {hours} ({self.zone})"

    def _is_on(self, day: date) -> bool:
        return bool(self.weekdays & 1 << day.weekday())

    def _starts(self, day: date) -> Iterator[datetime]:
        """The moments of ``day`` at which it may begin: when its clocks first show ``opens``; where they leave that
        out, each minute from then until they go on, for it begins as soon as they are past it."""
        zone = ZoneInfo(self.zone)
        one, other = (
            datetime.combine(day, self.opens, tzinfo=zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        at, last = min(one, other), max(one, other)
        while at < last:
            yield at
            at += _MINUTE
        yield last
