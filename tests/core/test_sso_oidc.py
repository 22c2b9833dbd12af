"""Coming in by OpenID Connect: an honest answer, and every kind of answer that must not open anything."""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client
from django.urls import reverse

from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.sso import views
from galaxy.core.sso.configuration import OidcProvider
from tests.peers.forger import CLIENT_ID, CLIENT_SECRET, FOREIGN_KEY, forger

BEGIN, CALLBACK = "/account/sso/oidc/sign-in/", "/account/sso/oidc/callback/"


@pytest.fixture(scope="module")
def running():
    with forger() as found:
        yield found


@pytest.fixture
def provider(running, settings):
    running.replies, running.userinfo, running.asked = {}, {}, {}
    settings.ACCOUNT_RATE_LIMITS = False
    settings.GALAXY_SSO = (
        OidcProvider(
            name="Okta",
            domains=frozenset({"example.test"}),
            trusts_email=False,
            issuer=running.issuer,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
        ),
    )
    return running


@pytest.fixture
def person(provider, member):
    """Who is at the keyboard: somebody with an account, whose address the provider names."""
    provider.email = member.email
    return member


@pytest.fixture
def reasons(monkeypatch):
    found = []
    monkeypatch.setattr(views.log, "warning", lambda event, **words: found.append(words["reason"]))
    return found


def begin(client: Client, **form) -> dict[str, str]:
    """Press the button; returns the query that the browser is sent to the provider with."""
    response = client.post(BEGIN, form)
    assert response.status_code == 302, response.content.decode()
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


def come_back(client: Client, provider, asked: dict[str, str], **changes):
    query = {"code": "code-1", "state": asked["state"], "iss": provider.issuer} | changes
    return client.get(CALLBACK, {name: value for name, value in query.items() if value is not None})


def sign_in(provider, client: Client | None = None, **claims):
    """The whole way with an honest token that says ``claims``; returns the answer and the client."""
    client = client or Client()
    asked = begin(client)
    provider.sign(provider.claims(asked["nonce"], **claims))
    return come_back(client, provider, asked), client


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])  # the mail waits for the commit
def test_an_account_is_tied_to_the_identity_and_signed_in(provider, person, workspace):
    client = Client()
    asked = begin(client, next=workspace.get_absolute_url())
    provider.sign(provider.claims(asked["nonce"], email=person.email.upper()))
    response = come_back(client, provider, asked)
    assert (response.status_code, response["Location"]) == (302, workspace.get_absolute_url())
    assert client.session["_auth_user_id"] == str(person.pk)

    challenge = base64.urlsafe_b64encode(hashlib.sha256(provider.asked["code_verifier"].encode()).digest())
    assert asked["code_challenge"] == challenge.decode().rstrip("=")
    assert asked["code_challenge_method"] == "S256"
    assert provider.asked["redirect_uri"] == asked["redirect_uri"] == f"http://testserver{CALLBACK}"
    name, _, secret = base64.b64decode(provider.authorization.split()[1]).decode().partition(":")
    assert (name, secret) == (CLIENT_ID, "made-up%3A%20a%20secret%20%2F%20with%20%26%20signs")
    assert CLIENT_SECRET not in str(asked)

    tie = SocialAccount.objects.get()
    assert (tie.user, tie.provider, tie.extra_data["subject"]) == (person, "oidc", "subject-1")
    events = AuditEvent.objects.in_workspace(workspace).filter(target_id=str(person.pk))
    assert list(events.order_by("id").values_list("action", flat=True)) == ["identity.linked", "session.started"]
    began = AuditDetail.objects.get(event_id=events.get(action="session.started").pk)
    assert began.fields["data.provider"] == "oidc"
    [message] = mail.outbox
    assert (message.to, "Okta opens your account" in message.body) == ([person.email], True)


@pytest.mark.asvs("6.8.1", "10.3.3", "10.5.2")
@pytest.mark.django_db
def test_the_identity_counts_from_then_on_and_not_the_address(provider, person, workspace, admin):
    sign_in(provider)
    _, client = sign_in(provider, email=admin.email)  # the company renamed them to an address of somebody else's here
    assert client.session["_auth_user_id"] == str(person.pk)
    assert SocialAccount.objects.count() == 1


FORGERIES = {
    "other_key": {"key": FOREIGN_KEY},
    "unknown_key": {"kid": "nobody's"},
    "other_audience": {"aud": "somebody-else"},
    "other_party": {"azp": "somebody-else"},
    "other_issuer": {"iss": "https://evil.example"},
    "expired": {"exp": int(time.time()) - 120},
    "old_token": {"iat": int(time.time()) - 3600},
    "not_yet": {"iat": int(time.time()) + 86_400},
    "other_nonce": {"nonce": "of-another-sign-in"},
}
THIN = ["exp", "iat", "sub", "aud", "iss"]


