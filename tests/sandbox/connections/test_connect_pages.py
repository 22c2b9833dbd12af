"""Connecting as people do it: by a consent screen, by typing, again, and never halfway."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from galaxy.core.models import AuditDetail, AuditEvent
from registry.models import AppRegistration, Connection, ConnectionCredential
from registry.services import move_pin
from tests.connections import API, APP_SECRET, LOGIN, OAUTH, register_app, vendor
from tests.extensions import installed, publish
from tests.playhouse import staged

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
TOKEN, REFRESH = "access-token-0123456789", "refresh-token-0123456789"


@pytest.fixture
@staged
def installation(workspace, admin):
    return installed(workspace, admin, vendor())[0]


@pytest.fixture
def connection(installation):
    return installation.connections.get()


def url(name, *args):
    return reverse(f"sandbox:{name}", args=["meridian", *args])


def begin(client, connection, **typed):
    """The question that the browser was sent to the vendor with."""
    response = client.post(url("connection-connect", connection.pk), typed)
    assert response.status_code == 302, response.content.decode()
    address = urlsplit(response["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"https://{LOGIN}/auth"
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def come_back(client, connection, **query):
    return client.get(url("connection-return", connection.installation_id), query, follow=True)


def test_the_form_shows_the_exact_address_and_takes_the_app_once(sandboxd, connection, admin, client_of):
    page = client_of(admin).get(url("connection-connect", connection.pk)).content.decode()
    assert f"http://testserver{url('connection-return', connection.installation_id)}" in page
    assert f"The secret leaves for {LOGIN} only." in page
    asked = begin(client_of(admin), connection, client_id="client-one", client_secret=APP_SECRET)
    assert asked["client_id"] == "client-one"
    assert AppRegistration.objects.get().has_secret
    assert "client_secret" not in client_of(admin).get(url("connection-connect", connection.pk)).content.decode()


@pytest.mark.asvs("10.1.1", "10.2.3")
def test_a_consent_is_walked_and_the_tokens_are_sealed(sandboxd, connection, admin, client_of):
    register_app(connection.installation, admin)
    client = client_of(admin)
    asked = begin(client, connection)
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert set(asked["scope"].split()) == {"offline_access", "openid", "things:read"}
    assert asked["redirect_uri"] == f"http://testserver{url('connection-return', connection.installation_id)}"
    sandboxd.answer = lambda host, target, form: {
        "access_token": TOKEN, "refresh_token": REFRESH, "expires_in": 3600, "token_type": "Bearer",
        "scope": "things:read openid", "email": "ada@example.test",
    }  # fmt: skip
    response = come_back(client, connection, state=asked["state"], code="the-code-1")
    assert "Vendor is connected." in response.content.decode()
    connection.refresh_from_db()
    assert (connection.status, connection.account, connection.generation) == ("authenticated", "ada@example.test", 1)
    assert connection.scopes_granted == ["openid", "things:read"]
    assert (connection.connected_by, connection.next_refresh_at < connection.expires_at) == (admin, True)
    _, _, form, _ = sandboxd.asked[0]
    assert (form["grant_type"], form["code"], form["redirect_uri"]) == (
        "authorization_code", "the-code-1", asked["redirect_uri"],
    )  # fmt: skip
    assert re.fullmatch(r"[A-Za-z0-9_-]{43,128}", form["code_verifier"])
    events = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"connection.connected"} <= events
    assert connection.runs.count() == 0


def refusals():
    return [
        ({"error": "access_denied"}, "told not to connect"),
        ({"error": "redirect_uri_mismatch"}, "does not accept what was asked"),
        ({"error": "server_error"}, "could not finish"),
        ({}, "could not finish"),
        ({"code": "c", "iss": "https://evil.example"}, "not come from the provider"),
    ]


@pytest.mark.asvs("10.2.2")
@pytest.mark.parametrize(("query", "words"), refusals())
def test_an_answer_that_is_none_connects_nothing_and_says_what_to_do(
    sandboxd, workspace, admin, client_of, query, words
):
    auth = f"""type: oauth2, authorize_url: "https://{LOGIN}/auth", token_url: "https://{LOGIN}/token",
      issuer: "https://{LOGIN}" """
    connection = installed(workspace, admin, vendor(auth))[0].connections.get()
    register_app(connection.installation, admin)
    client = client_of(admin)
    state = begin(client, connection)["state"]
    response = come_back(client, connection, state=state, **query)
    assert response.status_code == 400
    page = response.content.decode()
    assert words in page
    begin_again = reverse("sandbox:connection-connect", args=["meridian", connection.pk])
    assert (f'href="{begin_again}"' in page) == ("iss" not in query)  # no way on from somebody else's answer
    assert 'href="/w/meridian/installed/" aria-current="page"' in client.get(begin_again).content.decode()
    again = come_back(client, connection, state=state, code="c")
    assert "finished already" in again.content.decode()
    assert (Connection.objects.get().status, sandboxd.asked) == ("unauthenticated", [])


@pytest.mark.asvs("10.1.2", "10.2.1")
def test_a_state_of_another_session_or_person_is_worth_nothing(sandboxd, connection, admin, owner, client_of):
    register_app(connection.installation, admin)
    state = begin(client_of(admin), connection)["state"]
    for client in (client_of(admin), client_of(owner)):
        response = come_back(client, connection, state=state, code="c")
        assert (response.status_code, "this browser and session" in response.content.decode()) == (400, True)
    assert come_back(client_of(admin), connection, code="c").status_code == 400
    assert sandboxd.asked == []


@pytest.mark.asvs("10.1.2")
def test_a_state_holds_for_ten_minutes_and_for_its_own_installation(
    sandboxd, workspace, connection, admin, client_of, monkeypatch
):
    other = installed(workspace, admin, vendor(name="other"))[0].connections.get()
    register_app(connection.installation, admin)
    client = client_of(admin)
    state = begin(client, connection)["state"]
    response = come_back(client, other, state=state, code="c")
    assert "not come from the provider" in response.content.decode()
    state = begin(client, connection)["state"]
    monkeypatch.setattr("sandbox.connections.consent.KEPT_S", -1)
    assert "ten minutes" in come_back(client, connection, state=state, code="c").content.decode()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, {}, '{"error": "invalid_grant"}'), "a code is good once"),
        ((401, {}, '{"error": "invalid_client"}'), "enter the app"),
        ((200, {"Content-Type": "text/html"}, "<html>token-like-text-0123456789</html>"), "no JSON object"),
        ((500, {}, "oops"), "answered 500"),
        ((429, {"Retry-After": "30"}, ""), "no more requests"),
        ((200, {}, '{"ok": false, "error": "invalid_code"}'), "a code is good once"),
        ((200, {}, '{"token_type": "bearer"}'), "without a token"),
        ((302, {"Location": "https://evil.example/"}, ""), "answered 302"),
    ],
)
def test_a_token_endpoint_that_says_no_leaves_nothing_half_saved(sandboxd, connection, admin, client_of, answer, words):
    register_app(connection.installation, admin)
    client = client_of(admin)
    state = begin(client, connection)["state"]
    sandboxd.answer = lambda host, target, form: answer
    response = come_back(client, connection, state=state, code="c")
    page = response.content.decode()
    assert words in page
    assert "token-like-text" not in page
    connection.refresh_from_db()
    assert (connection.status, connection.token_generation, ConnectionCredential.objects.count()) == (
        "unauthenticated", 0, 0,
    )  # fmt: skip


def test_reconnecting_keeps_the_row_and_raises_the_generation(sandboxd, connection, admin, client_of):
    register_app(connection.installation, admin)
    client = client_of(admin)
    for number in (1, 2):
        asked = begin(client, connection)
        come_back(client, connection, state=asked["state"], code=f"code-{number}")
        connection.refresh_from_db()
        assert connection.generation == number
    assert Connection.objects.count() == 1
    actions = list(AuditEvent.objects.filter(action__startswith="connection.").values_list("action", flat=True))
    assert "connection.reconnected" in actions


@pytest.mark.parametrize(
    ("auth", "typed", "secret"),
    [
        ("type: api_key, name: X-Key", {"api_key": "key-typed-0123456789", "account": "Ours"}, "key-typed-0123456789"),
        ("type: bearer", {"token": "tok-typed-0123456789"}, "tok-typed-0123456789"),
        ("type: basic", {"username": "ada", "password": "pass-typed-0123456789"}, "pass-typed-0123456789"),
    ],
)
def test_what_is_typed_is_sealed_and_never_shown_again(sandboxd, workspace, admin, client_of, auth, typed, secret):
    connection = installed(workspace, admin, vendor(auth))[0].connections.get()
    client = client_of(admin)
    response = client.post(url("connection-connect", connection.pk), typed, follow=True)
    assert "Vendor is connected." in response.content.decode()
    assert secret not in response.content.decode()
    assert secret not in client.get(url("connection-connect", connection.pk)).content.decode()
    connection.refresh_from_db()
    assert connection.is_authenticated
    assert not AuditDetail.objects.filter(fields__icontains=secret).exists()


def test_nobody_says_what_a_key_may_do(sandboxd, workspace, admin, client_of):
    """The manifest's scopes are what it would ask for, and nobody was asked."""
    auth = 'type: bearer, scopes: ["things:read"], scope_map: { things.read: ["things:read"] }'
    connection = installed(workspace, admin, vendor(auth))[0].connections.get()
    client = client_of(admin)
    client.post(url("connection-connect", connection.pk), {"token": TOKEN})
    connection.refresh_from_db()
    assert (connection.status, connection.scopes_granted) == ("authenticated", [])
    assert "Granted" not in client.get(url("connection-detail", connection.pk)).content.decode()


