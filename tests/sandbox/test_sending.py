"""Budgets of live calls: every request is charged, a spent one waits or refuses as declared, and nothing leaks out."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from redis.exceptions import ConnectionError as Away

from sandbox import declared
from sandbox.models import OutboxMessage, Run, Span
from sandbox.runners import Reply
from sandbox.services import cancel_run, invoke, perform, sending
from sandbox.valkey import client
from sandbox.windows import look
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.sandbox.scripted import OK, connected, failed, live

__all__ = ["live"]


def limited(workspace, admin, limits: str, action_limits: str = ""):
    text = PROBE.replace("retry: {", f"rate_limits: {{ {limits} }}\nretry: {{", 1)
    if action_limits:
        text = text.replace("    idempotent: true\n", f"    idempotent: true\n    rate_limits: {{ {action_limits} }}\n")
    return connected(installed(workspace, admin, text)[0])


def left(connection, run) -> dict[str, int]:
    spec = run.version.parsed.actions[run.target.removeprefix("probe.")]
    subject = declared.subject_of(run.installation, connection, "live")
    found = declared.budgets(run.installation, subject, run.version.parsed, spec)
    rooms = look([one.window for one in found])
    return {f"{one.unit} {one.whose}": room.used for one, room in zip(found, rooms, strict=True)}


def test_every_attempt_is_charged_to_the_connection_and_to_the_action(workspace, admin, live):
    connection = limited(workspace, admin, "rpm: 10, per_day: 100", "rpm: 5")
    run = live("probe.put", failed(503), failed(503), OK)
    assert (run.state, live.runner.sent) == ("succeeded", [live.runner.endpoint] * 3)
    assert left(connection, run) == {"rpm connection": 3, "per_day connection": 3, "rpm put": 3}
    live("probe.look_up", OK)
    assert left(connection, run) == {"rpm connection": 4, "per_day connection": 4, "rpm put": 3}


def test_a_call_beyond_the_budget_goes_back_to_the_queue_until_its_turn(workspace, admin, live):
    limited(workspace, admin, "rpm: 1")
    assert live("probe.look_up", OK).state == "succeeded"
    run = live("probe.create", OK)
    assert (run.state, run.given_back, run.effect_started_at, live.runner.sent) == ("queued", 1, None, [])
    doorbell = OutboxMessage.objects.get(run=run)
    assert timedelta(seconds=50) < doorbell.ring_at - timezone.now() <= timedelta(seconds=61)
    assert doorbell.because == "The budget of 1 call a minute (connection) is spent."
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt, run.given_back) == ("queued", 2, 2)


def test_a_short_wait_is_sat_out(workspace, admin, live):
    limited(workspace, admin, "rps: 1")
    assert live("probe.look_up", OK).state == "succeeded"
    run = live("probe.look_up", OK)
    assert (run.state, run.given_back) == ("succeeded", 0)
    span = Span.objects.get(run_id=run.pk, kind="budget")
    assert (span.status, span.duration_ms > 500) == ("waited", True)


def test_refuse_says_quota_and_when_there_is_room_again(workspace, admin, live):
    limited(workspace, admin, "rpm: 1, when_spent: refuse")
    live("probe.look_up", OK)
    run = live("probe.look_up", OK)
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "quota", "budget_spent")
    assert run.error["sentence"] == "The budget of 1 call a minute (connection) is spent, so nothing was sent."
    assert "There is room again at" in run.error["next_step"]
    assert (run.error["attempts"], live.runner.sent) == (0, [])


def test_a_run_waits_no_longer_than_it_may(workspace, admin, live):
    limited(workspace, admin, "rpm: 1, max_wait_s: 20")
    live("probe.look_up", OK)
    run = live("probe.look_up", OK)
    assert (run.state, run.error_category) == ("failed", "rate_limit")


def test_once_something_was_sent_the_worker_stays_with_it(workspace, admin, live, monkeypatch):
    limited(workspace, admin, "rpm: 1")
    passed = []
    monkeypatch.setattr(sending.Sending, "_pause", lambda self, seconds, because: passed.append(seconds) or _free(self))
    run = live("probe.look_up", failed(503), OK)
    assert (run.state, run.given_back, len(live.runner.sent)) == ("succeeded", 0, 2)
    assert passed[0] > 50


def _free(self):
    client().delete(*[window.key for window in self._windows])


@pytest.mark.asvs("16.5.3")
def test_a_budget_that_cannot_be_read_is_no_permission(workspace, admin, live, monkeypatch):
    limited(workspace, admin, "rpm: 100")

    def away(*args):
        raise Away

    monkeypatch.setattr(sending, "take", away)
    run = live("probe.create", OK)
    assert (run.state, run.error["error_code"], live.runner.sent) == ("failed", "budget_unreadable", [])
    assert run.effect_started_at is None


def test_a_request_that_never_began_costs_nothing(workspace, admin, live, monkeypatch):
    connection = limited(workspace, admin, "rpm: 10")
    monkeypatch.setattr("sandbox.services.executing.PATIENCE", {"max_attempts": 3, "base_ms": 1})
    run = live("probe.look_up", replace(failed(503), not_begun=True))
    assert (run.state, run.error["attempts"]) == ("failed", 3)
    assert left(connection, run) == {"rpm connection": 0}


def test_simulated_runs_have_budgets_of_their_own(workspace, admin, live):
    connection = limited(workspace, admin, "rpm: 1")
    assert live("probe.look_up", OK).state == "succeeded"
    first = perform(invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"}, simulate=True).pk)
    second = perform(invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"}, simulate=True).pk)
    assert (first.state, second.state, second.error_category) == ("succeeded", "failed", "rate_limit")
    assert connection.is_authenticated


def test_a_second_of_ours_does_not_hold_up_simulated_runs(workspace, admin, live):
    limited(workspace, admin, "rps: 1")
    runs = [invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"}, simulate=True) for _ in "ab"]
    assert [perform(run.pk).state for run in runs] == ["succeeded", "succeeded"]


def test_a_pack_whose_step_has_to_wait_goes_back_with_it(workspace, admin, live):
    limited(workspace, admin, "rpm: 1")
    installed(workspace, admin, TIDY, PACK)
    live("probe.look_up", OK)
    live.answers(OK)
    pack = invoke(workspace, actor=admin, target="probe.flow", inputs={"name": "Ada", "on": "2026-01-02"})
    pack = perform(pack.pk)
    step = pack.steps.get(step_id="make")
    assert [(one.state, one.given_back) for one in (pack, step)] == [("queued", 1), ("queued", 1)]
    assert OutboxMessage.objects.get(run=pack).because
    assert not OutboxMessage.objects.filter(run=step).exists()


def test_a_run_that_waits_for_its_turn_can_be_called_off(workspace, admin, live):
    limited(workspace, admin, "rpm: 1")
    live("probe.look_up", OK)
    run = live("probe.look_up", OK)
    assert run.state == Run.State.QUEUED
    assert cancel_run(run, actor=admin).state == Run.State.CANCELLED


def test_an_action_called_connection_has_a_budget_of_its_own(workspace, admin):
    text = PROBE.replace("id: put", "id: connection").replace(
        "    idempotent: true\n", "    idempotent: true\n    rate_limits: { rpm: 2 }\n    lock: {}\n"
    )
    probe = installed(workspace, admin, text.replace("retry: {", "rate_limits: { rpm: 2 }\nretry: {", 1))[0]
    manifest = probe.pin.version.parsed
    spec = manifest.actions["connection"]
    found = declared.budgets(probe, "s", manifest, spec)
    assert len({one.window.key for one in found}) == 2
    whole = declared.places(manifest, replace(spec, raw=spec.raw | {"lock": {"scope": "connection"}}), {})
    assert declared.places(manifest, spec, {})[0].key != whole[0].key


def test_the_last_try_says_until_when_the_other_side_asks_to_wait(workspace, admin, live):
    connected(installed(workspace, admin, PROBE.replace("max_attempts: 3", "max_attempts: 1"))[0])
    run = live("probe.look_up", failed(429, retry_after="600"))
    assert (run.error_category, run.error["error_code"], run.error["attempts"]) == ("rate_limit", "http_429", 1)
    assert "It asks to wait until" in run.error["next_step"]
    assert run.error["retry_at"] > (timezone.now() + timedelta(seconds=590)).isoformat()


def test_a_request_that_could_not_be_made_gives_its_place_in_the_budget_back(workspace, admin, live):
    connection = limited(workspace, admin, "rpm: 10")
    unsent = Reply(0, category="validation", code="mapping_failed", sentence="No.", has_acted=False, was_sent=False)
    run = live("probe.look_up", unsent)
    assert (run.error["error_code"], left(connection, run)) == ("mapping_failed", {"rpm connection": 0})
