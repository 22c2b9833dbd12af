"""Schedules: each time once, on the days too on which clocks are changed, and after a time in which nobody looked."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from registry.manifests.cron import BadCron, check_cron, next_times
from sandbox.models import Run, Trigger, TriggerFiring
from sandbox.triggers.firing import due_triggers, tend
from sandbox.triggers.services import change_trigger
from sandbox.triggers.timing import tick
from tests.sandbox.triggers.conftest import SCHEDULE

BERLIN = "Europe/Berlin"


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN))


def times(cron: str, after: str, count: int) -> list[str]:
    found = next_times(cron, BERLIN, local(after), count)
    return [f"{one.astimezone(ZoneInfo(BERLIN)):%d %H:%M %z}" for one in found]


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # 29 March 2026: 02:00 to 03:00 is left out.
        ("30 2 * * *", "2026-03-28 00:00", ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]),
        ("*/30 2 * * *", "2026-03-28 03:00", ["29 03:00 +0200", "30 02:00 +0200", "30 02:30 +0200"]),
        ("0 */2 * * *", "2026-03-29 00:30", ["29 03:00 +0200", "29 04:00 +0200", "29 06:00 +0200"]),
        ("0 * * * *", "2026-03-29 00:30", ["29 01:00 +0100", "29 03:00 +0200", "29 04:00 +0200"]),
        # 25 October 2026: 02:00 to 03:00 comes twice.
        ("30 2 * * *", "2026-10-24 00:00", ["24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100"]),
        ("*/30 2 * * *", "2026-10-25 00:00", ["25 02:00 +0200", "25 02:30 +0200", "26 02:00 +0100"]),
        ("0 * * * *", "2026-10-25 01:30", ["25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]),
    ],
)
def test_a_day_on_which_clocks_change_has_each_time_once(cron, after, expected):
    assert times(cron, after, 3) == expected


def test_after_the_first_of_a_doubled_hour_the_next_time_is_on_the_next_day():
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30, summer time
    for minutes in (0, 20, 40, 60, 70):  # among them 02:30 of winter time
        after = first + timedelta(minutes=minutes)
        assert next_times("30 2 * * *", BERLIN, after, 1) == [datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    "text", ["", "0 8 * *", "99 * * * *", "0 0 30 2 *", "0 8 * * 9", "*/0 * * * *", "0 0 L * *", "0 0 * * 1 2026"]
)
def test_what_is_no_cron_line_is_refused_in_a_sentence(text):
    with pytest.raises(BadCron, match=r"cron line"):
        check_cron(text)


def test_a_time_fires_once_however_many_look_at_the_clock(schedule):
    trigger = schedule()
    due = trigger.next_at
    assert due.astimezone(ZoneInfo(BERLIN)).hour == 8
    assert due_triggers(due - timedelta(seconds=1)) == []
    assert due_triggers(due) == [(trigger.workspace_id, trigger.pk)]
    for _ in range(3):
        tend(trigger.pk, now=due)
    assert Run.objects.get(trigger=trigger).inputs == {"key": "all"}
    trigger.refresh_from_db()
    assert trigger.next_at > due
    Trigger.objects.update(next_at=due)  # a clock that was put back, or a restored row
    assert tend(trigger.pk, now=due) == 0
    assert TriggerFiring.objects.get().scheduled_for == due


def test_what_was_missed_is_made_up_for_by_one_run_that_says_so(schedule):
    trigger = schedule(inputs={"key": "to_string(event.missed)"})
    due = trigger.next_at
    tend(trigger.pk, now=due + timedelta(days=3, minutes=5))
    firing = TriggerFiring.objects.get()
    assert (firing.missed, firing.scheduled_for - due) == (3, timedelta(days=3))
    assert Run.objects.get(trigger=trigger).inputs == {"key": "3"}
    trigger.refresh_from_db()
    assert trigger.next_at > due + timedelta(days=3, minutes=5)


def test_years_without_anybody_are_told_in_a_moment(schedule):
    trigger = schedule(cron="* * * * *")
    tick(trigger, trigger.next_at + timedelta(days=800))
    assert TriggerFiring.objects.get().missed == 1_000
    trigger.refresh_from_db()
    assert trigger.next_at > datetime.now(UTC) + timedelta(days=790)


def test_another_time_holds_at_once(schedule, admin):
    trigger = schedule()
    changed = change_trigger(trigger, actor=admin, values=SCHEDULE | {"cron": "15 9 * * *"})
    found = changed.next_at.astimezone(ZoneInfo(BERLIN))
    assert (found.hour, found.minute) == (9, 15)
