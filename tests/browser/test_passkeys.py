"""A passkey in a real browser, with Chromium's virtual authenticator: adding it, and signing in with it alone.

The live server's name is localhost, for which browsers allow passkeys without TLS.
"""

import pytest
from allauth.mfa.models import Authenticator

from tests.factories import PASSWORD

SETTINGS, LOGIN = "/account/second-factor/", "/account/login/"
# https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/#type-VirtualAuthenticatorOptions
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(autouse=True)
def unhurried(settings):
    settings.ACCOUNT_RATE_LIMITS = False


def plug_in(page):
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    return devtools, devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]


def add_passkey(page):
    page.goto(SETTINGS)
    page.get_by_role("link", name="Add a passkey…").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("Work laptop")
    page.get_by_label("Sign in with it alone").check()
    page.get_by_role("button", name="Add it").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()


def test_a_passkey_is_added_and_then_signs_in_alone(visit, member, workspace):
    tab = visit(SETTINGS, member)
    page = tab.page
    plug_in(page)
    add_passkey(page)
    key = Authenticator.objects.get(user=member, type="webauthn")
    assert (str(key), key.wrap().is_passwordless) == ("Work laptop", True)

    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(LOGIN)
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Your menu").wait_for()
    assert workspace.get_absolute_url() in page.url
    # Requests that a new page cuts short, as for the icon, are no complaint; a word on the console is.
    assert [one for one in tab.complaints if not one.startswith("failed ")] == []


def test_it_is_the_second_factor_of_the_password_too(visit, member, workspace):
    page = visit(SETTINGS, member).page
    plug_in(page)
    add_passkey(page)
    page.context.clear_cookies()
    page.goto(LOGIN)
    page.get_by_label("E-mail").fill(member.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="One more thing").wait_for()
    page.get_by_role("button", name="Use your passkey").click()
    page.get_by_role("button", name="Your menu").wait_for()
    assert workspace.get_absolute_url() in page.url


def test_a_browser_without_the_passkey_is_told_and_stays_outside(visit, member, workspace):
    page = visit(SETTINGS, member).page
    devtools, device = plug_in(page)
    add_passkey(page)
    devtools.send("WebAuthn.clearCredentials", {"authenticatorId": device})
    page.context.clear_cookies()
    page.goto(LOGIN)
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("alert").filter(has_text="Nothing was read from a passkey").wait_for()
    assert LOGIN in page.url