@pytest.mark.asvs("9.2.1", "9.2.3", "10.5.1", "10.5.4")
@pytest.mark.django_db
@pytest.mark.parametrize(("reason", "change"), FORGERIES.items(), ids=FORGERIES)
def test_a_forged_token_opens_nothing(provider, person, reasons, reason, change):
    client = Client()
    asked = begin(client)
    claims = {name: value for name, value in change.items() if name not in {"key", "kid"}}
    how = {name: value for name, value in change.items() if name in {"key", "kid"}}
    provider.sign(provider.claims(asked["nonce"], **claims), **how)
    response = come_back(client, provider, asked)
    assert (response.status_code, reasons) == (403, [reason])
    assert "cannot be trusted" in response.content.decode()
    assert "To the sign-in page" in response.content.decode()
    assert (is_signed_in(client), SocialAccount.objects.exists()) == (False, False)


@pytest.mark.django_db
@pytest.mark.parametrize("left_out", [*THIN, "nonce"])
def test_a_token_that_says_too_little_opens_nothing(provider, person, reasons, left_out):
    response, client = sign_in(provider, **{left_out: None})
    assert (response.status_code, is_signed_in(client)) == (403, False)
    assert reasons == ["other_nonce" if left_out == "nonce" else "thin_token"]


@pytest.mark.django_db
def test_a_time_in_quotes_is_held_to_the_same(provider, person, reasons):
    """PyJWT takes the number out of a text as well."""
    now = int(time.time())
    assert sign_in(provider, iat=str(now - 3600))[0].status_code == 403
    assert reasons == ["old_token"]
    assert is_signed_in(sign_in(provider, iat=str(now))[1])


@pytest.mark.asvs("9.2.3")
@pytest.mark.django_db
def test_two_audiences_need_the_party_that_asked(provider, person, reasons):
    both = [CLIENT_ID, "somebody-else"]
    assert not is_signed_in(sign_in(provider, aud=both)[1])
    assert is_signed_in(sign_in(provider, aud=both, azp=CLIENT_ID)[1])
    assert reasons == ["other_party"]


def unsigned(claims: dict) -> str:
    return ".".join([_part({"alg": "none", "kid": "own"}), _part(claims), ""])


def by_secret(claims: dict) -> str:
    """Signed with the client's secret, which a thief of the configuration would have."""
    text = f"{_part({'alg': 'HS256', 'kid': 'own'})}.{_part(claims)}"
    digest = hmac.new(CLIENT_SECRET.encode(), text.encode(), "sha256").digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def no_token(claims: dict) -> str:
    return ""


def _part(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.asvs("6.8.2", "9.1.1", "9.1.2")
@pytest.mark.django_db
@pytest.mark.parametrize("make", [unsigned, by_secret, no_token])
def test_a_token_without_the_provider_s_signature_opens_nothing(provider, person, reasons, make):
    client = Client()
    asked = begin(client)
    provider.token = make(provider.claims(asked["nonce"]))
    response = come_back(client, provider, asked)
    assert (response.status_code, reasons, is_signed_in(client)) == (403, ["bad_token"], False)


@pytest.mark.asvs("9.1.3")
@pytest.mark.django_db
@pytest.mark.parametrize("kid", ["own", "forged", None])
def test_a_token_does_not_bring_the_key_that_checks_it(provider, person, reasons, kid):
    """Neither in its header, nor at an address that its header names, which would be asked for it."""
    own = jwt.algorithms.RSAAlgorithm.to_jwk(FOREIGN_KEY.public_key(), as_dict=True) | {"kid": kid or "forged"}
    provider.replies["/forged"] = (200, {}, json.dumps({"keys": [own]}).encode())
    client = Client()
    asked = begin(client)
    header = {"jwk": own, "jku": f"{provider.issuer}/forged", "x5u": f"{provider.issuer}/forged"}
    header |= {"kid": kid} if kid else {}
    provider.token = jwt.encode(provider.claims(asked["nonce"]), FOREIGN_KEY, algorithm="RS256", headers=header)
    response = come_back(client, provider, asked)
    assert (response.status_code, len(reasons), is_signed_in(client)) == (403, 1, False)


@pytest.mark.asvs("10.2.2")
@pytest.mark.django_db
@pytest.mark.parametrize("issuer", ["https://evil.example", None])
def test_an_answer_of_another_issuer_is_refused_before_its_code_is_used(provider, person, reasons, issuer):
    """RFC 9207: the provider promises to name itself, so an answer without a name is not its own either."""
    client = Client()
    asked = begin(client)
    response = come_back(client, provider, asked, iss=issuer)
    assert (response.status_code, reasons, provider.asked) == (403, ["mixed_up"], {})


@pytest.mark.asvs("10.1.2", "10.2.1")
@pytest.mark.django_db
def test_an_answer_counts_once_and_only_in_the_browser_that_asked(provider, person, reasons):
    client = Client()
    asked = begin(client)
    provider.sign(provider.claims(asked["nonce"]))
    for thief in (Client(), client):
        response = come_back(thief, provider, asked, state="made-up")
        assert "not begun in this browser" in response.content.decode()
    other = Client()
    begin(other)
    assert come_back(other, provider, asked).status_code == 403
    assert come_back(client, provider, asked).status_code == 302
    assert come_back(client, provider, asked).status_code == 403
    assert reasons == ["unknown_state"] * 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "reason", "sentence"),
    [
        ({"error": "access_denied"}, "denied", "Okta did not let you in, or you stopped there."),
        ({"error": "server_error", "error_description": "<b>x</b>"}, "provider_error", "Okta could not sign you in."),
        ({"code": None}, "provider_error", "Okta could not sign you in."),
    ],
)
def test_a_refusal_of_the_provider_is_a_sentence(provider, reasons, changes, reason, sentence):
    client = Client()
    response = come_back(client, provider, begin(client), **changes)
    assert (response.status_code, reasons) == (403, [reason])
    assert sentence in response.content.decode()
    assert "<b>x" not in response.content.decode()


