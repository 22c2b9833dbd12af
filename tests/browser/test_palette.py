"""Search or jump to, and notifications, in a browser: by keyboard alone, on a phone, and without script."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from galaxy.core.models import Membership
from galaxy.core.notifications import notify
from galaxy.core.scope import workspace_scope
from tests.browser.axe import violations
from tests.browser.test_agents import agent  # noqa: F401  (a fixture)
from tests.extensions import PROBE, installed

CARDS = ("members", "roles", "agents", "tokens", "runs")  # lists whose rows are cards on a phone


@pytest.fixture
def probe(cast):
    with workspace_scope([cast["meridian"].pk]):
        return installed(cast["meridian"], cast["admin"], PROBE)[0]


@pytest.fixture
def told(cast):
    """The owner is told that the member came in."""
    with workspace_scope([cast["meridian"].pk]):
        target = Membership.objects.select_related("workspace").get(user=cast["member"])
        notify(cast["meridian"], [cast["owner"]], "invitation_accepted", target, by=cast["member"])
        return target


def test_the_palette_is_worked_by_keyboard_alone(visit, cast, probe):
    tab = visit("/w/meridian/members/", cast["owner"])
    page = tab.page
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Search or jump to")
    expect(field).to_be_focused()
    options = page.get_by_role("dialog", name="Search or jump to").get_by_role("option")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(page.locator("#palette-status")).to_have_text(f"{options.count()} results")
    assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")

    page.keyboard.press("End")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")

    page.keyboard.type("prob")
    expect(page.locator("#palette-status")).to_have_text("1 result")
    expect(options.first.locator("mark")).to_have_text("Prob")
    page.keyboard.press("Escape")
    expect(field).not_to_be_visible()
    page.keyboard.press("/")  # the page has a filter of its own
    expect(page.locator("main input[type=search]")).to_be_focused()
    page.keyboard.press("Control+k")
    expect(options.first).to_contain_text("Probe")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{probe.get_absolute_url()}")
    assert tab.complaints == []


def test_a_key_pressed_as_the_palette_closes_reaches_the_page(visit, cast):
    """The field keeps the focus until the page is drawn anew, which takes a while where much else goes on."""
    page = visit("/w/meridian/members/", cast["owner"]).page
    pressed = """() => document.getElementById("palette-field").dispatchEvent(
        new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true }))"""
    page.keyboard.press("Control+k")
    page.evaluate(pressed)
    expect(page.get_by_role("combobox", name="Search or jump to")).to_be_focused()
    page.keyboard.press("Escape")
    page.evaluate(pressed)
    expect(page.locator("main input[type=search]")).to_be_focused()


def test_the_palette_fits_a_phone_and_names_in_it_are_only_names(visit, cast):
    person = cast["member"]
    person.name = "<img src=x onerror=alert(1)>" + "W" * 60
    person.save()
    tab = visit("/w/meridian/", cast["owner"], width=390, for_axe=True)
    page = tab.page
    page.get_by_role("link", name="Search or jump to").click()
    page.get_by_role("combobox").fill("onerror")
    expect(page.locator("#palette-status")).to_have_text("1 result", timeout=15_000)
    expect(page.get_by_role("option")).to_contain_text("<img src=x")
    assert violations(page) == []
    assert tab.sideways_px == 0
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("combobox")).not_to_be_visible()


def test_without_script_search_is_a_page(visit, cast, probe):
    page = visit("/w/meridian/", cast["owner"], script=False).page
    page.get_by_role("link", name="Search or jump to").click()
    page.get_by_label("Search for").fill("probe")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="Probe").click()
    assert page.url.endswith(probe.get_absolute_url())


def test_news_is_read_in_place_and_when_its_object_is_opened(visit, cast, told):
    url = reverse("core:notification-list", args=["meridian"])
    phone = visit(url, cast["owner"], width=390, for_axe=True)
    assert violations(phone.page) == []
    assert phone.sideways_px == 0
    tab = visit(url, cast["owner"])
    page = tab.page
    page.get_by_role("button", name="Mark as read: Your invitation was accepted").click()
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Notifications")
    back = page.get_by_role("button", name="Mark as unread: Your invitation was accepted")
    expect(back).to_be_focused()
    back.click()
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Notifications, 1 unread")
    page.locator(".news a").click()
    page.wait_for_url(f"**{told.get_absolute_url()}")
    page.goto(page.url.rpartition("/members/")[0] + "/notifications/")
    expect(page.get_by_text("Nothing unread")).to_be_visible()
    assert tab.complaints == []


def test_on_a_phone_rows_are_cards_and_nothing_scrolls_sideways(visit, cast, agent):  # noqa: F811  (the fixture)
    tab = visit("/account/sessions/", cast["admin"], width=390)
    for path in ("/account/sessions/", *(f"/w/meridian/{name}/" for name in CARDS)):
        wraps = tab.go(path).page.locator(".table-wrap")
        assert wraps.count(), path
        for wrap in wraps.all():
            assert wrap.evaluate("box => box.scrollWidth - box.clientWidth") == 0, path
        assert tab.sideways_px == 0, path
