"""normalize_date: a day or a moment, written in one of many ways, as ISO 8601."""

from __future__ import annotations

import importlib.resources
import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from dateutil import parser

from .errors import TransformError

MAX_LENGTH = 80
# The parser fills what a text leaves out from a default. Two defaults that share no part show what was filled.
_DEFAULTS = (datetime(2000, 1, 1), datetime(2001, 2, 2))
_ORDERS = {
    "year_first": {"yearfirst": True, "dayfirst": False},
    "day_first": {"yearfirst": False, "dayfirst": True},
    "month_first": {"yearfirst": False, "dayfirst": False},
}
# A year of four digits in front is always followed by month and day; the parser would swap those for day_first.
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", re.ASCII)
# A whole day in ISO 8601, by itself or before a time; the general parser does not know the compact forms.
_ISO = re.compile(r"(?:\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?\d)(?:[T ].*)?", re.ASCII)
_EPOCH = re.compile(r"-?\d{10}|-?\d{13}", re.ASCII)
# Ten digits that are a date and an hour of our time just as well as seconds since 1970.
_DATE_AND_HOUR = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])", re.ASCII)
_EPOCH_MS_FROM = 100_000_000_000
_EPOCH_START = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 (reads as the zone it is)
# Names of zones by RFC 5322, section 4.3; others mean different things in different countries.
_ZONE_HOURS = {
    "UTC": 0, "UT": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7,
}  # fmt: skip


def normalize_date(value: Any, *, zone: str = "UTC", order: str | None = None, to: str = "date") -> str:
    """``3 Jan 2026 4pm`` as ``2026-01-03``, or with ``to="datetime"`` as ``2026-01-03T16:00:00Z``.

    ``value`` is a text, or seconds or milliseconds since 1970. A text without an offset is a time in ``zone``; the
    answer is a day or a time in ``zone`` too. ``order`` (year_first, day_first, month_first) says how 01/02/2026 is
    read. The machine's clock, zone and language play no part. Raises TransformError: wrong_type, bad_date,
    incomplete_date, ambiguous_date or unknown_zone.
    """
    home = load_zone(zone)
    moment = _from_number(value) if _is_number(value) else _from_text(value, order)
    try:
        # A time that occurs twice when clocks go back is the first of the two (PEP 495).
        moment = moment.replace(tzinfo=home) if moment.tzinfo is None else moment.astimezone(home)
    except (OverflowError, ValueError):
        raise TransformError("bad_date", "The date lies outside the years 1 to 9999.") from None
    if to == "date":
        return moment.date().isoformat()
    return moment.isoformat().replace("+00:00", "Z")


@cache
def load_zone(name: str) -> ZoneInfo:
    """A zone of the locked tzdata package. The machine's own copy may be older, and the answer would differ with it."""
    folder, _, leaf = name.rpartition("/")
    package = ".".join(["tzdata.zoneinfo", *folder.split("/")]) if folder else "tzdata.zoneinfo"
    try:
        with importlib.resources.files(package).joinpath(leaf).open("rb") as source:
            return ZoneInfo.from_file(source, key=name)
    except (ModuleNotFoundError, OSError, ValueError):
        raise TransformError("unknown_zone", f"There is no time zone {name!r:.40}.") from None


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_EPOCH.fullmatch(value.strip()))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _from_number(value: int | float | str) -> datetime:
    if isinstance(value, str) and _DATE_AND_HOUR.fullmatch(value.strip()):
        raise TransformError(
            "ambiguous_date", "These are seconds since 1970, or a date and an hour. Write 2026-01-31T10."
        )
    number = int(value) if isinstance(value, str) else value
    seconds = number / 1000 if abs(number) >= _EPOCH_MS_FROM else number
    try:
        return _EPOCH_START + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise TransformError("bad_date", "The number is not a time since 1970.") from None


def _from_text(value: Any, order: str | None) -> datetime:
    if not isinstance(value, str):
        raise TransformError("wrong_type", "A date is written as a text or a number.")
    text = value.strip()
    if len(text) > MAX_LENGTH:
        raise TransformError("bad_date", f"The text is longer than {MAX_LENGTH} characters, so it is no date.")
    if year_first := _YEAR_FIRST.match(text):
        year, month, day = year_first.groups()
        text = f"{year}-{month:0>2}-{day:0>2}{text[year_first.end() :]}"
        order = "year_first"
    if _ISO.fullmatch(text):
        try:
            return parser.isoparse(text)
        except ValueError:
            pass  # a blank before the offset, say, which the general parser takes
    readings = {reading for name in ([order] if order else _ORDERS) if (reading := _parse(text, name))}
    if not readings:
        raise TransformError("bad_date", "The text is not a date. Write it as 2026-01-31.")
    if len(readings) > 1:
        raise TransformError(
            "ambiguous_date", "Day and month could be swapped. Say which comes first with the argument order."
        )
    return readings.pop()


def _parse(text: str, order: str) -> datetime | None:
    """One reading, or None where this order gives none."""
    try:
        first, second = (parser.parse(text, default=default, tzinfos=_zone, **_ORDERS[order]) for default in _DEFAULTS)
    except TransformError:
        raise
    except (ValueError, OverflowError, TypeError, ArithmeticError, AttributeError, IndexError):
        return None  # the parser's own exceptions are not of one family
    if first.date() != second.date():
        raise TransformError("incomplete_date", "Day, month and year are all needed.")
    return first


def _zone(name: str | None, offset: int | None) -> tzinfo | None:
    if name is None and offset is None:
        return None
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    if name not in _ZONE_HOURS:
        raise TransformError("unknown_zone", f"The zone {name!r:.10} has no one meaning. Write an offset: +01:00.")
    return timezone(timedelta(hours=_ZONE_HOURS[name]))
