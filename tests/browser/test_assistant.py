"""The assistant's drawer in a browser, by keyboard alone: what it shows is fetched when it is opened."""

import pytest
from playwright.sync_api import expect

from galaxy.core.scope import workspace_scope
from tests.extensions import PROBE, installed
from tests.matrix.advice_routes import advice


@pytest.fixture
def probe(cast):
    with workspace_scope([cast["meridian"].pk]):
        one = installed(cast["meridian"], cast["admin"], PROBE)[0]
        advice(cast["meridian"], one)
        return one


def test_the_drawer_is_opened_asked_and_left_by_keyboard_alone(visit, cast, probe):
    tab = visit(probe.get_absolute_url(), cast["member"])
    page = tab.page
    button = page.get_by_role("link", name="Assistant", exact=True).last
    button.focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="Assistant")
    expect(drawer.get_by_text("Probe does not use things.delete.")).to_be_visible()
    question = drawer.get_by_role("link", name="What does this extension use?")
    question.focus()
    page.keyboard.press("Enter")
    expect(drawer.get_by_text("It was given 3 scopes")).to_be_visible()
    assert page.url.endswith(probe.get_absolute_url())
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_be_focused()
    assert tab.complaints == []
