"""What a connection sends along, by its kind; when its token is renewed; and what sealed rows do not open to."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.models import Connection, ConnectionCredential
from sandbox.models import Run
from sandbox.sandboxd.credentials import NotAuthorised, authorised, renewed
from sandbox.sandboxd.under_way import running
from sandbox.services import invoke
from tests.connections import API, LOGIN, OAUTH, Vendor, register_app, seal_for, vendor
from tests.extensions import installed, manifest_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
TOKEN, REFRESH, KEY = "access-token-0123456789", "refresh-token-0123456789", "api-key-0123456789"


def connection_of(workspace, admin, auth: str = OAUTH):
    installation = installed(workspace, admin, vendor(auth))[0]
    return Connection.objects.select_related("installation__workspace", "workspace").get(installation=installation)


def manifest(connection):
    return connection.installation.pin.version.parsed


def ask(connection, ways=None, seconds=5.0):
    return authorised(connection, manifest(connection), seconds=seconds, ways=ways or Vendor().ways)


@pytest.mark.parametrize(
    ("auth", "bundle", "headers", "query"),
    [
        ("type: bearer", {"token": TOKEN}, {"Authorization": ("Bearer ", TOKEN)}, {}),
        ("type: api_key, name: X-Key", {"api_key": KEY}, {"X-Key": ("", KEY)}, {}),
        ("type: api_key, name: Authorization, prefix: Token", {"api_key": KEY}, {"Authorization": ("Token ", KEY)}, {}),
        ("type: api_key, in: query, name: key", {"api_key": KEY}, {}, {"key": KEY}),
        (
            "type: basic",
            {"password": "open sesame"},
            {"Authorization": ("Basic ", "YWRhOm9wZW4gc2VzYW1l")},
            {},
        ),
    ],
)
def test_what_was_typed_in_is_sent_as_the_manifest_says(vault, workspace, admin, auth, bundle, headers, query):
    connection = seal_for(connection_of(workspace, admin, auth), bundle, settings={"username": "ada"})
    found = ask(connection)
    assert (found.headers, found.query, found.host) == (headers, query, API)
    assert set(bundle.values()) <= set(found.values)
    assert not any(value in repr(found) for value in bundle.values())


def test_what_needs_nothing_sends_nothing(vault, workspace, admin):
    connection = connection_of(workspace, admin, "type: none")
    Connection.objects.update(status="authenticated")
    assert (ask(connection).headers, ask(connection).values) == ({}, ())


def test_what_is_not_connected_sends_nothing(vault, workspace, admin):
    connection = connection_of(workspace, admin)
    with pytest.raises(NotAuthorised, match="not connected") as refused:
        ask(connection)
    assert (refused.value.code, refused.value.category) == ("not_connected", "auth_error")


def test_a_token_that_lives_is_sent_without_asking_anybody(vault, workspace, admin):
    peer = Vendor()
    row = {"expires_at": timezone.now() + timedelta(minutes=30)}
    connection = seal_for(connection_of(workspace, admin), {"access_token": TOKEN, "refresh_token": REFRESH}, **row)
    assert ask(connection, peer.ways).headers == {"Authorization": ("Bearer ", TOKEN)}
    assert peer.asked == []


def test_a_token_about_to_end_is_renewed_first_and_a_rotated_refresh_token_kept(vault, workspace, admin):
    answers = iter(
        [
            {"access_token": "second-token-123456", "refresh_token": "second-refresh-123456", "expires_in": "20"},
            {"access_token": "third-token-123456", "expires_in": 3600},
        ]
    )
    peer = Vendor(lambda host, target, form: next(answers))
    connection = connection_of(workspace, admin)
    register_app(connection.installation, admin)
    soon = timezone.now() + timedelta(seconds=20)
    connection = seal_for(
        connection,
        {"access_token": TOKEN, "refresh_token": REFRESH},
        expires_at=soon,
        refreshed_at=soon - timedelta(hours=1),
    )
    generation = connection.token_generation
    found = ask(connection, peer.ways)
    assert found.headers == {"Authorization": ("Bearer ", "second-token-123456")}
    assert found.token_generation == generation + 1
    host, target, form, _ = peer.asked[0]
    assert (host, target) == (LOGIN, "/token")
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", REFRESH)
    assert (form["client_id"], form["client_secret"]) == ("client-one", "app-secret-0123456789")
    connection.refresh_from_db()
    assert (connection.generation, connection.refresh_holder, connection.last_error) == (0, None, "")
    Connection.objects.update(expires_at=timezone.now())
    assert ask(connection, peer.ways).headers == {"Authorization": ("Bearer ", "third-token-123456")}
    assert peer.asked[1][2]["refresh_token"] == "second-refresh-123456"
    assert Connection.objects.get().next_refresh_at > timezone.now() + timedelta(minutes=40)


def test_a_token_that_nothing_can_renew_is_used_up_to_its_end(vault, workspace, admin):
    peer = Vendor()
    soon = timezone.now() + timedelta(seconds=20)
    row = {"expires_at": soon, "refreshed_at": soon - timedelta(hours=1)}
    connection = seal_for(connection_of(workspace, admin), {"access_token": TOKEN}, **row)
    assert ask(connection, peer.ways).headers == {"Authorization": ("Bearer ", TOKEN)}
    connection.refresh_from_db()
    assert (connection.status, connection.last_error, peer.asked) == ("authenticated", "", [])


def test_a_run_that_calls_is_read_with_its_credential_at_once(vault, workspace, admin, django_assert_num_queries):
    connection = seal_for(connection_of(workspace, admin, "type: bearer"), {"token": TOKEN})
    run = invoke(workspace, actor=admin, target="vendor.look", inputs={})
    Run.objects.filter(pk=run.pk).update(
        state="running", lease_until=timezone.now() + timedelta(seconds=9), connection=connection
    )
    running(workspace.pk, str(run.pk), run.version_digest, run.target, calls=True)  # the first writes it down
    with django_assert_num_queries(1):
        found = running(workspace.pk, str(run.pk), run.version_digest, run.target, calls=True)
        sealed = found.connection.credential
        way = Vendor().ways
        sent = authorised(found.connection, manifest_of(vendor("type: bearer")), seconds=5, ways=way, sealed=sealed)
    assert sent.headers == {"Authorization": ("Bearer ", TOKEN)}


def test_after_a_401_it_is_renewed_once_and_what_was_renewed_meanwhile_is_taken(vault, workspace, admin):
    peer = Vendor()
    connection = connection_of(workspace, admin)
    register_app(connection.installation, admin)
    connection = seal_for(connection, {"access_token": TOKEN, "refresh_token": REFRESH})
    seen = connection.token_generation
    for _ in range(2):
        found = renewed(connection, manifest(connection), seen_generation=seen, seconds=5, ways=peer.ways)
        assert found.headers == {"Authorization": ("Bearer ", "token-of-the-vendor-1")}
    assert len(peer.asked) == 1


def test_after_a_401_to_what_nobody_can_renew_there_is_nothing_else(vault, workspace, admin):
    connection = seal_for(connection_of(workspace, admin, "type: bearer"), {"token": TOKEN})
    args = {"seen_generation": connection.token_generation, "seconds": 5, "ways": Vendor().ways}
    assert renewed(connection, manifest(connection), **args) is None


def test_a_bundle_opens_only_in_its_own_row_at_its_own_generation(vault, workspace, admin):
    connection = seal_for(connection_of(workspace, admin, "type: bearer"), {"token": TOKEN})
    other = installed(workspace, admin, vendor("type: bearer", name="other"))[0].connections.get()
    seal_for(other, {"token": "other-token-0123456789"})
    mine = ConnectionCredential.objects.get(connection=connection)
    moved = {"wrapped_key": mine.wrapped_key, "ciphertext": mine.ciphertext}
    ConnectionCredential.objects.filter(connection=other).update(**moved)
    with pytest.raises(NotAuthorised) as refused:
        ask(other)
    assert refused.value.code == "credential_sealed"
    ConnectionCredential.objects.filter(connection=connection).update(generation=7)
    Connection.objects.filter(pk=connection.pk).update(token_generation=7)
    with pytest.raises(NotAuthorised):
        ask(connection)


def test_a_bundle_moved_to_another_workspace_does_not_open(vault, workspace, admin, other_workspace, stranger):
    from galaxy.core.scope import workspace_scope

    connection = seal_for(connection_of(workspace, admin, "type: bearer"), {"token": TOKEN})
    mine = ConnectionCredential.objects.get(connection=connection)
    with workspace_scope([other_workspace.pk]):
        theirs = installed(other_workspace, stranger, vendor("type: bearer", name="theirs"))[0].connections.get()
        seal_for(theirs, {"token": "their-token-0123456789"})
        ConnectionCredential.objects.update(wrapped_key=mine.wrapped_key, ciphertext=mine.ciphertext)
        with pytest.raises(NotAuthorised):
            ask(theirs)


def test_a_version_that_would_send_the_credential_elsewhere_gets_none(vault, workspace, admin):
    connection = seal_for(connection_of(workspace, admin, "type: bearer"), {"token": TOKEN})
    text = vendor("type: bearer", base=f"https://{LOGIN}")
    with pytest.raises(NotAuthorised, match=LOGIN):
        authorised(connection, manifest_of(text), seconds=5, ways=Vendor().ways)
