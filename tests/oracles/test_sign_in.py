"""Tokens are asked for as the vendors' own clients ask for them: address, proof of the client, and what is said."""

import base64
import json
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from allauth.socialaccount.providers.google import views as google
from allauth.socialaccount.providers.notion.views import NotionOAuth2Adapter
from google.auth.transport.requests import Request
from google.oauth2._client import refresh_grant
from hubspot.utils import oauth as hubspot_oauth
from slack_sdk import WebClient
from slack_sdk.oauth import AuthorizeUrlGenerator

from registry.manifests.functions import evaluate
from sandbox.oauth.answers import read_answer
from sandbox.oauth.requests import App, code_request, consent_url, refresh_request, revocation_request
from tests.oracles.clients import TOKEN, client_of
from tests.oracles.peer import Received, VendorPeer
from tests.oracles.shipped import MANIFESTS
from tests.oracles.wire import canonical

APP = App("client-1", "s3cret&more")
CODE, BACK, VERIFIER, REFRESH = "code-1", "https://galaxy.example/back", "v" * 64, "refresh-1"
CLIENT = {"client_id": APP.client_id, "client_secret": APP.secret}


@pytest.fixture
def peer():
    found = VendorPeer()
    found.answers = [
        {"status": 200, "body": {"ok": True, "access_token": "t", "token_type": "bearer", "expires_in": 9}}
    ]
    yield found
    found.close()


def auth_of(connector):
    return MANIFESTS[connector].canonical["auth"]


def ours(request):
    headers = {name.lower(): value for name, value in request["headers"].items()}
    return Received(request["method"], urlsplit(request["url"]).path, headers, request["body"].encode())


def proof_of(received):
    """HTTP Basic as the two texts that it carries; RFC 6749, 2.3.1, has them form-encoded, which Slack's client and
    Notion's leave out, and which changes nothing for what the vendors give out: letters, digits and dots."""
    kind, _, coded = received.headers.get("authorization", "").partition(" ")
    return kind, base64.b64decode(coded).decode().split(":")


@pytest.mark.parametrize(
    ("connector", "key", "address"),
    [
        ("gmail", "authorize_url", google.AUTHORIZE_URL),
        ("gmail", "token_url", google.ACCESS_TOKEN_URL),
        ("gmail", "issuer", google.ID_TOKEN_ISSUER),
        ("google-drive", "authorize_url", google.AUTHORIZE_URL),
        ("google-drive", "token_url", google.ACCESS_TOKEN_URL),
        ("google-drive", "issuer", google.ID_TOKEN_ISSUER),
        ("hubspot", "authorize_url", hubspot_oauth.AUTHORIZE_URL),
        ("notion", "authorize_url", NotionOAuth2Adapter.authorize_url),
        ("notion", "token_url", NotionOAuth2Adapter.access_token_url),
        ("slack", "authorize_url", AuthorizeUrlGenerator(client_id="").authorization_url),
        ("slack", "token_url", f"{WebClient.BASE_URL}oauth.v2.access"),
        ("slack", "revoke_url", f"{WebClient.BASE_URL}auth.revoke"),
    ],
)
def test_people_and_codes_go_where_others_send_them(connector, key, address):
    """Hosts too, which the tests below, at a stand-in of one host, leave out. Salesforce's are its collection's."""
    assert auth_of(connector)[key] == address


def test_slack_is_asked_for_tokens_as_its_own_client_asks(peer):
    app = App("client-1", "s3cret")
    with client_of("slack", peer.url) as slack:
        asked = {"client_id": app.client_id, "client_secret": app.secret}
        slack.oauth_v2_access(
            **asked, code=CODE, redirect_uri=BACK, grant_type="authorization_code", code_verifier=VERIFIER
        )
        slack.oauth_v2_access(**asked, grant_type="refresh_token", refresh_token=REFRESH)
    first = ours(code_request(auth_of("slack"), app, code=CODE, redirect_uri=BACK, verifier=VERIFIER))
    second = ours(refresh_request(auth_of("slack"), app, REFRESH))
    for mine, theirs in zip((first, second), peer.received, strict=True):
        assert canonical(mine) == canonical(theirs)
        assert proof_of(mine) == proof_of(theirs) == ("Basic", [app.client_id, app.secret])


def test_slack_is_asked_to_revoke_a_token_by_the_token(peer):
    with client_of("slack", peer.url) as slack:
        slack.auth_revoke()
    mine, theirs = ours(revocation_request(auth_of("slack"), APP, TOKEN, "access_token")), peer.received[0]
    assert canonical(mine) == canonical(theirs)
    assert mine.headers["authorization"] == theirs.headers["authorization"] == f"Bearer {TOKEN}"


