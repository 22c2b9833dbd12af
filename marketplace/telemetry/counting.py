"""Counting by beat what pages of telemetry show, so that none of them reads a run (docs/telemetry.md).

What is told comes from functions of PostgreSQL, and goes into tables in the same statement: of what fewer than three
workspaces did there is no number, here or anywhere. Only what changed is written.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from marketplace.telemetry.models import InstallDay, VersionDay

WINDOWS = (7, 30, 90)  # days that a page looks back; the column of Reached has the number in its name
KEPT_DAYS = 100
ANEW_DAYS = 14  # counted again each time: a call that waited for a person counts on the day it was asked for

# A row that is not told any more goes: since a workspace was removed, say, and fewer than three are left.
_VERSIONS = """
WITH told AS MATERIALIZED (SELECT * FROM marketplace_telemetry(%(since)s, %(until)s)), gone AS (
    DELETE FROM marketplace_versionday d WHERE d.day BETWEEN %(since)s AND %(until)s
        AND NOT EXISTS (SELECT 1 FROM told t WHERE t.version_id = d.version_id AND t.day = d.day) RETURNING 1
), kept AS (
    INSERT INTO marketplace_versionday AS d
        (version_id, day, good, bad, callers, workspaces, failing, errors, buckets, counts)
    SELECT t.version_id, t.day, t.good, t.bad, t.callers, t.workspaces, t.failing, t.errors, t.buckets, t.counts
    FROM told t
    ON CONFLICT (version_id, day) DO UPDATE SET good = excluded.good, bad = excluded.bad, callers = excluded.callers,
        workspaces = excluded.workspaces, failing = excluded.failing, errors = excluded.errors,
        buckets = excluded.buckets, counts = excluded.counts
    WHERE (d.good, d.bad, d.callers, d.workspaces, d.failing, d.errors, d.buckets, d.counts)
        IS DISTINCT FROM (excluded.good, excluded.bad, excluded.callers, excluded.workspaces, excluded.failing,
            excluded.errors, excluded.buckets, excluded.counts)
    RETURNING 1
) SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM kept)
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
SELECT extension_id, version_id, days_7, days_30, days_90 FROM marketplace_reached(%(now)s)
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('marketplace.count_telemetry'))"


@transaction.atomic
def count_telemetry(now: datetime | None = None) -> int:
    """Count the last days anew and write what changed; returns how many days of versions and installs that were.

    The first time, and after a pause, as far back as pages look. Safe to run twice, and at the same time.
    """
    now = now or timezone.now()
    today = now.astimezone(UTC).date()
    changed = 0
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME)
        for statement, model in ((_VERSIONS, VersionDay), (_INSTALLS, InstallDay)):
            for since, until in _spans(_since(model, today), today):
                cursor.execute(statement, {"since": since, "until": until})
                changed += cursor.fetchone()[0]
        cursor.execute("DELETE FROM marketplace_reached")
        cursor.execute(_REACHED, {"now": now})
    for model in (VersionDay, InstallDay):
        model.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)).delete()
    return changed


def _spans(since: date, until: date) -> Iterator[tuple[date, date]]:
    """``ANEW_DAYS`` at a time, both ends included, so that no statement grows with how far back it goes."""
    while since <= until:
        last = min(since + timedelta(days=ANEW_DAYS), until)
        yield since, last
        since = last + timedelta(days=1)


def _since(model: type[VersionDay | InstallDay], today: date) -> date:
    """From which day on it is counted anew: enough of them, and every one since it was last counted."""
    usual = today - timedelta(days=ANEW_DAYS)
    last = model.objects.filter(day__lte=today).order_by("-day").values_list("day", flat=True).first()
    if last is not None and last >= usual:
        return usual
    return today - timedelta(days=max(WINDOWS))