def test_too_plain_a_secret_is_refused_beside_its_field(sandboxd, workspace, admin, client_of):
    connection = installed(workspace, admin, vendor("type: bearer"))[0].connections.get()
    response = client_of(admin).post(url("connection-connect", connection.pk), {"token": "aaaaaa"})
    assert (response.status_code, "of which 4 differ" in response.content.decode()) == (422, True)
    assert not ConnectionCredential.objects.exists()


def test_a_member_connects_their_own_account_and_not_the_shared_one(sandboxd, workspace, admin, member, client_of):
    installation = installed(workspace, admin, vendor("type: bearer"))[0]
    shared = installation.connections.get()
    client = client_of(member)
    assert client.get(url("connection-connect", shared.pk)).status_code == 403
    response = client.post(url("connection-own", installation.pk), follow=True)
    own = Connection.objects.get(owner=member)
    assert response.redirect_chain[-1][0] == url("connection-connect", own.pk)
    client.post(url("connection-connect", own.pk), {"token": "own-token-0123456789"})
    own.refresh_from_db()
    assert (own.is_authenticated, Connection.objects.get(owner=None).status) == (True, "unauthenticated")
    assert client_of(admin).get(url("connection-detail", own.pk)).status_code == 200
    assert client_of(admin).post(url("connection-test", own.pk)).status_code == 403


