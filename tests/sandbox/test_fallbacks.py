"""Another endpoint where the first one is exhausted or held back, and only where nothing can happen twice."""

import pytest

from galaxy.core.models import Notification
from sandbox.breakers import trip_breaker
from sandbox.models import Breaker, Issue
from tests.extensions import PROBE, installed
from tests.sandbox.scripted import OK, connected, failed, live

__all__ = ["live"]

TWO = (
    PROBE.replace("base_ms: 100", "base_ms: 1")
    .replace(
        "path: /things/{key}\n",
        """path: /things/{key}
    fallbacks: [{ path: "/mirror/{key}" }, { path: "/old/{key}" }]
""",
    )
    .replace("path: /things\n", "path: /things\n    fallbacks: [{ path: /mirror }]\n", 1)
)
FIRST, SECOND, THIRD = (f"GET https://api.probe.example/{place}" for place in range(3))


@pytest.fixture
def connection(workspace, admin):
    return connected(installed(workspace, admin, TWO)[0])


def test_an_exhausted_endpoint_gives_way_to_its_fallback(connection, live):
    run = live("probe.look_up", {0: failed(503), 1: OK})
    assert live.runner.sent == [FIRST, FIRST, FIRST, SECOND]
    assert (run.state, run.by_fallback, run.last_endpoint) == ("succeeded", True, SECOND)
    assert [one["attempt"] for one in run.call_record.exchanges] == [1, 2, 3, 4]


def test_what_fails_everywhere_says_where_it_failed_last(connection, live):
    run = live("probe.look_up", {0: failed(503), 1: failed(500), 2: failed(502)})
    assert (run.state, run.by_fallback, run.error["last_endpoint"]) == ("failed", False, THIRD)
    assert (run.error["attempts"], run.error["status"]) == (9, 502)


def test_a_mistake_of_the_caller_is_made_once(connection, live):
    run = live("probe.look_up", {0: failed(422), 1: OK})
    assert (run.error_category, live.runner.sent) == ("validation", [FIRST])


def test_a_write_that_may_have_been_taken_in_is_not_sent_elsewhere(connection, live):
    run = live("probe.create", {0: failed(504), 1: OK})
    assert (run.state, live.runner.sent) == ("unknown", [FIRST])
    run = live("probe.create", {0: failed(429), 1: OK})
    assert (run.state, live.runner.sent) == ("succeeded", [FIRST, FIRST, FIRST, SECOND])


def test_an_open_breaker_leads_straight_to_the_fallback_which_has_its_own(connection, live, admin):
    trip_breaker(connection, "look_up", actor=admin, reason="Maintenance")
    run = live("probe.look_up", {1: OK})
    assert (run.by_fallback, live.runner.sent) == (True, [SECOND])
    for _ in range(4):
        live("probe.look_up", {1: failed(503), 2: OK})
    assert set(Breaker.objects.exclude(state="closed").values_list("action", flat=True)) == {
        "look_up", "look_up, fallback 1",
    }  # fmt: skip


def test_three_runs_that_fail_after_every_retry_are_an_issue_until_one_works(connection, live, admin):
    for _ in range(2):
        live("probe.put", failed(503))
    assert not Issue.objects.filter(kind="retries_exhausted").exists()
    run = live("probe.put", failed(503))
    issue = Issue.objects.get(kind="retries_exhausted")
    assert (issue.target, issue.owner, issue.facts["attempts"], issue.facts["run"]) == (
        "probe.put", admin, 3, str(run.pk),
    )  # fmt: skip
    assert Notification.objects.filter(target_id=issue.pk, person=admin).exists()
    live("probe.put", failed(503))
    issue.refresh_from_db()
    assert issue.times == 2
    Breaker.objects.all().update(state="closed", until=None)
    live("probe.put", OK)
    issue.refresh_from_db()
    assert not issue.is_open
