"""One at a time: who is in, who waits, and what becomes of a place whose holder died or was put out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from sandbox import holds
from sandbox.declared import Places, places, subject_of
from sandbox.holds import AlreadyFree, release_by_force
from sandbox.models import Hold, OutboxMessage, Run
from sandbox.services import invoke, perform
from tests.extensions import PROBE, installed
from tests.sandbox.scripted import OK, connected, failed, live

__all__ = ["live"]

LOCKED = PROBE.replace("    idempotent: true\n", "    idempotent: true\n    lock: { key: inputs.key }\n", 1).replace(
    "retry: {", "rate_limits: { concurrency: 3 }\nretry: {", 1
)


@pytest.fixture
def locked(workspace, admin):
    return connected(installed(workspace, admin, LOCKED)[0])


def at_work(live, key="a", until=None):
    """A run of probe.put that a worker holds at this moment, with its place; the worker is this test."""
    run = live.asked("probe.put", {"key": key})
    Run.objects.filter(pk=run.pk).update(
        state="running",
        attempt=1,
        lease_until=until or timezone.now() + timedelta(seconds=30),
        started_at=timezone.now(),
    )
    run.refresh_from_db()
    manifest = run.version.parsed
    wanted = places(manifest, manifest.actions["put"], {"key": key})
    taken = holds.take(run, subject_of(run.installation, run.connection, "live"), wanted)
    assert isinstance(taken, holds.Taken), taken
    return run, taken


def test_the_second_call_with_one_key_waits_and_others_pass(locked, live):
    first, taken = at_work(live)
    waiting = live("probe.put", OK)
    assert (waiting.state, live.runner.sent) == ("queued", [])
    assert OutboxMessage.objects.get(run=waiting).because.startswith("Another call holds its place (One at a time by")
    assert live("probe.put", OK, inputs={"key": "b"}).state == "succeeded"
    holds.release(taken, first.workspace_id)
    live.answers(OK)
    assert perform(waiting.pk).state == "succeeded"
    assert not Hold.objects.exclude(run=first).exists()


def test_a_dead_holder_frees_its_place_with_its_lease(locked, live):
    at_work(live, until=timezone.now() - timedelta(seconds=1))
    assert live("probe.put", OK).state == "succeeded"
    assert not Hold.objects.exists()


def test_so_many_at_once_over_the_whole_connection(locked, live):
    for key in "abc":
        at_work(live, key)
    assert live("probe.look_up", OK).state == "queued"
    assert "At most 3 at once, connection" in OutboxMessage.objects.latest("ring_at").because


def test_a_place_is_freed_by_force_with_a_reason_and_the_former_holder_frees_nobody_else(
    workspace, locked, live, admin, member
):
    first, taken = at_work(live)
    hold = Hold.objects.get(label__startswith="One at a time")
    with pytest.raises(NotGranted):
        release_by_force(locked, hold.pk, actor=member, reason="Now")
    with pytest.raises(Invalid):
        release_by_force(locked, hold.pk, actor=admin, reason=" ")
    release_by_force(locked, hold.pk, actor=admin, reason="It hangs")
    event = AuditEvent.objects.get(action="hold.released")
    assert event.target_id == str(first.pk)
    with pytest.raises(AlreadyFree):
        release_by_force(locked, hold.pk, actor=admin, reason="Again")
    _, theirs = at_work(live)
    holds.release(taken, workspace.pk)
    assert holds.are_held(theirs, workspace.pk), "what the first one had is not what the second one has"
    assert not holds.are_held(taken, workspace.pk)


def test_who_was_put_out_sends_nothing_more(workspace, locked, live, admin):
    runner = live.answers(OK)
    run = live.asked("probe.put")
    runner.script = [failed(503), OK]
    runner.during = lambda: release_by_force(
        locked, Hold.objects.filter(run=run).get(label__startswith="One at a time").pk, actor=admin, reason="It hangs"
    )
    run = perform(run.pk)
    assert (run.state, run.error["error_code"], len(runner.sent)) == ("failed", "hold_lost", 1)
    assert not Hold.objects.exists()


def test_an_expression_that_cannot_be_told_is_the_callers_mistake(workspace, admin, live):
    text = PROBE.replace("    idempotent: true\n", "    idempotent: true\n    lock: { key: sum(inputs.key) }\n", 1)
    connected(installed(workspace, admin, text)[0])
    run = live("probe.put", OK)
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "validation", "lock_key_failed")


def test_of_two_that_take_the_last_place_one_gets_none_of_its_other_places(workspace, locked, live):
    first, _ = at_work(live)
    second = invoke(workspace, actor=live.actor, target="probe.put", inputs={"key": "a"})
    one, other = Places("wide", 5, "wide"), Places("narrow", 1, "narrow")
    assert isinstance(holds.take(first, "s", [one, other]), holds.Taken)
    assert holds.take(second, "s", [one, other]) == other
    assert Hold.objects.filter(subject="s", key="wide").count() == 1
