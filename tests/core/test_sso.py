"""Single sign-on beside the protocols: whose account an identity opens, second factors, settings, and what is told."""

import re
import uuid
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.management import CommandError, call_command
from django.test import Client

from galaxy.core.accounts import create_account
from galaxy.core.members.invitations import invite
from galaxy.core.models import AuditEvent, RoleGroup, User, Workspace
from galaxy.core.ops.sso import single_sign_on
from galaxy.core.sso import configuration
from galaxy.core.sso.admission import admit
from galaxy.core.sso.configuration import OidcProvider, SamlProvider, providers_from_environment
from galaxy.core.sso.identity import Identity, SignInRefused
from galaxy.env import SettingError
from tests.factories import make_user
from tests.peers.forger import CLIENT_ID, CLIENT_SECRET, forger

ROOT = Path(__file__).resolve().parents[2]
ISSUER = "https://login.example.test"
PROVIDER = OidcProvider("Okta", frozenset({"example.test"}), False, ISSUER, CLIENT_ID, CLIENT_SECRET)
ROUTES = ["oidc/sign-in", "oidc/callback", "saml/sign-in", "saml/acs", "saml/finish", "saml/metadata"]


def identity(email: str, **changes) -> Identity:
    return replace(Identity("oidc", ISSUER, "subject-1", email, email_verified=True, name="Nell New"), **changes)


def refusal(*args, **kwargs) -> str:
    before = User.objects.count()
    with pytest.raises(SignInRefused) as caught:
        admit(*args, **kwargs)
    assert caught.value.next_step
    assert (SocialAccount.objects.exists(), User.objects.count()) == (False, before)
    return caught.value.reason


# --- Whose account ---------------------------------------------------------------------------------------------


def test_an_address_that_is_not_vouched_for_takes_over_nothing(member):
    assert refusal(PROVIDER, identity(member.email, email_verified=False)) == "unverified_address"
    assert refusal(PROVIDER, identity(member.email, email_verified=None)) == "unverified_address"
    assert refusal(replace(PROVIDER, domains=frozenset({"other.test"})), identity(member.email)) == "foreign_domain"
    assert refusal(PROVIDER, identity("")) == "no_address"


@pytest.mark.asvs("6.8.1")
def test_who_has_the_same_number_at_another_provider_is_somebody_else(member, admin):
    """Providers number their people as they like; one that took over another's numbers would take over its people."""
    other = replace(PROVIDER, name="Entra", issuer="https://other.example.test")
    assert admit(PROVIDER, identity(member.email)).user == member
    assert admit(other, identity(admin.email, issuer=other.issuer)).user == admin
    assert admit(PROVIDER, identity(member.email)).user == member


@pytest.mark.parametrize("address", ["x@example.test.evil.test", "x@sub.example.test", "x@evil-example.test"])
def test_a_domain_is_that_domain_and_no_other(db, address):
    assert refusal(PROVIDER, identity(address)) == "foreign_domain"


@pytest.mark.parametrize(
    "address", ["mıke@example.test", "mi\u212ae@example.test", "a b@example.test", "@example.test"]
)
def test_an_address_that_only_looks_like_one_of_ours_is_nobody_s(db, address):
    make_user(email="mike@example.test")
    make_user(email="mike.mike@example.test")
    assert refusal(PROVIDER, identity(address)) == "strange_address"


def test_a_directory_that_is_trusted_need_not_say_confirmed_but_may_say_the_opposite(member):
    trusted = replace(PROVIDER, trusts_email=True)
    assert refusal(trusted, identity(member.email, email_verified=False)) == "unverified_address"
    assert admit(trusted, identity(member.email, email_verified=None)).user == member


def test_an_address_that_galaxy_has_not_confirmed_is_no_way_in(member, admin):
    EmailAddress.objects.create(user=member, email="victim@example.test", verified=False)
    assert refusal(PROVIDER, identity("victim@example.test")) == "not_invited"
    EmailAddress.objects.filter(user=admin).update(verified=False)
    assert refusal(PROVIDER, identity(admin.email)) == "unconfirmed_account"