def test_a_stranger_finds_no_connection(sandboxd, connection, stranger, client_of):
    assert client_of(stranger).get(url("connection-detail", connection.pk)).status_code == 404


def test_disconnecting_revokes_there_and_destroys_here(sandboxd, connection, admin, client_of):
    register_app(connection.installation, admin)
    client = client_of(admin)
    sandboxd.answer = lambda host, target, form: {"access_token": TOKEN, "refresh_token": REFRESH}
    come_back(client, connection, state=begin(client, connection)["state"], code="c")
    assert ConnectionCredential.objects.count() == 1
    assert "Disconnect Vendor" in client.get(url("connection-disconnection", connection.pk)).content.decode()
    response = client.post(url("connection-disconnection", connection.pk), follow=True)
    assert "has revoked it" in response.content.decode()
    revoked = [form["token"] for _, target, form, _ in sandboxd.asked if target == "/token/revocation"]
    assert revoked == [REFRESH, TOKEN]
    connection.refresh_from_db()
    assert (connection.status, ConnectionCredential.objects.count()) == ("unauthenticated", 0)
    assert AuditEvent.objects.filter(action="connection.disconnected").exists()


def test_an_access_token_that_ended_with_its_refresh_token_is_revoked(sandboxd, connection, admin, client_of):
    """As Google does it: the second request is refused, since there is nothing left to revoke."""
    register_app(connection.installation, admin)
    client = client_of(admin)
    sandboxd.answer = lambda host, target, form: {"access_token": TOKEN, "refresh_token": REFRESH}
    come_back(client, connection, state=begin(client, connection)["state"], code="c")
    sandboxd.answer = lambda host, target, form: (
        (200, {}, "{}") if form["token"] == REFRESH else (400, {}, '{"error": "invalid_token"}')
    )
    page = client.post(url("connection-disconnection", connection.pk), follow=True).content.decode()
    assert f"{LOGIN} has revoked it." in page


def test_a_vendor_that_revokes_by_the_token_is_sent_it_and_its_no_in_a_200_is_told(
    sandboxd, workspace, admin, client_of
):
    connection = installed(workspace, admin, vendor(f"{OAUTH}, revoke_with: token"))[0].connections.get()
    register_app(connection.installation, admin)
    client = client_of(admin)
    sandboxd.answer = lambda host, target, form: {"access_token": TOKEN, "refresh_token": REFRESH}
    come_back(client, connection, state=begin(client, connection)["state"], code="c")
    sandboxd.answer = lambda host, target, form: {"ok": False, "error": "invalid_auth"}
    page = client.post(url("connection-disconnection", connection.pk), follow=True).content.decode()
    assert "refused: invalid_auth" in page
    asked = [(form, headers["Authorization"]) for _, target, form, headers in sandboxd.asked if "revocation" in target]
    assert asked == [({}, f"Bearer {TOKEN}")]


