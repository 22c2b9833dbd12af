"""Schedules: each time of one is a firing of its own, so that however many look at the clock it fires once.

Where nobody looked for a while (Galaxy was down, or the clock was put forward) one firing makes up for all times that
were missed, and says how many. A clock that is put back waits until the next time that has not been yet.
"""

from datetime import datetime

from django.db import transaction

from registry.manifests.cron import next_times, times_after
from sandbox.models import Trigger, TriggerFiring

MOST_MISSED = 1_000  # that are counted


def next_of(trigger: Trigger, now: datetime) -> datetime | None:
    return next(times_after(trigger.cron, trigger.zone or "UTC", now), None)


def coming(trigger: Trigger, now: datetime) -> list[datetime]:
    """The next three times, whether it is on or not."""
    return next_times(trigger.cron, trigger.zone or "UTC", now)


@transaction.atomic
def tick(trigger: Trigger, now: datetime) -> TriggerFiring | None:
    """Open the firing of the time that has come, once; None where none has."""
    rows = Trigger.objects.in_workspace(trigger.workspace_id).filter(pk=trigger.pk, next_at__lte=now).on()
    found = rows.select_for_update(no_key=True, of=("self",), skip_locked=True).first()
    if found is None or found.next_at is None:
        return None
    due, missed = found.next_at, 0
    for at in times_after(found.cron, found.zone or "UTC", found.next_at):
        if at > now or missed == MOST_MISSED:
            break
        due, missed = at, missed + 1
    firing = TriggerFiring(
        workspace_id=found.workspace_id,
        trigger=found,
        why=TriggerFiring.Why.SCHEDULE,
        scheduled_for=due,
        missed=missed,
        opened_at=now,
        due_at=now,
        events=[],
    )
    TriggerFiring.objects.bulk_create([firing], ignore_conflicts=True)
    rows.update(next_at=next_of(found, now))
    return firing