def test_a_further_address_that_is_confirmed_opens_its_account(member):
    EmailAddress.objects.create(user=member, email="second@example.test", verified=True)
    assert admit(PROVIDER, identity("Second@Example.test")).user == member


@pytest.mark.parametrize(
    ("account", "vouched_for"),
    [
        ("mike@example.test", "m\u0131ke@example.test"),  # a dotless i, an i to PostgreSQL's upper()
        ("mike@example.test", "mi\u212ae@example.test"),  # the Kelvin sign, a k to Python's lower()
        ("m\u0131ke@example.test", "mike@example.test"),
    ],
)
def test_a_mailbox_spelt_alike_is_somebody_elses(db, account, vouched_for):
    create_account(account, name="Mike")
    assert refusal(PROVIDER, identity(vouched_for))


def test_an_address_given_to_somebody_else_does_not_open_the_account_of_whoever_had_it(member, workspace):
    admit(PROVIDER, identity(member.email))
    with pytest.raises(SignInRefused) as caught:
        admit(PROVIDER, identity(member.email, subject="subject-2"))
    assert caught.value.reason == "another_identity"
    with pytest.raises(SignInRefused):  # the same subject of another issuer is somebody else
        admit(PROVIDER, identity(member.email, issuer="https://other.example.test"))

    out = StringIO()
    call_command("sso_release", member.email, stdout=out)
    assert "untied from 1 identities" in out.getvalue()
    assert AuditEvent.objects.in_workspace(workspace).filter(action="identity.unlinked").count() == 1
    assert admit(PROVIDER, identity(member.email, subject="subject-2")).user == member
    with pytest.raises(CommandError, match="No account"):
        call_command("sso_release", "nobody@example.test")


def test_a_stranger_needs_an_invitation_or_a_domain_that_is_let_in(db, settings):
    assert refusal(PROVIDER, identity("nell@example.test")) == "not_invited"
    settings.GALAXY_SSO_SIGNUP_DOMAINS = frozenset({"other.test"})
    assert refusal(PROVIDER, identity("nell@example.test")) == "not_invited"
    settings.GALAXY_SSO_SIGNUP_DOMAINS = frozenset({"example.test"})
    user = admit(PROVIDER, identity("nell@example.test")).user
    assert (user.name, user.has_usable_password(), user.memberships.count()) == ("Nell New", False, 0)
    assert EmailAddress.objects.get(user=user).verified


def test_an_invitation_lets_in_its_own_address_and_joins_nobody_by_itself(admin, workspace):
    role = RoleGroup.objects.get(role="creator")
    _, token = invite(workspace, address="nell@example.test", role=role, actor=admin)
    path = f"/invitations/{token}/"
    assert refusal(PROVIDER, identity("other@example.test"), on_the_way_to=path) == "not_invited"
    assert refusal(PROVIDER, identity("nell@example.test"), on_the_way_to="/invitations/made-up/") == "not_invited"
    user = admit(PROVIDER, identity("nell@example.test"), on_the_way_to=path).user
    assert (user.email, user.memberships.count()) == ("nell@example.test", 0)


def test_an_invitation_of_a_mailbox_spelt_alike_lets_nobody_in(admin, workspace):
    _, token = invite(
        workspace, address="mi\u212ae@example.test", role=RoleGroup.objects.get(role="creator"), actor=admin
    )
    assert refusal(PROVIDER, identity("mike@example.test"), on_the_way_to=f"/invitations/{token}/") == "not_invited"


# --- From the door on ------------------------------------------------------------------------------------------


@pytest.fixture
def provider(settings):
    settings.ACCOUNT_RATE_LIMITS = False
    with forger() as running:
        settings.GALAXY_SSO = (replace(PROVIDER, issuer=running.issuer),)
        yield running


def sign_in(provider, email: str, client: Client | None = None, **form) -> tuple[Client, str]:
    """Through the doors; returns the client and where it was sent in the end."""
    client = client or Client()
    query = dict(part.split("=", 1) for part in client.post("/account/sso/oidc/sign-in/", form)["Location"].split("&"))
    provider.sign(provider.claims(query["nonce"], email=email))
    callback = {"code": "code-1", "state": query["state"], "iss": provider.issuer}
    return client, client.get("/account/sso/oidc/callback/", callback)["Location"]


