"""An operator, who runs Galaxy and owns a workspace: sees what works and what is missing, follows an issue to its
cause, lets calls through again, looks at updates and quarantine, and ends a session left open elsewhere."""

import re

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from playwright.sync_api import expect

from tests.browser.journeys.acts import LOGIN, sign_in, sign_out
from tests.browser.test_resilience import troubled  # noqa: F401  (a fixture)
from tests.factories import PASSWORD


@pytest.fixture
def operator(owner, settings):
    """(person, secret of their second factor), signed in elsewhere too."""
    settings.ACCOUNT_RATE_LIMITS = False
    owner.is_staff = True
    owner.save()
    elsewhere = Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    elsewhere.post(LOGIN, {"login": owner.email, "password": PASSWORD})
    secret = generate_totp_secret()
    TOTP.activate(owner, secret)
    return owner, secret


def test_from_what_is_broken_to_a_session_that_is_ended(begin, operator, troubled):  # noqa: F811  (the fixture)
    person, secret = operator
    hand = begin(LOGIN)
    sign_in(hand, person, secret)
    look_at_the_system(hand)
    follow_an_issue(hand)
    look_round(hand)
    end_other_sessions(hand)
    sign_out(hand)


def look_at_the_system(hand):
    """The doctor's page, and back into the workspace by its name."""
    page = hand.page
    hand.press(page.get_by_role("button", name="Your menu"))
    hand.press(page.get_by_role("link", name="System", exact=True))
    expect(page.get_by_role("heading", name="System", level=1)).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("manage.py doctor")
    hand.press(page.get_by_role("link", name=re.compile("Meridian")).first)


def follow_an_issue(hand):
    """From the issue to the connection, to the budget that is spent, and to the breaker, which is closed by hand, and
    the issue with it."""
    page = hand.page
    main = page.get_by_role("main")
    hand.go("Issues")
    hand.press(main.get_by_role("link", name="Calls are held back"))
    expect(main).to_contain_text("10 of the last 10 calls failed")
    hand.press(main.get_by_role("link", name="Open the connection"))
    expect(page.locator("#limits")).to_contain_text("4,997 of 5,000 left")
    hand.press(page.locator("#limits").get_by_role("link", name="Reset… look_up"))
    hand.fill(page.get_by_label("Why"), "Their move is over.")
    hand.press(page.get_by_role("button", name="Let calls through"))
    expect(page.locator("#limits li").filter(has_text="look_up").first).to_contain_text("Calls go through.")
    hand.go("Issues")
    expect(main.get_by_role("link", name="Health checks fail")).to_be_visible()
    expect(main.get_by_role("link", name="Calls are held back")).to_have_count(0)


def look_round(hand):
    page = hand.page
    for name in ("Updates", "Quarantine", "Installed", "Settings"):
        hand.go(name)
        expect(page.get_by_role("main")).to_be_visible()


def end_other_sessions(hand):
    page = hand.page
    hand.press(page.get_by_role("button", name="Your menu"))
    hand.press(page.get_by_role("link", name="Sessions", exact=True))
    expect(page.get_by_role("region", name="Your sessions")).to_contain_text("Firefox on Linux")
    hand.press(page.get_by_role("button", name="End all others"))
    expect(page.get_by_text("The other session is over.")).to_be_visible()
    expect(page.get_by_role("region", name="Your sessions")).not_to_contain_text("Firefox on Linux")