def test_the_health_action_is_tried_and_what_it_says_is_told(sandboxd, workspace, admin, client_of):
    connection = installed(workspace, admin, vendor("type: bearer"))[0].connections.get()
    client = client_of(admin)
    client.post(url("connection-connect", connection.pk), {"token": TOKEN})
    sandboxd.answer = lambda host, target, form: {"id": "x"}
    page = client.post(url("connection-test", connection.pk), follow=True).content.decode()
    assert "it takes what this connection holds" in page
    _, target, _, headers = sandboxd.asked[-1]
    assert (target, headers["Authorization"]) == ("/things", f"Bearer {TOKEN}")
    sandboxd.answer = lambda host, target, form: (401, {}, "{}")
    assert "auth_error" in client.post(url("connection-test", connection.pk), follow=True).content.decode()
    sandboxd.answer = lambda host, target, form: (200, {"Content-Type": "text/html"}, "<html>Sign in</html>")
    page = client.post(url("connection-test", connection.pk), follow=True).content.decode()
    assert "a web page where JSON is declared" in page and "it takes what" not in page


def test_the_host_is_typed_or_told_and_lies_below_the_suffix(sandboxd, workspace, admin, client_of):
    suffix = '\n  - { host: "{connection.host}", suffix: my.vendor.example, methods: [GET], path_prefix: / }'
    text = vendor(base="https://{connection.host}", egress=suffix)
    connection = installed(workspace, admin, text)[0].connections.get()
    register_app(connection.installation, admin)
    client = client_of(admin)
    refused = client.post(url("connection-connect", connection.pk), {"host": "https://evil.example/"})
    assert (refused.status_code, "lies below my.vendor.example" in refused.content.decode()) == (422, True)
    for told, expected in (("https://evil.example", ""), ("https://acme.my.vendor.example", "acme.my.vendor.example")):
        sandboxd.answer = lambda host, target, form, told=told: {"access_token": TOKEN, "instance_url": told}
        come_back(client, connection, state=begin(client, connection)["state"], code="c")
        connection.refresh_from_db()
        assert connection.host == expected
    begun = begin(client, connection, host="https://two.my.vendor.example/x")
    come_back(client, connection, state=begun["state"], code="c")
    connection.refresh_from_db()
    assert connection.host == "two.my.vendor.example"


def test_whoever_enters_a_key_sees_every_host_that_may_get_it(workspace, admin, client_of):
    """The manifest says them, whatever its name and its prose suggest."""
    text = vendor("type: bearer").replace(
        "path: /things\n", f'path: /things\n    fallbacks: [{{ base_url: "https://{LOGIN}" }}]\n', 1
    )
    connection = installed(workspace, admin, text)[0].connections.get()
    page = client_of(admin).get(url("connection-connect", connection.pk)).content.decode()
    assert f"leaves for {API}, {LOGIN} only." in page


def test_a_code_goes_to_no_endpoint_of_a_version_that_did_not_ask_for_it(sandboxd, connection, admin, client_of):
    register_app(connection.installation, admin)
    client = client_of(admin)
    asked = begin(client, connection)
    moved = publish(vendor(OAUTH.replace(f"{LOGIN}/token", f"{API}/token")).replace("version: 1.0.0", "version: 2.0.0"))
    move_pin(connection.installation, version=moved, actor=admin, agrees=True)
    page = come_back(client, connection, state=asked["state"], code="the-code-1")
    assert (page.status_code, sandboxd.asked) == (400, [])
    assert "other_version" in page.content.decode()


def test_what_is_connected_by_the_version_before_is_not_stored(sandboxd, connection, admin, client_of):
    """Somebody moves the pin while the provider gives the tokens."""
    register_app(connection.installation, admin)
    client = client_of(admin)
    asked = begin(client, connection)
    other = publish(vendor("type: bearer").replace("version: 1.0.0", "version: 2.0.0"))

    def answer(host, target, form):
        move_pin(connection.installation, version=other, actor=admin, agrees=True)
        return {"access_token": TOKEN}

    sandboxd.answer = answer
    page = come_back(client, connection, state=asked["state"], code="the-code-1").content.decode()
    assert "at this very moment" in page
    assert (Connection.objects.get().status, ConnectionCredential.objects.count()) == ("unauthenticated", 0)