def test_an_invitation_is_accepted_by_way_of_the_provider(provider, admin, workspace):
    role = RoleGroup.objects.get(role="creator")
    _, token = invite(workspace, address="nell@example.test", role=role, actor=admin)
    path = f"/invitations/{token}/"
    page = Client().get(path)
    assert "Continue with Okta" in page.content.decode()
    assert "form-action 'self' http://127.0.0.1:" in page["Content-Security-Policy"]
    client, location = sign_in(provider, "nell@example.test", next=path)
    assert location == path
    assert client.post(path)["Location"] == workspace.get_absolute_url()


@pytest.mark.asvs("6.3.4")
def test_whoever_has_a_second_factor_is_asked_for_it_after_the_provider_too(provider, member):
    Authenticator.objects.create(user=member, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client, location = sign_in(provider, member.email)
    assert location.startswith("/account/second-factor/")
    assert "_auth_user_id" not in client.session


@pytest.mark.asvs("6.8.4")
@pytest.mark.parametrize(("counts", "status"), [(False, 302), (True, 200)])
def test_whether_the_provider_counts_as_a_second_factor_is_a_setting(
    provider, settings, member, workspace, client_of, counts, status
):
    settings.GALAXY_SSO_COUNTS_AS_SECOND_FACTOR = counts
    Workspace.objects.filter(pk=workspace.pk).update(requires_second_factor=True)
    client, _ = sign_in(provider, member.email)
    assert client.get(workspace.get_absolute_url()).status_code == status
    assert client_of(member).get(workspace.get_absolute_url()).status_code == 302  # by password it never counts


def test_the_session_has_a_new_key_afterwards(provider, member):
    client = Client()
    client.post("/account/sso/oidc/sign-in/")
    before = client.session.session_key
    client, _ = sign_in(provider, member.email, client=client)
    assert before and client.session.session_key != before


def test_whoever_begins_too_often_waits(provider, settings, db):
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    client = Client(REMOTE_ADDR=f"2001:db8::{uuid.uuid4().hex[:4]}")
    assert [client.post("/account/sso/oidc/sign-in/").status_code for _ in range(2)] == [302, 429]


@pytest.mark.asvs("7.4.2")
def test_a_closed_account_stays_closed(provider, member):
    User.objects.filter(pk=member.pk).update(is_active=False)
    client, location = sign_in(provider, member.email)
    assert (location, "_auth_user_id" in client.session) == ("/account/inactive/", False)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_without_a_provider_there_is_no_door(db, settings, route, method):
    assert Client().generic(method, f"/account/sso/{route}/").status_code == 404
    assert "Continue with" not in Client().get("/account/login/").content.decode()
    other = "saml" if route.startswith("oidc") else "oidc"
    settings.GALAXY_SSO = (PROVIDER,) if other == "oidc" else (replace_saml(),)
    assert Client().generic(method, f"/account/sso/{route}/").status_code == 404


def replace_saml(**changes) -> SamlProvider:
    saml = SamlProvider("Entra", PROVIDER.domains, False, ISSUER, f"{ISSUER}/saml", ("no PEM",), "", "")
    return replace(saml, **changes)


# --- Settings and what operators are told ----------------------------------------------------------------------

OIDC = {
    "GALAXY_OIDC_ISSUER": ISSUER,
    "GALAXY_OIDC_CLIENT_ID": "galaxy",
    "GALAXY_OIDC_CLIENT_SECRET": "secret",
    "GALAXY_OIDC_DOMAINS": "example.test, @Second.Test",
}
SAML = {
    "GALAXY_SAML_ENTITY_ID": "urn:idp",
    "GALAXY_SAML_SSO_URL": f"{ISSUER}/saml",
    "GALAXY_SAML_CERTIFICATE": "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n" * 2,
    "GALAXY_SAML_DOMAINS": "example.test",
}


@pytest.fixture
def environ(monkeypatch):
    for name in [*OIDC, *SAML]:
        monkeypatch.delenv(name, raising=False)

    def put(values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


def test_the_environment_names_the_providers(environ, tmp_path):
    assert providers_from_environment(hardened=True) == ()
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    environ(OIDC | SAML | {"GALAXY_OIDC_CLIENT_SECRET": "", "GALAXY_OIDC_CLIENT_SECRET_FILE": str(secret)})
    oidc, saml = providers_from_environment(hardened=True)
    assert (oidc.client_secret, oidc.domains) == ("from a file", {"example.test", "second.test"})
    assert (len(saml.certificates), oidc.trusts_email, saml.trusts_email) == (2, False, False)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"GALAXY_OIDC_ISSUER": ISSUER}, "GALAXY_OIDC_CLIENT_ID, GALAXY_OIDC_CLIENT_SECRET, GALAXY_OIDC_DOMAINS must"),
        (OIDC | {"GALAXY_OIDC_ISSUER": "http://login.example.test"}, "https"),
        (OIDC | {"GALAXY_OIDC_ISSUER": "http://localhost:1"}, "https"),  # in production
        (OIDC | {"GALAXY_OIDC_DOMAINS": "*"}, "domains such as"),
        (SAML | {"GALAXY_SAML_CERTIFICATE": "AA"}, "holds no certificate"),
        (SAML | {"GALAXY_SAML_SSO_URL": "https://user:password@idp.example.test/"}, "without a password"),
    ],
)
def test_half_a_provider_is_refused_in_a_sentence(environ, values, words):
    environ(values)
    with pytest.raises(SettingError, match=words):
        providers_from_environment(hardened=True)


