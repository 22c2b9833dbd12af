"""Figures of what came in: one row for each webhook and hour, counted up in one statement."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Max, Q, Sum

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


@dataclass(frozen=True)
class NotTaken:
    """Deliveries that were refused for one reason: how many, the hour in which one was last, what is wrong with them
    (``title``), what the sender was told, and what to do."""

    reason: str
    number: int
    last_hour: datetime
    title: str
    status: int
    next_step: str


def not_taken(trigger: Trigger, since: datetime) -> list[NotTaken]:
    """What was refused since then by reason, the latest first. Of none of it more is known: nothing else is kept."""
    rows = TriggerTally.objects.in_workspace(trigger.workspace_id).filter(trigger=trigger, hour__gte=since)
    names = TriggerTally.REFUSED
    sums = {f"sum_{name}": Sum(name) for name in names}
    lasts = {f"last_{name}": Max("hour", filter=Q(**{f"{name}__gt": 0})) for name in names}
    found = rows.aggregate(**sums, **lasts)
    told = [
        NotTaken(name, found[f"sum_{name}"], found[f"last_{name}"], *_REASONS[name])
        for name in names
        if found[f"sum_{name}"]
    ]
    return sorted(told, key=lambda one: one.last_hour, reverse=True)


_REASONS = {
    "unsigned": ("Not well signed", 401, "Give the sender the secret that is in force, and let it sign as shown."),
    "late": ("Signed at another time", 401, "Set the sender’s clock; what it sends again it has to sign again."),
    "over_budget": ("Over budget", 429, "Raise the deliveries a minute, or let the sender wait as it was told to."),
    "unreadable": ("No event", 422, "Let the sender send JSON or a form, as its content type says."),
    "too_large": ("Too large", 413, "Let the sender leave out what nobody reads."),
    "switched_off": ("It was off", 401, "Switch it on, and let the sender send again what it kept."),
}
