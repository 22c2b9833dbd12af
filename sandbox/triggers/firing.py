"""Starting what is due, through the gate, and looking how it ended.

A firing and the run it starts are one transaction, so a worker that dies in between has done neither; whoever takes it
up next starts it, once. What cannot be started says why and counts as a failure, as a run that fails does.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.errors import DomainError
from registry.manifests.functions import EvaluationFailed
from sandbox.issues import close_issues
from sandbox.models import Issue, Run, Trigger, TriggerDelivery, TriggerFiring
from sandbox.redaction import redacted
from sandbox.services import invoke
from sandbox.transforms.classes import read_paths
from sandbox.triggers.mapping import Event, carried_into, event_of, inputs_of
from sandbox.triggers.pausing import pause_by_itself
from sandbox.triggers.silence import watch
from sandbox.triggers.timing import tick

log = structlog.get_logger(__name__)
MOST_FAILURES = 10  # in a row, after which a trigger is switched off
AT_ONCE = 100  # firings of one task, before others get their turn
MOST_DUE = 500
PUT_OFF = timedelta(minutes=1)
GIVEN_UP = timedelta(days=1)
_BROKE = "Galaxy itself broke on it for a day, so it was given up. Its operators find why in the logs."
MOST_SHOWN_BYTES = 16 * 1024


def due_triggers(now: datetime | None = None) -> list[tuple[UUID, UUID]]:
    """(workspace, trigger) of all with something to do, across the walls: ids alone (migration 0016)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, trigger_id FROM sandbox_due_triggers(%s, %s)", [now or timezone.now(), MOST_DUE]
        )
        return cursor.fetchall()


def tend(trigger_id: UUID, now: datetime | None = None) -> int:
    """All that one trigger has to do now; returns how many firings it worked off. Safe to call from anywhere, often."""
    now = now or timezone.now()
    trigger = Trigger.objects.select_related("workspace", "owner", "installation__extension").get(pk=trigger_id)
    if trigger.next_at and trigger.next_at <= now:
        tick(trigger, now)
    if trigger.quiet_at and trigger.quiet_at <= now:
        watch(trigger, now)
    fired = 0
    while fired < AT_ONCE and fire_next(trigger, now):
        fired += 1
    settle(trigger)
    return fired


def fire_next(trigger: Trigger, now: datetime) -> TriggerFiring | None:
    """Start the oldest firing that is due; None where none is, or others have them in hand.

    One on which code or the database breaks is put off for a minute, so that it is not lost and holds up no other; once
    it has been tried for a day it is refused, and its events are forgotten.
    """
    waiting = TriggerFiring.objects.in_workspace(trigger.workspace_id).filter(
        trigger=trigger, state=TriggerFiring.State.WAITING
    )
    firing = None
    try:
        with transaction.atomic():
            due = waiting.filter(due_at__lte=now).select_for_update(of=("self",), skip_locked=True)
            firing = due.order_by("due_at", "opened_at").first()
            if firing is not None:
                fire(firing, trigger, now)
    except Exception:
        if firing is None:
            raise
        log.exception("firing broke", trigger=str(trigger.pk), firing=str(firing.pk))
        _put_off(waiting.filter(pk=firing.pk), trigger, firing, now)
    return firing


def _put_off(mine: QuerySet[TriggerFiring], trigger: Trigger, firing: TriggerFiring, now: datetime) -> None:
    if now - max(firing.opened_at, firing.longest_at or firing.opened_at) < GIVEN_UP:
        mine.update(due_at=now + PUT_OFF)
        return
    refused = {"state": TriggerFiring.State.REFUSED, "sentence": _BROKE, "fired_at": now, "is_settled": True}
    if mine.update(**refused, events=None) and trigger.is_on:
        _failed(trigger, _BROKE)


def fire(firing: TriggerFiring, trigger: Trigger, now: datetime) -> None:
    """Start what ``firing``, held by the caller, is for; it says which run that is, or why there is none."""
    # As it is now: it may have been changed or switched off since it was read.
    trigger = Trigger.objects.select_related("workspace", "owner").get(pk=trigger.pk)
    event = event_for(firing, trigger, now)
    is_trial = firing.why == TriggerFiring.Why.TRIAL
    firing.fired_at = now
    shown = firing.events or []
    firing.events = None
    try:
        if not trigger.is_on and not is_trial:
            raise _NotStarted(f"“{trigger}” was switched off before it started.")
        with transaction.atomic():
            firing.run = _started(firing, trigger, event)
        firing.state = TriggerFiring.State.STARTED
        firing.is_settled = is_trial
    except _NotStarted as error:
        firing.state, firing.sentence, firing.is_settled = TriggerFiring.State.REFUSED, str(error)[:300], True
    firing.save()
    _show(firing, trigger, shown)
    if firing.state == TriggerFiring.State.REFUSED and trigger.is_on and not is_trial:
        _failed(trigger, firing.sentence)