def test_every_setting_is_documented():
    code = Path(configuration.__file__).read_text(encoding="utf-8")
    names = set(re.findall(r'"(GALAXY_(?:OIDC|SAML)_\w+)"', code))
    names |= set(re.findall(r"GALAXY_SSO_\w+", (ROOT / "galaxy" / "settings.py").read_text(encoding="utf-8")))
    told = (ROOT / "docs" / "single-sign-on.md").read_text(encoding="utf-8")
    assert len(names) > 15
    assert {name for name in names if f"`{name}`" not in told} == set()


def test_operators_are_told_what_is_set_up_and_what_is_wrong(settings, running_certificate):
    assert [one.sentence for one in single_sign_on()] == [
        "No provider is set up: people sign in by password or passkey."
    ]
    with forger() as running:
        settings.GALAXY_SSO = (replace(PROVIDER, issuer=running.issuer), replace_saml(certificates=running_certificate))
        oidc, saml = single_sign_on()
        assert (oidc.state, saml.state) == ("good", "good")
        assert oidc.sentence == "Okta may vouch for the addresses of one domain, if it says so."
        settings.GALAXY_SSO = (replace(PROVIDER, issuer=f"{running.issuer}/"), replace_saml())
        oidc, saml = single_sign_on()
        assert (oidc.state, "other_issuer" in oidc.sentence) == ("bad", True)
        assert (saml.state, "cannot be read" in saml.sentence) == ("bad", True)
        elsewhere = f'{{"issuer": "{running.issuer}", "authorization_endpoint": "https://other.example/a"'
        elsewhere += f', "token_endpoint": "{running.issuer}/t", "jwks_uri": "{running.issuer}/k"}}'
        running.replies["/.well-known/openid-configuration"] = (200, {}, elsewhere.encode())
        settings.GALAXY_SSO = (replace(PROVIDER, issuer=running.issuer),)
        [oidc] = single_sign_on()
        assert (oidc.state, "GALAXY_SSO_REDIRECT_ORIGINS" in oidc.remedy) == ("bad", True)
        settings.GALAXY_SSO_REDIRECT_ORIGINS = ("https://other.example",)
        assert [one.state for one in single_sign_on()] == ["good"]


@pytest.fixture(scope="module")
def running_certificate(tmp_path_factory):
    from tests.peers.saml import SamlPeer

    return (SamlPeer(tmp_path_factory.mktemp("idp")).certificate,)
