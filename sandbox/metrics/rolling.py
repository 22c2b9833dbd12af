"""Roll-ups, kept by beat from runs that are over, each counted exactly once.

A trigger notes every run with the very write that ends it, whoever writes it: a worker, a restore, a backfill. Beat
takes what is noted, adds it to the roll-ups and strikes it out, in one transaction; so nothing is lost or doubled by a
kill, and a run that ends late, or is settled weeks later, is counted in the hour in which it ended. How far the figures
go is the oldest note (``behind_since``). A workspace's roll-ups are written by one at a time.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.db.prepared import prepared
from galaxy.core.models import Workspace
from galaxy.core.sweeps import apart
from galaxy.core.telemetry import exports_traces
from sandbox.metrics.costs import charges_for, is_charged
from sandbox.metrics.ended import Ended, Ending, Key, Sums, ending_of
from sandbox.metrics.stored import Cell, read_rollups, write_rollups
from sandbox.models import Charge, RollUp, Uncounted, Unsent

BATCH = 5_000  # runs of one transaction
AT_MOST = 200  # workspaces of one round of beat
HOUR, DAY = RollUp.Period.HOUR.value, RollUp.Period.DAY.value
# Each by the ids that the first one gave: however old the statistics are, after a flood above all, there is one plan.
_NOTED = """
SELECT run_id, was FROM sandbox_uncounted WHERE workspace_id = %s ORDER BY noted_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
_STRUCK = "DELETE FROM sandbox_uncounted WHERE workspace_id = %s AND run_id = ANY(%s)"
_ENDED = """
SELECT r.id, coalesce(r.parent_id, r.id), r.mode <> 'live', r.kind, r.target, r.installation_id, r.version_id,
    r.state, r.error_category, coalesce(r.error ->> 'error_code', ''), (r.error ->> 'status')::int, r.finished_at,
    r.created_at, r.started_at, r.given_back,
    CASE WHEN jsonb_typeof(c.exchanges) = 'array' THEN jsonb_array_length(c.exchanges) ELSE 0 END,
    a.requested_at, a.decided_at
FROM sandbox_run r
LEFT JOIN sandbox_callrecord c ON c.run_id = r.id
LEFT JOIN policies_approval a ON a.id = r.approval_id
WHERE r.workspace_id = %s AND r.id = ANY(%s) AND r.finished_at IS NOT NULL
"""


def roll_up(*, at_most: int = AT_MOST) -> int:
    """Count what ended, in every workspace within its own scope; returns how many runs that were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM sandbox_workspaces_to_count(%s)", [at_most])
        ids = [row[0] for row in cursor.fetchall()]
    counted = 0
    for id in ids:
        with apart("roll_up", id):
            while batch := roll_up_batch(id):
                counted += batch
    return counted


@transaction.atomic
def roll_up_batch(workspace_id: UUID) -> int:
    """Count at most BATCH runs of one workspace, which is in scope; returns how many, 0 where another one does it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtext('sandbox.roll_up'), hashtext(%s))", [str(workspace_id)]
        )
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_NOTED, [workspace_id, BATCH])
        before = dict(cursor.fetchall())
        noted = list(before)
        cursor.execute(_STRUCK, [workspace_id, noted])
        cursor.execute(_ENDED, [workspace_id, noted])
        runs = [_ended(row, before[row[0]]) for row in cursor.fetchall()]
    if runs:
        _count(workspace_id, runs)
    return len(runs)


def behind_since(workspace: Workspace) -> datetime | None:
    """The moment from which on runs are not in the figures yet; None where all are."""
    return _first_noted.one(workspace=workspace.pk)


@prepared
def _first_noted(workspace: UUID) -> QuerySet[Uncounted, datetime]:
    rows = Uncounted.objects.filter(workspace=workspace).order_by("noted_at")
    return rows.values_list("noted_at", flat=True)[:1]


def _ended(row: tuple[Any, ...], was: Any) -> Ended:
    run, root, simulated, kind, target, installation, version = row[:7]
    *ending, created, started, turns, tries, asked, decided = row[7:]
    return Ended(
        run_id=run,
        root_run_id=root,
        key=Key(simulated, kind, target, installation, version),
        ending=Ending(*ending),
        was=ending_of(json.loads(was) if isinstance(was, str) else was) if was else None,
        created_at=created,
        started_at=started,
        turns=turns,
        tries=tries,
        asked_at=asked,
        decided_at=decided,
    )


def _count(workspace_id: UUID, runs: list[Ended]) -> None:
    kept_since = timezone.now() - timedelta(days=settings.METRICS_KEPT_DAYS)
    added: dict[Cell, Sums] = defaultdict(Sums)
    for run in runs:
        for ending, sign in _changes(run):
            if ending.finished_at >= kept_since:
                for cell in cells_of(run.key, ending.finished_at):
                    added[cell].count(run, ending, sign)
    charges = _new_charges(workspace_id, runs)
    for charge in charges:
        key = Key(False, "action", charge.target, charge.installation_id, charge.version_id)
        for cell in cells_of(key, charge.charged_at):
            added[cell].charge(charge.unit, charge.units, charge.currency, charge.amount)
    Charge.objects.bulk_create(charges)
    if exports_traces():
        unsent = [Unsent(run_id=run.run_id, workspace_id=workspace_id) for run in runs if run.was is None]
        Unsent.objects.bulk_create(unsent, ignore_conflicts=True)
    stored = read_rollups(workspace_id, added)
    write_rollups(workspace_id, stored, _capped(workspace_id, added, stored))


def _changes(run: Ended) -> Iterator[tuple[Ending, int]]:
    if run.was:
        yield run.was, -1
    yield run.ending, 1


def cells_of(key: Key, at: datetime) -> Iterator[Cell]:
    """The hour and the day (UTC) of a run that ended ``at``."""
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    yield HOUR, hour, key
    yield DAY, hour.replace(hour=0), key


def _new_charges(workspace_id: UUID, runs: Iterable[Ended]) -> list[Charge]:
    """One run is charged once. What was unknown keeps its charge however it is settled: nobody knows what was billed,
    and the ledger is not rewritten behind a figure that somebody has read."""
    return charges_for(workspace_id, (run for run in runs if run.was is None or not is_charged(run, run.was)))


def _capped(workspace_id: UUID, added: dict[Cell, Sums], stored: dict[Cell, RollUp]) -> dict[Cell, Sums]:
    """``added``, with those targets that are one too many for their day under "other"."""
    found: dict[Cell, Sums] = {}
    most = settings.METRICS_MOST_TARGETS
    room: dict[datetime, int] = {}
    others: set[tuple[datetime, Key]] = set()
    for cell in sorted(added, key=lambda one: (one[0] != DAY, one[1], str(one[2]))):  # days decide for their hours
        period, start, key = cell
        day = start.replace(hour=0)
        if period == DAY and cell not in stored:
            if day not in room:
                room[day] = most - RollUp.objects.filter(workspace=workspace_id, period=DAY, start=day).count()
            room[day] -= 1
            if room[day] < 0:
                others.add((day, key))
        if (day, key) in others:
            cell = period, start, Key(key.is_simulated, "", "", None, None)
        if cell in found:
            found[cell].merge(added[(period, start, key)])
        else:
            found[cell] = added[(period, start, key)]
    return found
