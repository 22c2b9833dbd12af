"""What the pages of connections say in each state, to whom, and in how many queries."""

from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from galaxy.core.members import add_member
from registry.models import Connection
from tests.connections import LOGIN, register_app, seal_for, vendor
from tests.extensions import installed
from tests.factories import make_user

MAPPED = f"""type: oauth2, authorize_url: "https://{LOGIN}/auth", token_url: "https://{LOGIN}/token",
  scopes: ["things:read", "things:write"],
  scope_map: {{ things.read: ["things:read"], things.write: ["things:write"] }}"""


@pytest.fixture
def connection(vault, workspace, admin):
    installation = installed(workspace, admin, vendor(MAPPED))[0]
    register_app(installation, admin)
    return Connection.objects.select_related("installation__workspace", "workspace").get()


def page(client, connection) -> str:
    return client.get(reverse("sandbox:connection-detail", args=["meridian", connection.pk])).content.decode()


def test_before_it_is_connected_it_says_what_will_be_asked_for(connection, admin, client_of):
    text = page(client_of(admin), connection)
    for words in ("Not connected", "What is asked for when you connect", "things:read", "Connect…"):
        assert words in text
    assert "Disconnect…" not in text


def test_connected_it_shows_scopes_granted_against_scopes_needed_and_the_times(connection, admin, client_of):
    now = timezone.now()
    times = {
        "refreshed_at": now,
        "expires_at": now + timedelta(hours=1),
        "next_refresh_at": now + timedelta(minutes=45, seconds=30),
    }
    bundle = {"access_token": "access-token-0123456789", "refresh_token": "refresh-token-0123456789"}
    seal_for(connection, bundle, scopes_granted=["things:read"], connected_at=now, connected_by=admin, **times)
    text = page(client_of(admin), connection)
    for words in ("Less was granted than it needs", "Not granted", "Granted", "Last refresh", "in 45 min", "Test"):
        assert words in text
    assert text.index("Not granted") < text.index("Granted by Vendor")


def test_exhausted_it_says_why_in_words_and_offers_what_helps(connection, admin, member, client_of):
    bundle = {"access_token": "access-token-0123456789"}
    seal_for(connection, bundle, status="exhausted", last_error="It refused.", last_error_code="client_refused")
    text = page(client_of(admin), connection)
    for words in (
        "No new token comes any more.",
        "It refused.",
        "client id and secret anew",
        "Try again now",
        "Reconnect…",
    ):
        assert words in text
    text = page(client_of(member), connection)
    assert "It refused." in text
    assert "Manage shared connections" in text or "permission" in text
    assert 'href="/w/meridian/connections/' not in text.partition("<main")[2].partition("Other accounts")[0]


@pytest.mark.parametrize("name", ["connection-list", "connection-detail"])
def test_a_page_takes_a_fixed_number_of_queries(connection, workspace, admin, owner, client_of, name):
    pk = connection.installation_id if name == "connection-list" else connection.pk
    address, client = reverse(f"sandbox:{name}", args=["meridian", pk]), client_of(admin)

    def count() -> int:
        with CaptureQueriesContext(
            database,
        ) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    count()
    before = count()
    for number in range(4):
        user = make_user(f"Member {number}")
        add_member(workspace, user=user, role="member", actor=owner)
        Connection.objects.create(workspace=workspace, installation=connection.installation, owner=user, name="Vendor")
    assert count() == before
    assert before <= 40


def test_who_may_change_nothing_is_told_so_once_and_whoever_reads_the_trail_is_led_there(
    connection, admin, auditor, member, client_of
):
    seal_for(connection, {"access_token": "access-token-0123456789"}, expires_at=timezone.now() - timedelta(minutes=1))
    trail = f'href="{reverse("core:audit-list", args=["meridian"])}?target={connection.pk}"'
    read = page(client_of(auditor), connection)
    assert trail in read
    assert "Token ended" in read
    assert "Disconnect…" not in read
    assert "the app…" not in read
    assert trail not in page(client_of(member), connection)
    assert "Change the app…" in page(client_of(admin), connection)
