"""Webhooks that fall silent, and triggers whose runs fail again and again."""

from datetime import UTC, datetime, timedelta

import pytest

from galaxy.core.members.people import remove_member
from galaxy.core.models import AuditEvent, Membership, Notification
from registry.dependants import dependants_of
from registry.services.installing import uninstall
from sandbox.models import Issue, Run, Trigger, TriggerDelivery, TriggerFiring
from sandbox.services import perform
from sandbox.triggers import firing
from sandbox.triggers.firing import MOST_FAILURES, due_triggers, tend
from sandbox.triggers.services import change_trigger, switch_on
from sandbox.triggers.silence import words_of
from tests.sandbox.triggers.conftest import WEBHOOK
from tests.sandbox.triggers.sending import send

pytestmark = pytest.mark.django_db


def test_nothing_for_twice_the_interval_opens_an_issue_and_calls_what_is_named(webhook):
    trigger, secret = webhook(every_s=600, poll_target="probe.broken", scopes=["things.read", "things.write"])
    due = trigger.quiet_at
    assert due - trigger.enabled_at == timedelta(minutes=20)
    assert due_triggers(due - timedelta(seconds=1)) == []
    for _ in range(2):
        tend(trigger.pk, now=due)
    issue = Issue.objects.get()
    assert (issue.kind, issue.target, issue.owner) == ("trigger_silent", "new-things", trigger.owner)
    assert "every 10 minutes" in issue.sentence
    assert Run.objects.get(trigger=trigger).target == "probe.broken"
    tend(trigger.pk, now=due + timedelta(minutes=10))
    assert Run.objects.filter(trigger=trigger).count() == 2
    issue.refresh_from_db()
    assert issue.times == 2
    assert TriggerFiring.objects.filter(why="poll").count() == 2

    assert send(trigger, secret, {"id": "a"}).status_code == 202
    issue.refresh_from_db()
    assert issue.closed_because == "Something came in again."
    trigger.refresh_from_db()
    assert trigger.silent_since is None
    assert trigger.quiet_at > datetime.now(UTC) + timedelta(minutes=19)


def test_as_usual_is_learnt_from_what_came(webhook):
    trigger, secret = webhook(every_s=0)
    assert trigger.quiet_at is None
    send(trigger, secret, {"id": "a"})
    firing = TriggerFiring.objects.get()
    now = datetime.now(UTC)
    for number in range(12):
        at = now - timedelta(minutes=5 * (number + 1))
        TriggerDelivery.objects.create(
            workspace_id=trigger.workspace_id, trigger=trigger, firing=firing, event_id=str(number), received_at=at,
            body_bytes=2,
        )  # fmt: skip
    Trigger.objects.update(last_event_at=now - timedelta(minutes=1))
    trigger.refresh_from_db()
    send(trigger, secret, {"id": "b"})
    trigger.refresh_from_db()
    assert timedelta(minutes=9) < trigger.quiet_at - datetime.now(UTC) <= timedelta(minutes=10)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45, "45 seconds"), (300, "5 minutes"), (3600, "hour"), (7200, "2 hours")],
)
def test_intervals_in_words(seconds, words):
    assert words_of(timedelta(seconds=seconds)) == words


def test_failures_in_a_row_switch_it_off_with_an_issue_for_its_owner(webhook, admin):
    trigger, secret = webhook(target="probe.broken", inputs={}, scopes=["things.read"], sample={})
    for number in range(MOST_FAILURES):
        send(trigger, secret, {"id": str(number)})
    tend(trigger.pk)
    for run in Run.objects.filter(trigger=trigger):
        perform(run.pk)
    assert due_triggers() == [(trigger.workspace_id, trigger.pk)]
    tend(trigger.pk)
    trigger.refresh_from_db()
    assert (trigger.is_on, trigger.failures, trigger.paused_by) == (False, MOST_FAILURES, None)
    assert "10 starts in a row failed" in trigger.paused_because
    issue = Issue.objects.get(kind="trigger_paused")
    assert issue.owner == admin
    assert AuditEvent.objects.filter(action="trigger.switched_off", target_id=str(trigger.pk)).count() == 1
    assert Notification.objects.filter(kind="issue_opened", person=admin).exists()
    switch_on(trigger, actor=admin)
    issue.refresh_from_db()
    assert issue.closed_at


