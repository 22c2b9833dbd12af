"""Signing in at a real provider, in a browser, and back: oidc-provider for OpenID Connect, pysaml2 for SAML."""

import shutil

import pytest
from playwright.sync_api import expect

from galaxy.core.models import Membership, User
from galaxy.core.sso.configuration import OidcProvider, SamlProvider
from tests.browser.axe import SMALL, faults
from tests.peers.node import oidc_provider
from tests.peers.saml import ENTITY_ID, serving

EMAIL = "nell@example.test"
CLIENT = {"clientId": "galaxy-console", "clientSecret": "made-up secret, with & and %"}


@pytest.fixture(scope="module")
def issuer(live_server):
    claims = {"sub": "employee-1", "email": EMAIL, "email_verified": True, "name": "Nell New"}
    callback = f"{live_server.url}/account/sso/oidc/callback/"
    with oidc_provider(**CLIENT, redirectUri=callback, claims=claims) as found:
        yield found


@pytest.fixture(scope="module")
def saml_peer(tmp_path_factory):
    assert shutil.which("xmlsec1"), "pysaml2 signs by xmlsec1: install the package of that name."
    with serving(tmp_path_factory.mktemp("idp"), attributes={"mail": EMAIL, "displayName": "Nell New"}) as found:
        yield found


@pytest.fixture
def oidc(issuer):
    return OidcProvider("Okta", frozenset({"example.test"}), False, issuer, CLIENT["clientId"], CLIENT["clientSecret"])


@pytest.fixture
def saml(saml_peer):
    return SamlProvider(
        "Entra", frozenset({"example.test"}), True, ENTITY_ID, saml_peer.sso_url, (saml_peer.certificate,), "", ""
    )


def test_openid_connect_from_the_button_to_the_workspace_and_again(visit, cast, settings, oidc):
    settings.GALAXY_SSO = (oidc,)
    User.objects.filter(pk=cast["member"].pk).update(email=EMAIL)
    cast["member"].emailaddress_set.update(email=EMAIL)
    workspace = cast["meridian"].get_absolute_url()
    for _ in range(2):  # the second time the tie is there already
        tab = visit(workspace)
        tab.page.get_by_role("button", name="Continue with Okta").click()
        tab.page.get_by_role("button", name="Sign in at the IdP").click()
        tab.page.get_by_role("heading", level=1).wait_for()
        assert tab.page.url.endswith(workspace)
        assert tab.complaints == []


def test_saml_from_the_button_to_the_workspace(visit, cast, settings, saml, saml_peer):
    settings.GALAXY_SSO = (saml,)
    User.objects.filter(pk=cast["member"].pk).update(email=EMAIL)
    cast["member"].emailaddress_set.update(email=EMAIL)
    saml_peer.consumer = visit("/account/login/").page.request.get("/account/sso/saml/metadata/").text()
    workspace = cast["meridian"].get_absolute_url()
    tab = visit(workspace)
    tab.page.get_by_role("button", name="Continue with Entra").click()
    tab.page.get_by_role("button", name="Sign in at the IdP").click()
    tab.page.get_by_role("button", name="Go on").click()
    tab.page.get_by_role("heading", level=1).wait_for()
    assert tab.page.url.endswith(workspace)
    assert tab.complaints == []


def test_a_stranger_is_told_what_to_do_and_is_nobody_after(visit, cast, settings, oidc):
    settings.GALAXY_SSO = (oidc,)
    tab = visit("/account/login/", script=False).expect("status of 403")
    tab.page.get_by_role("button", name="Continue with Okta").click()
    tab.page.get_by_role("button", name="Sign in at the IdP").click()
    expect(tab.page.get_by_role("main")).to_contain_text("nobody has invited it")
    tab.page.get_by_role("link", name="To the sign-in page").click()
    tab.page.get_by_role("heading", name="Sign in to Galaxy").wait_for()
    assert not Membership.objects.filter(user__email=EMAIL).exists()
    assert not User.objects.filter(email=EMAIL).exists()


def test_the_pages_hold_axe_and_fit_a_phone(visit, cast, settings, oidc, saml):
    settings.GALAXY_SSO = (oidc, saml)
    for path, status in (("/account/login/", 200), ("/account/sso/oidc/callback/", 403)):
        tab = visit(path, for_axe=True, status=status)
        assert faults(tab, ("light", 320), SMALL) == [], path
