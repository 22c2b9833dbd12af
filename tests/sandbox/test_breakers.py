"""Circuit breakers over live calls: what opens one, who is let through to try, and what people can do."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone
from redis.exceptions import ConnectionError as Away

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from sandbox import breakers
from sandbox.breakers import AlreadyThere, Pass, enter, report, reset_breaker, trip_breaker
from sandbox.circuit import Knobs
from sandbox.errors import RunError
from sandbox.models import Breaker, BreakerEvent, Issue
from sandbox.runners import Reply
from sandbox.services import perform
from sandbox.valkey import client
from tests.extensions import PROBE, installed
from tests.sandbox.scripted import OK, connected, failed, live

__all__ = ["live"]

ONE_TRY = PROBE.replace("max_attempts: 3", "max_attempts: 1")
TRIAL = timedelta(seconds=18)


@pytest.fixture
def connection(workspace, admin):
    return connected(installed(workspace, admin, ONE_TRY)[0])


def opened(connection, rest: timedelta = timedelta()):
    """The breaker of look_up, opened by ten failures, at rest until ``rest`` from now."""
    for _ in range(10):
        report(connection, "look_up", "transient", Knobs(), Pass())
    breaker = Breaker.objects.get(connection=connection)
    breaker.until = timezone.now() + rest
    breaker.save()
    return breaker


def test_ten_mistakes_of_the_caller_do_not_open_it(connection, live):
    for _ in range(10):
        assert live("probe.look_up", failed(422)).error_category == "validation"
    assert live("probe.look_up", OK).state == "succeeded"
    assert not Breaker.objects.exists()


@pytest.mark.asvs("13.2.6", "16.5.2")
def test_ten_failures_of_the_other_side_open_it_and_the_next_call_is_refused_at_once(connection, live):
    for _ in range(10):
        assert live("probe.look_up", failed(503)).error_category == "transient"
    run = live("probe.look_up", OK)
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "transient", "circuit_open")
    run.refresh_from_db()
    assert (run.counts_as, live.runner.sent) == ("bad", [])
    assert "are held back until" in run.error["sentence"]
    event = BreakerEvent.objects.get()
    assert (event.state, event.counts) == ("open", {"failures": 10, "calls": 10, "window_s": 60})
    assert AuditEvent.objects.filter(action="breaker.opened").count() == 1
    issue = Issue.objects.get(kind="breaker_open")
    assert (issue.target, issue.connection, issue.is_open) == ("look_up", connection, True)
    assert live("probe.put", OK).state == "succeeded", "another action has a breaker of its own"


def test_the_call_that_tries_closes_it_and_heals_the_issue(connection, live):
    breaker = opened(connection)
    assert live("probe.look_up", OK).state == "succeeded"
    breaker.refresh_from_db()
    assert (breaker.state, breaker.until) == ("closed", None)
    assert [event.state for event in BreakerEvent.objects.order_by("at")] == ["open", "half_open", "closed"]
    assert Issue.objects.get(kind="breaker_open").closed_because == "A call went through again."


def test_the_call_that_tries_and_fails_opens_it_anew(connection, live):
    breaker = opened(connection)
    assert live("probe.look_up", failed(503)).error["error_code"] == "http_503"
    breaker.refresh_from_db()
    assert (breaker.state, breaker.until > timezone.now() + timedelta(seconds=25)) == ("open", True)
    assert Issue.objects.get(kind="breaker_open").times == 2


def test_a_mistake_of_the_caller_shows_that_the_other_side_is_there(connection, live):
    breaker = opened(connection)
    live("probe.look_up", failed(404))
    breaker.refresh_from_db()
    assert breaker.state == "closed"


def test_a_trial_that_sent_nothing_lets_the_next_one_try(connection, live, monkeypatch):
    breaker = opened(connection)
    monkeypatch.setattr("sandbox.services.executing.PATIENCE", {"max_attempts": 1})
    live("probe.look_up", replace(failed(503), not_begun=True))
    breaker.refresh_from_db()
    assert (breaker.state, breaker.until <= timezone.now()) == ("open", True)
    assert live("probe.look_up", OK).state == "succeeded"


def test_a_trial_whose_worker_died_is_given_up(connection):
    opened(connection)
    first = enter(connection, "look_up", trial=timedelta(0))
    second = enter(connection, "look_up", trial=TRIAL)
    assert first.is_trial
    assert second.is_trial
    assert report(connection, "look_up", "transient", Knobs(), first) is True, "it has no say any more"
    assert Breaker.objects.get().state == "half_open"
    assert report(connection, "look_up", None, Knobs(), second) is False


def test_retries_end_where_the_breaker_opens(workspace, admin, live):
    connected(installed(workspace, admin, PROBE.replace("retry: {", "breaker: { samples: 2 }\nretry: {", 1))[0])
    run = live("probe.look_up", failed(503))
    assert (run.error["error_code"], run.error["attempts"]) == ("http_503", 2)


def test_a_person_trips_and_resets_it_with_a_reason(connection, live, admin, member):
    with pytest.raises(NotGranted):
        trip_breaker(connection, "look_up", actor=member, reason="Maintenance")
    with pytest.raises(Invalid):
        trip_breaker(connection, "look_up", actor=admin, reason="")
    trip_breaker(connection, "look_up", actor=admin, reason="Maintenance")
    with pytest.raises(AlreadyThere):
        trip_breaker(connection, "look_up", actor=admin, reason="Maintenance")
    run = live("probe.look_up", OK)
    assert (run.error["error_code"], live.runner.sent) == ("circuit_open", [])
    run.refresh_from_db()
    assert (run.error_category, run.counts_as) == ("policy_block", "caller"), "a person here said no, nobody there"
    assert not Issue.objects.exists(), "whoever tripped it knows"
    reset_breaker(connection, "look_up", actor=admin, reason="Over")
    with pytest.raises(AlreadyThere):
        reset_breaker(connection, "look_up", actor=admin, reason="Over")
    assert live("probe.look_up", OK).state == "succeeded"
    said = BreakerEvent.objects.order_by("at").values_list("state", "reason", "actor")
    assert list(said) == [("open", "Maintenance", admin.pk), ("closed", "Over", admin.pk)]
    assert {"breaker.tripped", "breaker.reset"} <= set(AuditEvent.objects.values_list("action", flat=True))


@pytest.mark.parametrize("window_s", [10, 600], ids=["same window", "a version with another window"])
def test_failures_are_forgotten_with_their_window(connection, window_s):
    knobs = Knobs(window_s=window_s, samples=3)
    for _ in range(2):
        assert report(connection, "look_up", "transient", Knobs(window_s=10, samples=3), Pass()) is False
    key = breakers._key(connection, "look_up")
    began = (int(client().time()[0]) - window_s * 11 // 10) * 1000
    client().delete(key)
    client().hset(key, mapping={f"f{began}": 2, f"c{began}": 2})
    assert report(connection, "look_up", "transient", knobs, Pass()) is False
    assert client().hlen(key) == 2, "what is older than the window is dropped"


def test_what_was_counted_in_other_parts_still_counts(connection):
    for window_s in (10, 600):
        assert report(connection, "look_up", "transient", Knobs(window_s=window_s, samples=3), Pass()) is False
    assert report(connection, "look_up", "transient", Knobs(window_s=60, samples=3), Pass()) is True


def test_what_cannot_be_counted_opens_nothing(connection, live, monkeypatch):
    def away(*args, **kwargs):
        raise Away

    monkeypatch.setattr(breakers, "script", away)
    for _ in range(11):
        live("probe.look_up", failed(503))
    assert not Breaker.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_of_many_that_come_at_once_exactly_one_tries(cast):
    workspace = cast["meridian"]
    with workspace_scope([workspace.pk]):
        connection = connected(installed(workspace, cast["admin"], ONE_TRY)[0])
        opened(connection)
    found, ready = [], threading.Barrier(8)

    def come():
        with workspace_scope([workspace.pk]):
            ready.wait(10)
            try:
                found.append(enter(connection, "look_up", trial=TRIAL).is_trial)
            except RunError:
                found.append(False)
        database.close()

    callers = [threading.Thread(target=come) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(found) == [False] * 7 + [True]
    with workspace_scope([workspace.pk]):
        assert BreakerEvent.objects.filter(state="half_open").count() == 1


def test_a_breaker_opened_between_two_tries_leaves_what_was_answered(workspace, admin, live):
    connection = connected(installed(workspace, admin, PROBE.replace("base_ms: 100", "base_ms: 1"))[0])
    run = live.asked("probe.look_up")
    runner = live.answers(failed(500))
    runner.during = lambda: opened(connection, timedelta(minutes=1))
    run = perform(run.pk)
    assert (run.state, run.error["error_code"], run.error["attempts"]) == ("failed", "http_500", 1)
    assert len(runner.sent) == 1


def test_a_trial_of_which_nothing_left_leaves_the_breaker_to_the_next(connection, live):
    opened(connection)
    unsent = Reply(0, category="validation", code="mapping_failed", sentence="No.", has_acted=False, was_sent=False)
    assert live("probe.look_up", unsent).error_category == "validation"
    assert Breaker.objects.get(connection=connection).state != "closed"
    assert live("probe.look_up", OK).state == "succeeded"
    assert Breaker.objects.get(connection=connection).state == "closed"
