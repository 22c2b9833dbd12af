"""What a connection's page says of its health, with and without htmx."""

import pytest
from django.urls import reverse

from sandbox.health import facts_for
from sandbox.models import CheckSchedule, HealthCheck, Run
from tests.extensions import installed
from tests.sandbox.health.calls import CHECKED, connect, make_calls


@pytest.fixture
def shared(workspace, admin):
    return connect(installed(workspace, admin, CHECKED)[0])


def url(name: str, connection) -> str:
    return reverse(f"sandbox:connection-{name}", args=[connection.workspace.slug, connection.pk])


def checked(connection, number: int, **fields) -> None:
    values = {"passed": True, "duration_ms": 120} | fields
    for _ in range(number):
        HealthCheck.objects.create(workspace=connection.workspace, connection=connection, **values)


def test_the_page_tells_the_state_the_checks_and_the_objective(client_of, admin, shared):
    checked(shared, 30)
    make_calls(shared, 39)
    make_calls(shared, 1, category="transient")
    make_calls(shared, 2, category="not_found")
    CheckSchedule.objects.create(workspace=shared.workspace, connection=shared)
    text = client_of(admin).get(shared.get_absolute_url()).text
    for words in (
        "passed in 120 ms",
        "The last 20 checks",
        "97.50 % of 40 calls",
        "400 % overspent",
        "2, mistakes of callers",
        "Check now",
    ):
        assert words in text, words
    assert "hx-get" not in text.partition('id="connection-health"')[2].partition(">")[0]


def test_only_its_own_calls_and_checks_are_told(shared, member, admin):
    own = connect(shared.installation, owner=member)
    make_calls(own, 30, category="transient")
    checked(own, 1, passed=False, category="transient", sentence="No.")
    health = facts_for(shared, admin)
    assert (health.checks, health.objective.week.counted, health.standing.state.value) == ([], 0, "no_data")
    assert facts_for(own, member).standing.state.value == "failing"


def test_checking_now_polls_until_it_is_over(client_of, as_htmx, admin, shared):
    answer = client_of(admin).post(url("check", shared), follow=True)
    assert answer.redirect_chain == [(shared.get_absolute_url(), 302)]
    assert "is under way." in answer.text
    part = as_htmx(admin).get(url("health", shared)).text
    assert 'hx-trigger="every 2s"' in part and 'aria-disabled="true"' in part
    assert "<form" not in part and "<html" not in part
    run = Run.objects.get(is_check=True)
    Run.objects.filter(pk=run.pk).update(state="succeeded", finished_at=run.created_at)
    checked(shared, 1, run=run)
    part = as_htmx(admin).get(url("health", shared)).text
    assert "hx-trigger" not in part and "The check passed." in part and run.get_absolute_url() in part


def test_a_second_check_is_refused_in_words(client_of, admin, shared):
    client = client_of(admin)
    client.post(url("check", shared))
    answer = client.post(url("check", shared))
    assert answer.status_code == 409 and "under way already" in answer.text


def test_without_htmx_the_part_is_a_page(client_of, admin, shared):
    text = client_of(admin).get(url("health", shared)).text
    assert "<html" in text and 'id="connection-health"' in text and shared.get_absolute_url() in text


def test_a_get_never_checks(client_of, admin, shared):
    assert client_of(admin).get(url("check", shared)).status_code == 405
    assert not Run.objects.exists()


def test_who_may_not_is_told_what_is_missing(client_of, member, stranger, shared):
    assert "Needs “" in client_of(member).get(shared.get_absolute_url()).text
    assert client_of(member).post(url("check", shared)).status_code == 403
    assert client_of(stranger).post(url("check", shared)).status_code == 404
    assert not Run.objects.exists()


def test_a_failed_check_and_a_hindrance_are_told(client_of, admin, shared):
    checked(shared, 1, passed=False, category="auth_error", sentence="It refused the token.")
    CheckSchedule.objects.create(
        workspace=shared.workspace, connection=shared, failures=1, hindrance="A rule stands in the way."
    )
    text = client_of(admin).get(shared.get_absolute_url()).text
    assert "It refused the token." in text and "The last try told nothing: A rule stands in the way." in text


def test_hostile_sentences_are_words(client_of, admin, shared):
    checked(shared, 1, passed=False, category="tool_error", sentence="<script>alert(1)</script>")
    assert "<script>alert" not in client_of(admin).get(shared.get_absolute_url()).text
