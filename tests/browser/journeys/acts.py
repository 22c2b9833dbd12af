"""What several journeys have in common."""

import re

from playwright.sync_api import expect

from tests.browser.journeys.hands import Hand
from tests.core.test_second_factor import code_of
from tests.factories import PASSWORD

LOGIN = "/account/login/"
PATIENCE_MS = 30_000


def sign_in(hand: Hand, person, secret: str = "") -> None:
    """By the form; with a code of the app that has ``secret`` where the account asks for one."""
    page = hand.page
    hand.fill(page.get_by_label("E-mail"), person.email)
    hand.fill(page.get_by_label("Password", exact=True), PASSWORD)
    hand.press(page.get_by_role("button", name="Sign in", exact=True))
    if secret:
        expect(page.get_by_role("heading", name="One more thing")).to_be_visible()
        hand.fill(page.get_by_label("Code from your app"), code_of(secret))
        hand.press(page.get_by_role("button", name="Sign in", exact=True))
    expect(page.get_by_role("button", name="Your menu")).to_be_visible()


def sign_out(hand: Hand) -> None:
    page = hand.page
    hand.press(page.get_by_role("button", name="Your menu"))
    hand.press(page.get_by_role("button", name="Sign out"))
    expect(page).to_have_url(re.compile("/account/"))