@pytest.mark.django_db
def test_a_thin_token_is_completed_by_userinfo_of_the_same_person(provider, person, reasons):
    provider.userinfo = {"sub": "subject-1", "email": person.email, "email_verified": True}
    assert is_signed_in(sign_in(provider, email=None, email_verified=None)[1])
    provider.userinfo = {"sub": "subject-2", "email": person.email, "email_verified": True}
    assert not is_signed_in(sign_in(provider, email=None, email_verified=None)[1])
    assert reasons == ["other_subject"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "reply",
    [
        (302, {"Location": "http://127.0.0.1:1/"}, b"{}"),
        (500, {}, b"{}"),
        (200, {}, b"<html>"),
        (200, {}, b"[" * 100_000),
        (200, {}, b'"' + b"x" * 300_000 + b'"'),
    ],
    ids=["redirect", "500", "html", "deep", "large"],
)
def test_a_provider_that_does_not_play_along_is_told_in_a_sentence(provider, reasons, reply):
    client = Client()
    asked = begin(client)
    provider.replies["/token"] = reply
    response = come_back(client, provider, asked)
    assert (response.status_code, len(reasons)) == (502, 1)
    assert "Okta does not answer as it should" in response.content.decode()


@pytest.mark.django_db
def test_a_code_that_the_provider_refuses_is_told_so(provider, reasons):
    client = Client()
    asked = begin(client)
    provider.replies["/token"] = (400, {}, b'{"error": "invalid_grant"}')
    assert (come_back(client, provider, asked).status_code, reasons) == (403, ["code_refused"])


@pytest.mark.asvs("10.5.3")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"issuer": "https://evil.example"}, "other_issuer"),
        ({"token_endpoint": "http://evil.example/"}, "bad_endpoint"),
    ],
)
def test_a_description_that_is_not_the_provider_s_is_refused(provider, settings, reasons, change, reason):
    path = "/.well-known/openid-configuration"
    description = json.loads(provider.answer(path)[2]) | change
    provider.replies[f"/{reason}{path}"] = (200, {}, json.dumps(description).encode())
    [one] = settings.GALAXY_SSO
    issuer = f"{provider.issuer}/{reason}"
    if reason != "other_issuer":
        description["issuer"] = issuer
        provider.replies[f"/{reason}{path}"] = (200, {}, json.dumps(description).encode())
    settings.GALAXY_SSO = (OidcProvider(one.name, one.domains, False, issuer, one.client_id, one.client_secret),)
    assert (Client().post(BEGIN).status_code, reasons) == (502, [reason])


@pytest.mark.asvs("7.6.2")
@pytest.mark.django_db
def test_beginning_is_a_post_from_a_page_of_ours(provider):
    assert Client().get(BEGIN).status_code == 405
    assert Client(enforce_csrf_checks=True).post(BEGIN).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_sent_elsewhere_afterwards(provider, person, target):
    client = Client()
    asked = begin(client, next=target)
    provider.sign(provider.claims(asked["nonce"]))
    assert come_back(client, provider, asked)["Location"] == "/"


@pytest.mark.django_db
def test_the_button_and_the_policy_name_the_provider_and_nobody_else(provider, settings):
    response = Client().get(reverse("account_login"))
    assert "Continue with Okta" in response.content.decode()
    origin = provider.issuer.removesuffix(provider.base)
    assert f"form-action 'self' {origin};" in f"{response['Content-Security-Policy']};"
    assert "form-action 'self';" in f"{Client().get('/help/')['Content-Security-Policy']};"
    settings.GALAXY_SSO_REDIRECT_ORIGINS = ("https://adfs.example",)
    policy = Client().get(reverse("account_login"))["Content-Security-Policy"]
    assert f"form-action 'self' {origin} https://adfs.example;" in f"{policy};"