def event_for(firing: TriggerFiring, trigger: Trigger, now: datetime) -> Event:
    """What the expressions of its trigger see: of several events the one that ``uses`` names, with all of them."""
    if firing.events:
        first, last = firing.events[0], firing.events[-1]
        event = first if trigger.uses == Trigger.Uses.FIRST else last
        return event | {"merged": firing.merged, "bodies": [one["body"] for one in firing.events]}
    at = (firing.scheduled_for or now).isoformat()
    return event_of(str(firing.pk), at, kind=firing.why, body={}, missed=firing.missed)


def settle(trigger: Trigger) -> int:
    """Count how the runs ended that were not counted yet: failures in a row switch a trigger off; returns how many."""
    rows = TriggerFiring.objects.in_workspace(trigger.workspace_id).filter(
        trigger=trigger, state=TriggerFiring.State.STARTED, is_settled=False, run__finished_at__isnull=False
    )
    ended = 0
    with transaction.atomic():
        rows = rows.select_for_update(of=("self",), skip_locked=True).select_related("run")
        for firing in rows.order_by("run__finished_at")[:MOST_DUE]:
            firing.is_settled = True
            firing.save(update_fields=["is_settled"])
            ended += 1
            run = firing.run
            if run.state == Run.State.SUCCEEDED:
                _succeeded(trigger)
            elif run.state in (Run.State.FAILED, Run.State.UNKNOWN):
                sentence = (run.error or {}).get("sentence", run.get_state_display())
                _failed(trigger, f"{run.target}: {sentence}")
    return ended


class _NotStarted(Exception):
    """The message is a sentence without any value of the event."""


def _started(firing: TriggerFiring, trigger: Trigger, event: Event) -> Run:
    """Raises _NotStarted."""
    is_poll = firing.why == TriggerFiring.Why.POLL
    try:
        return invoke(
            trigger.workspace,
            actor=trigger.owner,
            trigger=trigger,
            target=trigger.poll_target if is_poll else trigger.target,
            inputs={} if is_poll else inputs_of(trigger, event),
            carried={} if is_poll else carried_into(trigger),
            simulate=trigger.simulates or firing.why == TriggerFiring.Why.TRIAL,
            idempotency_key=f"trigger:{firing.pk}",
        )
    except EvaluationFailed as error:
        raise _NotStarted(f"Its event gives no inputs: {error}") from error
    except (DomainError, PermissionDenied) as error:
        raise _NotStarted(redacted(str(error), {})) from error


def _show(firing: TriggerFiring, trigger: Trigger, events: list[Event]) -> None:
    """Keep of each event that was used what may be shown: with whatever is personal in it hidden."""
    classes = {("body", *path): names for path, names in read_paths(trigger.classes).items()}
    for event in events:
        shown: Any = redacted({"body": event["body"]}, {}, classes)
        if len(str(shown)) > MOST_SHOWN_BYTES:
            shown = {}
        rows = TriggerDelivery.objects.in_workspace(firing.workspace_id).filter(trigger=trigger, event_id=event["id"])
        rows.update(shown=shown)


def _succeeded(trigger: Trigger) -> None:
    rows = Trigger.objects.in_workspace(trigger.workspace_id).filter(pk=trigger.pk).exclude(failures=0)
    if rows.update(failures=0):
        close_issues(
            trigger.installation, Issue.Kind.TRIGGER_PAUSED, target=trigger.slug, because="It starts runs again."
        )


def _failed(trigger: Trigger, sentence: str) -> None:
    rows = Trigger.objects.in_workspace(trigger.workspace_id).filter(pk=trigger.pk)
    held = rows.select_for_update(no_key=True, of=("self",)).select_related("workspace", "owner").get()
    held.failures += 1
    held.save(update_fields=["failures"])
    if held.is_on and held.failures >= MOST_FAILURES:
        pause_by_itself(held, sentence)
