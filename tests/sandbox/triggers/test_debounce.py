"""Many events that become one run: joined by a key, started after a quiet time or the longest wait, all counted."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.models import Run, TriggerDelivery, TriggerFiring
from sandbox.triggers.counting import counted
from sandbox.triggers.firing import due_triggers, tend
from sandbox.triggers.receiving import MOST_EVENTS
from tests.sandbox.triggers.sending import send

pytestmark = pytest.mark.django_db
BOUNCED = {"debounce_key": "event.body.order", "quiet_ms": 2_000, "longest_ms": 10_000}


def runs(trigger):
    return Run.objects.filter(trigger=trigger, rehearses=None).order_by("created_at")


def later(firing, seconds: float) -> datetime:
    return firing.due_at + timedelta(seconds=seconds)


def test_a_hundred_events_start_one_run_with_the_last_of_them(webhook):
    trigger, secret = webhook(**BOUNCED)
    words = [send(trigger, secret, {"id": f"o-{n}", "order": 1}).json()["status"] for n in range(100)]
    assert words == ["accepted"] + ["merged"] * 99
    firing = TriggerFiring.objects.get()
    assert (firing.merged, firing.state) == (100, "waiting")
    assert tend(trigger.pk, now=later(firing, -0.001)) == 0
    assert due_triggers(later(firing, 0)) == [(trigger.workspace_id, trigger.pk)]
    assert tend(trigger.pk, now=later(firing, 0)) == 1
    run = runs(trigger).get()
    assert run.inputs == {"key": "o-99"}
    firing.refresh_from_db()
    assert (firing.merged, firing.state, firing.run) == (100, "started", run)
    found = counted(trigger, datetime(2020, 1, 1, tzinfo=UTC))
    assert (found["accepted"], found["merged"]) == (1, 99)
    assert TriggerDelivery.objects.filter(firing=firing).count() == 100


def test_another_key_is_another_run_and_without_one_each_event_is(webhook):
    trigger, secret = webhook(**BOUNCED)
    for id, order in (("a", 1), ("b", 2), ("c", 1), ("d", None), ("e", None)):
        send(trigger, secret, {"id": id} | ({"order": order} if order else {}))
    assert sorted(TriggerFiring.objects.values_list("merged", flat=True)) == [1, 1, 1, 2]
    tend(trigger.pk, now=datetime.now(UTC) + timedelta(minutes=1))
    assert sorted(run.inputs["key"] for run in runs(trigger)) == ["b", "c", "d", "e"]


def test_each_event_waits_anew_but_none_longer_than_the_longest_wait(webhook):
    trigger, secret = webhook(**BOUNCED | {"longest_ms": 3_000})
    send(trigger, secret, {"id": "a", "order": 1})
    firing = TriggerFiring.objects.get()
    assert firing.longest_at - firing.opened_at == timedelta(seconds=3)
    TriggerFiring.objects.update(longest_at=firing.opened_at + timedelta(milliseconds=2_001))
    send(trigger, secret, {"id": "b", "order": 1})
    firing.refresh_from_db()
    assert firing.due_at == firing.longest_at


def test_after_it_started_the_next_event_opens_another(webhook):
    trigger, secret = webhook(**BOUNCED)
    send(trigger, secret, {"id": "a", "order": 1})
    tend(trigger.pk, now=datetime.now(UTC) + timedelta(minutes=1))
    assert send(trigger, secret, {"id": "b", "order": 1}).json()["status"] == "accepted"
    assert TriggerFiring.objects.count() == 2


@pytest.mark.parametrize(("uses", "key"), [("first", "e0"), ("last", "e2")])
def test_the_run_gets_the_event_that_was_chosen(webhook, uses, key):
    trigger, secret = webhook(quiet_ms=1_000, uses=uses)
    for number in range(3):
        send(trigger, secret, {"id": f"e{number}"})
    tend(trigger.pk, now=datetime.now(UTC) + timedelta(minutes=1))
    assert runs(trigger).get().inputs == {"key": key}


def test_it_gets_all_of_them_and_what_is_too_many_for_one_run_makes_the_next(webhook):
    inputs = {"key": "join(' ', [event.bodies[0].id, event.bodies[-1].id, to_string(event.merged)])"}
    trigger, secret = webhook(quiet_ms=60_000, uses="all", inputs=inputs)
    words = [send(trigger, secret, {"id": f"e{number}"}).json()["status"] for number in range(MOST_EVENTS + 3)]
    assert words == ["accepted"] + ["merged"] * (MOST_EVENTS - 1) + ["accepted", "merged", "merged"]
    assert tend(trigger.pk) == 1  # what is full waits for nobody
    assert runs(trigger).get().inputs == {"key": f"e0 e{MOST_EVENTS - 1} {MOST_EVENTS}"}
    tend(trigger.pk, now=datetime.now(UTC) + timedelta(minutes=5))
    assert runs(trigger).last().inputs == {"key": f"e{MOST_EVENTS} e{MOST_EVENTS + 2} 3"}


def test_what_waits_when_it_is_switched_off_starts_nothing_and_says_so(webhook, admin):
    from sandbox.triggers.services import switch_off

    trigger, secret = webhook(**BOUNCED)
    send(trigger, secret, {"id": "a", "order": 1})
    switch_off(trigger, actor=admin, reason="Stop")
    tend(trigger.pk, now=datetime.now(UTC) + timedelta(minutes=1))
    firing = TriggerFiring.objects.get()
    assert (firing.state, firing.events) == ("refused", None)
    assert "switched off" in firing.sentence
    assert not runs(trigger).exists()