def test_notion_is_asked_to_give_and_revoke_tokens_as_its_own_client_asks(peer):
    app = App("client-1", "s3cret")
    with client_of("notion", peer.url) as notion:
        asked = {"client_id": app.client_id, "client_secret": app.secret}
        notion.oauth.token(**asked, grant_type="authorization_code", code=CODE, redirect_uri=BACK)
        notion.oauth.token(**asked, grant_type="refresh_token", refresh_token=REFRESH)
        notion.oauth.revoke(**asked, token="t")
    first = ours(code_request(auth_of("notion"), app, code=CODE, redirect_uri=BACK, verifier=VERIFIER))
    second = ours(refresh_request(auth_of("notion"), app, REFRESH))
    third = ours(revocation_request(auth_of("notion"), app, "t", "access_token"))
    for mine, theirs in zip((first, second, third), peer.received, strict=True):
        # The version is that of the API; the token endpoint's answer is the same in all.
        assert canonical(mine) == canonical(theirs)._replace(versions=())
        assert proof_of(mine) == proof_of(theirs) == ("Basic", [app.client_id, app.secret])


def test_hubspot_is_asked_for_tokens_as_its_own_client_asks_at_the_newer_address(peer):
    """The client still calls /oauth/v1, which ends in February 2027; the words are the same."""
    with client_of("hubspot", peer.url) as client:
        client.oauth.tokens_api.create(grant_type="authorization_code", code=CODE, redirect_uri=BACK, **CLIENT)
        client.oauth.tokens_api.create(grant_type="refresh_token", refresh_token=REFRESH, **CLIENT)
    first = ours(code_request(auth_of("hubspot"), APP, code=CODE, redirect_uri=BACK, verifier=VERIFIER))
    second = ours(refresh_request(auth_of("hubspot"), APP, REFRESH))
    for mine, theirs in zip((first, second), peer.received, strict=True):
        said = dict(parse_qsl(mine.body.decode())) | {"code_verifier": VERIFIER}
        assert said == dict(parse_qsl(theirs.body.decode())) | {"code_verifier": VERIFIER}
        assert (mine.method, theirs.target, mine.target) == ("POST", "/oauth/v1/token", "/oauth/2026-03/token")


@pytest.mark.parametrize("connector", ["gmail", "google-drive"])
def test_google_is_asked_to_refresh_as_its_own_library_asks(connector, peer):
    path = urlsplit(auth_of(connector)["token_url"]).path
    refresh_grant(Request(), f"{peer.url}{path}", REFRESH, APP.client_id, APP.secret)
    assert canonical(ours(refresh_request(auth_of(connector), APP, REFRESH))) == canonical(peer.received[0])


def test_google_gives_a_refresh_token_only_when_asked_to():
    address = consent_url(auth_of("gmail"), APP, redirect_uri=BACK, state="s", verifier=VERIFIER, scopes=["openid"])
    found = parse_qs(urlsplit(address).query)
    assert (found["access_type"], found["prompt"]) == (["offline"], ["consent"])
    assert found["code_challenge_method"] == ["S256"]


def test_notion_is_told_whose_pages_and_nothing_of_pkce():
    auth = auth_of("notion")
    found = parse_qs(urlsplit(consent_url(auth, APP, redirect_uri=BACK, state="s", verifier=VERIFIER, scopes=[])).query)
    assert found == {
        "response_type": ["code"], "client_id": ["client-1"], "redirect_uri": [BACK], "state": ["s"], "owner": ["user"],
    }  # fmt: skip


def test_slack_lists_scopes_with_commas():
    auth = auth_of("slack")
    address = consent_url(auth, APP, redirect_uri=BACK, state="s", verifier=VERIFIER, scopes=auth["scopes"])
    assert parse_qs(urlsplit(address).query)["scope"] == [",".join(auth["scopes"])]


@pytest.mark.parametrize(
    ("connector", "body", "scopes", "account"),
    [
        (
            "hubspot",
            {"hub_id": 62515, "scopes": ["oauth", "crm.objects.contacts.read"], "expires_in": 1800},
            ["crm.objects.contacts.read", "oauth"],
            "Account 62515",
        ),
        (
            "slack",
            {"ok": True, "scope": "chat:write,users:read", "team": {"id": "T012AB3CD", "name": "Meridian"}},
            ["chat:write", "users:read"],
            "Meridian",
        ),
        ("notion", {"workspace_name": "Meridian", "owner": {"type": "workspace"}}, None, "Meridian"),
        (
            "salesforce",
            {"instance_url": "https://meridian.my.salesforce.com", "scope": "refresh_token api"},
            ["api", "refresh_token"],
            "https://meridian.my.salesforce.com",
        ),
    ],
)
def test_an_answer_is_read_as_its_vendor_writes_it(connector, body, scopes, account):
    text = json.dumps({"access_token": "t0123456789", "token_type": "bearer"} | body)
    tokens = read_answer({"status": 200, "headers": {}, "body": text}, "vendor.example")
    assert tokens.scopes == scopes
    assert evaluate(auth_of(connector)["account"], tokens.public) == account
