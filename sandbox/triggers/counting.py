"""Figures of what came in: one row for each webhook and hour, counted up in one statement."""

from datetime import datetime

from django.db import connection
from django.db.models import Sum

from sandbox.models import Trigger, TriggerTally

_UP = """
INSERT INTO sandbox_triggertally AS t (id, workspace_id, trigger_id, hour, {columns})
VALUES (gen_random_uuid(), %s, %s, date_trunc('hour', %s AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', {values})
ON CONFLICT (workspace_id, trigger_id, hour) DO UPDATE SET {what} = t.{what} + 1
"""
_STATEMENTS = {
    what: _UP.format(
        what=what,
        columns=", ".join(TriggerTally.COUNTED),
        values=", ".join("1" if one == what else "0" for one in TriggerTally.COUNTED),
    )
    for what in TriggerTally.COUNTED
}


def count(trigger: Trigger, what: str, now: datetime) -> None:
    """Count one delivery as ``what`` (of TriggerTally.COUNTED). Whoever counts holds the row until their commit."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENTS[what], [trigger.workspace_id, trigger.pk, now])


def counted(trigger: Trigger, since: datetime) -> dict[str, int]:
    """What came in since then, by what became of it."""
    rows = TriggerTally.objects.in_workspace(trigger.workspace_id).filter(trigger=trigger, hour__gte=since)
    found = rows.aggregate(**{name: Sum(name) for name in TriggerTally.COUNTED})
    return {name: found[name] or 0 for name in TriggerTally.COUNTED}
