"""Webhooks from which nothing comes any more: known by how often something usually does.

Nothing for twice the interval is silence: an issue says so, and what the trigger names for it is called once each
interval for as long as it lasts. The first delivery ends it.
"""

from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from django.db import transaction
from django.db.models import Q

from sandbox.issues import close_issues, open_issue
from sandbox.models import Issue, Trigger, TriggerDelivery, TriggerFiring

AS_USUAL = 0  # of ``every_s``: as often as it came so far
LOOKED_AT, NEEDED = 50, 10  # deliveries that say what is usual, and the fewest
SHORTEST = timedelta(seconds=60)
_NOTED = timedelta(seconds=1)  # a flood writes its trigger's row once in this time


def heard(trigger: Trigger, now: datetime) -> None:
    """Something came in: note when, and from when on nothing will be silence. In the caller's transaction."""
    rows = Trigger.objects.in_workspace(trigger.workspace_id).filter(pk=trigger.pk)
    rows = rows.filter(Q(last_event_at=None) | Q(last_event_at__lt=now - _NOTED) | Q(silent_since__isnull=False))
    if rows.update(last_event_at=now, quiet_at=quiet_from(trigger, now), silent_since=None) and trigger.silent_since:
        close_issues(
            trigger.installation, Issue.Kind.TRIGGER_SILENT, target=trigger.slug, because="Something came in again."
        )


def quiet_from(trigger: Trigger, now: datetime) -> datetime | None:
    """When nothing is silence, counted from ``now``; None where nobody watches, or nothing is usual yet."""
    every = interval(trigger)
    return now + 2 * every if every else None


def interval(trigger: Trigger) -> timedelta | None:
    """How often something comes: as declared, or as it came so far."""
    if not trigger.is_webhook or trigger.every_s is None:
        return None
    return timedelta(seconds=trigger.every_s) if trigger.every_s != AS_USUAL else usual_interval(trigger)


def usual_interval(trigger: Trigger) -> timedelta | None:
    """The middle one of the gaps between the latest deliveries, at least a minute; None of too few."""
    rows = TriggerDelivery.objects.in_workspace(trigger.workspace_id).filter(trigger=trigger)
    times = list(rows.order_by("-received_at").values_list("received_at", flat=True)[:LOOKED_AT])
    if len(times) < NEEDED:
        return None
    return max(median(later - earlier for later, earlier in pairwise(times)), SHORTEST)


@transaction.atomic
def watch(trigger: Trigger, now: datetime) -> bool:
    """Say that ``trigger`` is silent where it is, and let what it names be called; returns whether it is."""
    rows = Trigger.objects.in_workspace(trigger.workspace_id).filter(pk=trigger.pk, quiet_at__lte=now).on()
    found = rows.select_for_update(no_key=True, of=("self",), skip_locked=True).select_related("workspace").first()
    if found is None:
        return False
    every = interval(found)
    if every is None:
        rows.update(quiet_at=None)
        return False
    since = found.silent_since or found.last_event_at or found.enabled_at or now
    if found.poll_target:
        times = TriggerFiring(
            workspace=found.workspace,
            trigger=found,
            why=TriggerFiring.Why.POLL,
            scheduled_for=found.quiet_at,
            opened_at=now,
            due_at=now,
            events=[],
        )
        TriggerFiring.objects.bulk_create([times], ignore_conflicts=True)
    rows.update(silent_since=since, quiet_at=now + every)
    sentence = f"Nothing has come in at “{found}” since {since:%d %B %Y, %H:%M} UTC."
    calls = f" {found.poll_target} is called meanwhile." if found.poll_target else ""
    open_issue(
        found.installation,
        Issue.Kind.TRIGGER_SILENT,
        target=found.slug,
        sentence=f"{sentence} Something usually comes every {words_of(every)}.{calls}",
        next_step="Look at the sender whether it still sends here, and with which secret.",
        facts={"every_s": int(every.total_seconds()), "trigger": str(found.pk)},
        owner=found.owner,
    )
    return True


def words_of(time: timedelta) -> str:
    """ "45 seconds", "5 minutes", "3 hours", "2 days"."""
    seconds = int(time.total_seconds())
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or seconds == size:
            number = round(seconds / size)
            return f"{number} {word}s" if number != 1 else word
    return f"{seconds} seconds"
