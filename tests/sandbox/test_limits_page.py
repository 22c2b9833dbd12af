"""The limits of a connection on its page: what is left, breakers with their history, who is in, and what people do."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from redis.exceptions import ConnectionError as Away

from registry.models import Connection
from sandbox import resilience_page
from sandbox.models import Breaker, Hold, Run
from tests.extensions import PROBE, installed
from tests.sandbox.scripted import OK, connected, live

__all__ = ["live"]

LIMITED = PROBE.replace("retry: {", "rate_limits: { rpm: 2, concurrency: 2 }\nretry: {", 1).replace(
    "    idempotent: true\n", "    idempotent: true\n    rate_limits: { per_day: 50 }\n", 1
)


@pytest.fixture
def connection(workspace, admin):
    return connected(installed(workspace, admin, LIMITED)[0])


def shown(client, connection, name="detail") -> str:
    url = reverse(f"sandbox:connection-{name}", args=[connection.workspace.slug, connection.pk])
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def change(connection, to="open"):
    return reverse("sandbox:breaker-change", args=[connection.workspace.slug, connection.pk]) + f"?to={to}"


def test_what_is_left_counts_down_and_says_when_there_is_room(client_of, as_htmx, admin, connection, live):
    page = shown(client_of(admin), connection)
    assert "2 of 2 left" in page
    assert "50 of 50 left" in page
    assert 'hx-trigger="every 2s"' not in page[page.index('id="limits"') :][:400]
    live("probe.put", OK)
    live("probe.put", OK)
    page = shown(as_htmx(admin), connection, "limits")
    assert page.count("<html") == 0
    for words in ("0 of 2 left", "48 of 50 left", "The next call waits; there is room in", "UTC.", "every 2s"):
        assert words in page


def test_a_server_that_does_not_answer_is_told(client_of, admin, connection, monkeypatch):
    def away(windows):
        raise Away

    monkeypatch.setattr(resilience_page, "look", away)
    assert "cannot be read, so nothing is sent" in shown(client_of(admin), connection)


def test_a_breaker_is_tripped_and_reset_on_a_page_of_its_own(client_of, admin, member, connection, live):
    client = client_of(admin)
    assert client_of(member).get(change(connection)).status_code == 403
    assert client.post(change(connection), {"action": "create", "reason": " "}).status_code == 422
    assert client.post(change(connection), {"action": "unheard_of", "reason": "Now"}).status_code == 422
    assert client.post(change(connection), {"action": "create", "reason": "Maintenance"}).status_code == 302
    page = shown(client, connection)
    for words in ("Open", "Calls are held back until somebody resets it.", "Maintenance", admin.name):
        assert words in page
    assert "Reset…" in shown(client_of(member), connection)
    assert client.post(change(connection, "closed"), {"action": "create", "reason": "Over"}).status_code == 302
    assert Breaker.objects.get().state == "closed"
    assert "Nothing to change" in client.get(change(connection, "closed")).content.decode()


@pytest.mark.parametrize(
    ("state", "seconds", "words"),
    [
        ("open", 20, "then one tries."),
        ("open", -1, "The next call tries whether it works."),
        ("half_open", 20, "One call is trying at this moment"),
        ("closed", None, "Calls go through."),
    ],
)
def test_each_state_of_a_breaker_says_what_the_next_call_meets(client_of, admin, connection, state, seconds, words):
    until = None if seconds is None else timezone.now() + timedelta(seconds=seconds)
    Breaker.objects.create(
        workspace=connection.workspace, connection=connection, action="create", state=state, until=until
    )
    assert words in shown(client_of(admin), connection)


def test_a_breaker_that_keeps_changing_leaves_the_others_their_history(client_of, admin, connection):
    for action, times in (("create", 1), ("put", 40)):
        row = Breaker.objects.create(workspace=connection.workspace, connection=connection, action=action)
        for number in range(times):
            reason = f"{action} number {number}."
            row.events.create(workspace=connection.workspace, state="open", reason=reason)
    page = shown(client_of(admin), connection)
    assert "create number 0." in page
    assert page.index("put number 39.") < page.index("put number 30.")
    assert "put number 29." not in page


def test_a_budget_of_a_day_is_not_watched_by_the_second(client_of, admin, workspace, live):
    text = PROBE.replace("retry: {", "rate_limits: { per_day: 50 }\nretry: {", 1)
    connection = connected(installed(workspace, admin, text)[0])
    live("probe.put", OK)
    page = shown(client_of(admin), connection)
    assert "49 of 50 left" in page
    assert 'hx-trigger="every 2s"' not in page[page.index('id="limits"') :][:400]


def test_who_is_in_is_shown_with_age_and_freed_with_a_reason(client_of, admin, member, connection, live):
    runner = live.answers(OK)
    run = live.asked("probe.put")
    seen = []

    def look():
        hold = Hold.objects.get(run=run)
        url = reverse("sandbox:hold-release", args=[run.workspace.slug, connection.pk, hold.pk])
        client = client_of(admin)
        seen.append(shown(client, connection))
        seen.append(shown(client_of(member), connection))
        assert client_of(member).post(url, {"reason": "Now"}).status_code == 403
        assert "The next call gets it at once" in client.get(url).content.decode()
        assert client.post(url, {"reason": ""}).status_code == 422
        assert client.post(url, {"reason": "It hangs"}).status_code == 302
        assert client.get(url).status_code == 409

    runner.during = look
    from sandbox.services import perform

    perform(run.pk)
    assert "At most 2 at once, connection" in seen[0]
    assert run.get_absolute_url() in seen[0]
    assert run.get_absolute_url() not in seen[1], "a member sees that somebody is in, and not what they run"
    assert not Hold.objects.exists()


def test_ones_own_connection_is_ones_own_to_steer(workspace, client_of, admin, member, connection):
    own = Connection.objects.create(
        workspace=workspace, installation=connection.installation, name="Mine", owner=member, status="authenticated"
    )
    assert client_of(member).post(change(own), {"action": "create", "reason": "Mine"}).status_code == 302
    assert Breaker.objects.get().connection == own


def test_the_page_costs_the_same_whatever_happened(client_of, admin, connection, live, django_assert_max_num_queries):
    client = client_of(admin)
    for number in range(12):
        row = Breaker.objects.create(workspace=connection.workspace, connection=connection, action=f"a{number}")
        row.events.create(workspace=connection.workspace, state="open", reason="Ten of ten failed.")
    shown(client, connection)
    with django_assert_max_num_queries(32):
        shown(client, connection)
    with django_assert_max_num_queries(20):
        shown(client, connection, "limits")
    assert not Run.objects.exists()
