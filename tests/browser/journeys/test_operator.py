"""An operator, who runs Galaxy and owns a workspace: sees what works and what is missing, follows an issue to its
cause, lets calls through again, looks at updates and quarantine, and ends a session left open elsewhere."""

import re

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from tests.browser.journeys.acts import LOGIN, sign_in, sign_out
from tests.browser.test_resilience import troubled  # noqa: F401  (a fixture)

pytestmark = pytest.mark.skip(reason="is being written: it does not run to its end yet")


@pytest.fixture
def operator(owner, client_of, settings):
    """(person, secret of their second factor), signed in elsewhere too."""
    settings.ACCOUNT_RATE_LIMITS = False
    owner.is_staff = True
    owner.save()
    secret = generate_totp_secret()
    TOTP.activate(owner, secret)
    client_of(owner).get("/w/")
    return owner, secret


def test_from_what_is_broken_to_a_session_that_is_ended(begin, operator, troubled):  # noqa: F811  (the fixture)
    person, secret = operator
    hand = begin(LOGIN)
    sign_in(hand, person, secret)
    look_at_the_system(hand)
    follow_an_issue(hand)
    look_round(hand)
    end_other_sessions(hand)
    assert Session.objects.count() == 1
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
    """From the issue to the connection, to the budget that is spent, and to the breaker, which is closed by hand."""
    page = hand.page
    main = page.get_by_role("main")
    hand.go("Issues")
    hand.press(main.get_by_role("link", name=re.compile("create", re.IGNORECASE)).first)
    hand.press(main.get_by_role("link", name="Open the connection"))
    expect(page.locator("#limits")).to_contain_text("0 of 3 left")
    row = page.locator("#limits li").filter(has_text="create").first
    hand.press(row.get_by_role("link", name="Reset…"))
    hand.fill(page.get_by_label("Why"), "The move is over.")
    hand.press(page.get_by_role("button", name="Let calls through"))
    expect(page.locator("#limits li").filter(has_text="create").first).to_contain_text("Calls go through.")


def look_round(hand):
    page = hand.page
    for name in ("Updates", "Quarantine", "Installed", "Settings"):
        hand.go(name)
        expect(page.get_by_role("main")).to_be_visible()


def end_other_sessions(hand):
    page = hand.page
    hand.press(page.get_by_role("button", name="Your menu"))
    hand.press(page.get_by_role("link", name="Sessions", exact=True))
    hand.press(page.get_by_role("button", name="End all others"))
    expect(page.get_by_role("button", name="End all others")).to_have_count(0)
