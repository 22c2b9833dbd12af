"""Connecting in a browser at a certified provider whose refresh tokens rotate (oidc-provider), by a real sandboxd."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from bootstrap import find_browser
from galaxy.core.scope import workspace_scope
from registry.models import Connection, ConnectionCredential
from tests.browser.axe import DESK, faults
from tests.browser.conftest import FLAGS, Tab
from tests.connections import LOGIN, vendor
from tests.core.egress.peers import Authority
from tests.extensions import installed
from tests.peers.node import oidc_provider
from tests.sandboxd import Sandboxd

AUTH = f"""type: oauth2, authorize_url: "https://{LOGIN}/auth", token_url: "https://{LOGIN}/token",
  revoke_url: "https://{LOGIN}/token/revocation", issuer: "https://{LOGIN}", scopes: [openid, email]"""
CLIENT = {"clientId": "galaxy-connector", "clientSecret": "a secret with & and + 0123456789"}


@pytest.fixture
def connection(cast):
    with workspace_scope([cast["meridian"].pk]):
        text = vendor(AUTH, base=f"https://{LOGIN}", path="/me")
        yield installed(cast["meridian"], cast["admin"], text)[0].connections.get()


@pytest.fixture
def provider(connection, live_server, tmp_path, settings):
    """The port of the provider; sandboxd and this process reach it under its name."""
    authority = Authority(tmp_path)
    back = reverse("sandbox:connection-return", args=["meridian", connection.installation_id])
    claims = {"sub": "employee-1", "email": "ada@vendor.example", "email_verified": True}
    options = {"redirectUri": live_server.url + back, "claims": claims, "host": LOGIN}
    with oidc_provider(**CLIENT, **options, certificate=str(authority.chain(LOGIN))) as port:
        sandboxd = Sandboxd({LOGIN: int(port)}, authority.pem)
        settings.SANDBOXD_SOCKET = sandboxd.socket
        sandboxd.start("--size", "1")
        yield int(port)
        sandboxd.close()


@pytest.fixture
def tab(browser, provider, live_server, client_of, cast, settings):
    """A browser of its own, in which the provider's name leads to this machine."""
    rule = f"--host-resolver-rules=MAP {LOGIN}:443 127.0.0.1:{provider}"
    engine = browser.browser_type.launch(executable_path=find_browser(), chromium_sandbox=False, args=[*FLAGS, rule])
    context = engine.new_context(
        base_url=live_server.url, ignore_https_errors=True, viewport={"width": 390, "height": 800}
    )
    context.set_default_timeout(15_000)
    cookie = client_of(cast["admin"]).cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    yield Tab(context.new_page()).listen()
    engine.close()


def test_an_account_is_connected_renewed_tested_and_disconnected(visit, tab, connection, cast):
    page = tab.go(connection.get_absolute_url()).page
    page.get_by_role("link", name="Connect…").click()
    page.get_by_label("Client id").fill(CLIENT["clientId"])
    page.get_by_label("Client secret").fill(CLIENT["clientSecret"])
    page.get_by_role("button", name="Save, and go to Vendor").click()
    page.get_by_role("button", name="Sign in at the IdP").click()
    expect(page.get_by_text("Vendor is connected.")).to_be_visible()
    connection.refresh_from_db()
    assert connection.is_authenticated
    assert connection.account == "ada@vendor.example"
    assert connection.scopes_granted == ["email", "openid"]
    for number in (1, 2):  # the second one by the refresh token that the first one brought
        page.get_by_role("button", name="Refresh now").click()
        expect(page.get_by_text("has a new token")).to_be_visible()
        assert Connection.objects.get().token_generation == 1 + number
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("it takes what this connection holds")).to_be_visible()
    assert tab.complaints == []
    assert tab.sideways_px == 0
    shown = visit(connection.get_absolute_url(), cast["admin"], for_axe=True)
    for address in ("", "connect/", "disconnection/"):
        shown.go(connection.get_absolute_url() + address)
        assert faults(shown, DESK, ("dark", 1280)) == [], address
    page.get_by_role("link", name="Disconnect…").click()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("has revoked it")).to_be_visible()
    assert not ConnectionCredential.objects.exists()
