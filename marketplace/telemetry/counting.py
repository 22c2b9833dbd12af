"""Counting by beat what pages of telemetry show, so that none of them reads a run (docs/telemetry.md).

What is told comes from functions of PostgreSQL, and goes into tables in the same statement: of what fewer than three
workspaces did there is no number, here or anywhere.

A day of calls is told when it is over, and once: were it counted again, whoever looks before and after would read off
what a single workspace did meanwhile, although both numbers rest on three.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection, transaction
from django.utils import timezone

from marketplace.telemetry.models import InstallDay, ToldDay, VersionDay

WINDOWS = (7, 30, 90)  # days that a page looks back; the column of Reached has the number in its name
KEPT_DAYS = 100
SPAN_DAYS = 14  # counted by one statement, so that none grows with how far back it goes
ANEW_DAYS = 14  # of installs, which everybody may count, counted again each time
SETTLES = timedelta(hours=1)  # after midnight: what ended before it is written by then

_VERSIONS = """
WITH kept AS (
    INSERT INTO marketplace_versionday
        (version_id, day, good, bad, callers, workspaces, failing, errors, buckets, counts)
    SELECT t.version_id, t.day, t.good, t.bad, t.callers, t.workspaces, t.failing, t.errors, t.buckets, t.counts
    FROM marketplace_telemetry(%(since)s, %(until)s) t ON CONFLICT (version_id, day) DO NOTHING RETURNING 1
) SELECT count(*) FROM kept
"""
_TOLD = """
INSERT INTO marketplace_toldday (day) SELECT d::date FROM generate_series(%(since)s::date, %(until)s::date, '1 day') d
ON CONFLICT DO NOTHING
"""
_INSTALLS = """
WITH told AS MATERIALIZED (SELECT * FROM marketplace_install_days(%(since)s, %(until)s)), gone AS (
    DELETE FROM marketplace_installday d WHERE d.day BETWEEN %(since)s AND %(until)s
        AND NOT EXISTS (SELECT 1 FROM told t WHERE t.extension_id = d.extension_id AND t.day = d.day) RETURNING 1
), kept AS (
    INSERT INTO marketplace_installday AS d (extension_id, day, installs)
    SELECT t.extension_id, t.day, t.installs FROM told t
    ON CONFLICT (extension_id, day) DO UPDATE SET installs = excluded.installs WHERE d.installs <> excluded.installs
    RETURNING 1
) SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM kept)
"""
_REACHED = """
INSERT INTO marketplace_reached (extension_id, version_id, days_7, days_30, days_90)
SELECT extension_id, version_id, days_7, days_30, days_90 FROM marketplace_reached(%(at)s)
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('marketplace.count_telemetry'))"


@transaction.atomic
def count_telemetry(now: datetime | None = None) -> int:
    """Count the days that came to their end, and installs; returns how many days of versions and installs are new.

    The first time, and after a pause, as far back as pages look. Safe to run twice, and at the same time.
    """
    now = now or timezone.now()
    today, until = now.astimezone(UTC).date(), last_told_day(now)
    changed = 0
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME)
        for since, last in _spans(_first_untold(today), until):
            span = {"since": since, "until": last}
            cursor.execute(_VERSIONS, span)
            changed += cursor.fetchone()[0]
            cursor.execute(_TOLD, span)
        for since, last in _spans(_since(today), today):
            cursor.execute(_INSTALLS, {"since": since, "until": last})
            changed += cursor.fetchone()[0]
        cursor.execute("DELETE FROM marketplace_reached")
        cursor.execute(_REACHED, {"at": datetime.combine(until + timedelta(days=1), time(tzinfo=UTC))})
    for model in (VersionDay, InstallDay, ToldDay):
        model.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)).delete()
    return changed


def last_told_day(now: datetime) -> date:
    """The last day (UTC) that is over and settled."""
    return (now - SETTLES).astimezone(UTC).date() - timedelta(days=1)


def _spans(since: date, until: date) -> Iterator[tuple[date, date]]:
    """``SPAN_DAYS`` at a time, both ends included."""
    while since <= until:
        last = min(since + timedelta(days=SPAN_DAYS), until)
        yield since, last
        since = last + timedelta(days=1)


def _first_untold(today: date) -> date:
    oldest = today - timedelta(days=max(WINDOWS))
    last = ToldDay.objects.order_by("-day").values_list("day", flat=True).first()
    return max(oldest, last + timedelta(days=1)) if last else oldest


def _since(today: date) -> date:
    """From which day on installs are counted anew: enough of them, and every one since they were last counted."""
    usual = today - timedelta(days=ANEW_DAYS)
    last = InstallDay.objects.filter(day__lte=today).order_by("-day").values_list("day", flat=True).first()
    if last is not None and last >= usual:
        return usual
    return today - timedelta(days=max(WINDOWS))