def test_one_success_forgets_the_failures_before_it(webhook):
    trigger, secret = webhook()
    Trigger.objects.update(failures=MOST_FAILURES - 1)
    send(trigger, secret, {"id": "a"})
    tend(trigger.pk)
    perform(Run.objects.get(trigger=trigger).pk)
    tend(trigger.pk)
    trigger.refresh_from_db()
    assert (trigger.failures, trigger.is_on) == (0, True)


def test_an_event_that_gives_no_inputs_starts_nothing_and_counts_as_a_failure(webhook):
    trigger, secret = webhook()
    send(trigger, secret, {"other": "a"})
    tend(trigger.pk)
    firing = TriggerFiring.objects.get()
    assert (firing.state, firing.run) == ("refused", None)
    assert "key" in firing.sentence
    trigger.refresh_from_db()
    assert trigger.failures == 1


def test_with_its_target_gone_it_is_off_and_says_why(webhook, owner, probe, django_capture_on_commit_callbacks):
    trigger, _ = webhook()
    with django_capture_on_commit_callbacks(execute=True):
        uninstall(probe, actor=owner, confirmed="Probe")
    trigger.refresh_from_db()
    assert not trigger.is_on
    assert "was removed" in trigger.paused_because


def test_with_its_owner_gone_it_is_off(webhook, workspace, admin, owner, django_capture_on_commit_callbacks):
    trigger, _ = webhook()
    with django_capture_on_commit_callbacks(execute=True):
        remove_member(Membership.objects.in_workspace(workspace).get(user=admin), actor=owner)
    trigger.refresh_from_db()
    assert not trigger.is_on
    assert "no member any more" in trigger.paused_because


def test_what_it_starts_names_it_among_those_who_use_it(webhook, probe):
    webhook(is_on=False)
    (use,) = [one for one in dependants_of(probe) if one.kind == "trigger"]
    assert (use.name, use.note) == ("New things", "starts probe.create, off now")


def test_one_on_which_code_breaks_holds_up_no_other_and_is_not_lost(webhook, monkeypatch):
    trigger, secret = webhook()
    for id in ("bad", "good"):
        send(trigger, secret, {"id": id}, id=id)
    invoked = firing.invoke

    def breaking(*args, inputs, **options):
        if inputs["key"] == "bad":
            raise RuntimeError("broken")
        return invoked(*args, inputs=inputs, **options)

    monkeypatch.setattr(firing, "invoke", breaking)
    tend(trigger.pk)
    assert Run.objects.get(trigger=trigger).inputs == {"key": "good"}
    assert TriggerFiring.objects.get(state="waiting").due_at > datetime.now(UTC) + timedelta(seconds=50)
    monkeypatch.undo()
    tend(trigger.pk, now=datetime.now(UTC) + timedelta(minutes=2))
    assert Run.objects.filter(trigger=trigger).count() == 2


def test_one_on_which_code_breaks_for_a_day_is_given_up_and_says_so(webhook, monkeypatch):
    trigger, secret = webhook()
    send(trigger, secret, {"id": "bad"}, id="bad")

    def breaking(*args, **options):
        raise RuntimeError("broken")

    monkeypatch.setattr(firing, "invoke", breaking)
    tend(trigger.pk, now=datetime.now(UTC) + timedelta(hours=23))
    assert TriggerFiring.objects.get().state == "waiting"
    tend(trigger.pk, now=datetime.now(UTC) + timedelta(hours=25))
    found = TriggerFiring.objects.get()
    assert (found.state, found.events, found.is_settled) == ("refused", None, True)
    assert "Galaxy itself" in found.sentence
    trigger.refresh_from_db()
    assert trigger.failures == 1


def test_a_renamed_one_takes_its_issue_along(webhook, admin):
    trigger, _ = webhook(every_s=60)
    tend(trigger.pk, now=trigger.quiet_at)
    change_trigger(trigger, actor=admin, values=WEBHOOK | {"slug": "renamed", "every_s": 60})
    assert Issue.objects.get().closed_because == "The trigger was renamed."
