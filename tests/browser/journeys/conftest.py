"""Journeys are parametrised by the hand that goes them."""

import pytest
from playwright.sync_api import expect

from tests.browser.journeys.hands import HANDS

PATIENCE_MS = 30_000  # for a machine that does much else; nothing is measured by it


@pytest.fixture(params=sorted(HANDS))
def begin(request, visit):
    """``begin(path, user=None)`` returns the hand, in a tab that is open there: a mouse by day, keys by night."""
    hand = HANDS[request.param]
    expect.set_options(timeout=PATIENCE_MS)

    def at(path, user=None):
        tab = visit(path, user, theme=hand.theme)
        tab.page.set_default_timeout(PATIENCE_MS)
        return hand(tab)

    yield at
    expect.set_options(timeout=None)
