"""Schedules of five cron fields in a time zone, exactly once on the days on which clocks are changed.

Where the hour is named, wall time counts: what falls into the hour that is left out comes right after it, and what
falls into the hour that comes twice comes in the first of the two. Where every hour is meant (`*`), real time counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5
_SIGNS = re.compile(r"[0-9*/,\- ]{9,100}")


class BadCron(ValueError):
    """A sentence for whoever wrote it."""


def check_cron(text: str) -> None:
    """Raises BadCron."""
    if len(text.split()) != FIELDS or not _SIGNS.fullmatch(text):
        raise BadCron("A cron line has five fields: minute, hour, day, month and day of the week, such as 0 8 * * 1.")
    try:
        following = next(times_after(text, "UTC", datetime(2024, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        raise BadCron(f"This cron line cannot be read: {str(error).removeprefix('Bad ')} is wrong.") from error
    if following is None:
        raise BadCron("There is no such day.")


def times_after(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    """The times of a schedule after ``after``, in UTC and in order, each once. Raises CronSimError at what is none."""
    minute, hour, *days = cron.split()
    if hour != "*":  # cronsim takes a field that begins with * as one that goes by real time
        minute, hour = minute.replace("*", "0-59"), hour.replace("*", "0-23")
    last = after
    begin = after.astimezone(ZoneInfo(zone)) - timedelta(hours=3)  # cronsim goes on from either of a doubled hour
    for local in CronSim(" ".join((minute, hour, *days)), begin):
        at = local.astimezone(UTC)
        if at > last:
            last = at
            yield at


def next_times(cron: str, zone: str, after: datetime, count: int = 3) -> list[datetime]:
    return list(islice(times_after(cron, zone, after), count))
