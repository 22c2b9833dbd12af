"""The marketplace in a real browser: search while typing, the way back, consent, and axe on each page."""

import pytest

from galaxy.core.scope import workspace_scope
from marketplace.services import list_extension
from tests.browser.axe import DESK, PHONE, faults
from tests.registry.samples import action, connector, pack, publish

MARKET = "/w/meridian/marketplace/"


@pytest.fixture
def offers(cast):
    for manifest in (connector("acme", "1.0.0", action(), name="Acme CRM"), pack()):
        version = publish(manifest, changes="First release.", files={"docs.md": b"# Start\n\n- one\n"})
        list_extension(version, level="verified", summary=manifest.summary)
    with workspace_scope([cast["meridian"].pk]):
        yield


def test_search_narrows_while_typing_and_back_returns(visit, admin, offers):
    tab = visit(MARKET, admin)
    cards = tab.page.locator(".mcard")
    assert cards.count() == 2
    tab.page.get_by_placeholder("Search by system").type("acm")
    tab.page.wait_for_url("**/marketplace/?q=acm*")
    assert cards.count() == 1
    assert tab.page.locator("#announcer").inner_text() == "1 extension."
    assert tab.page.locator("#n-kind-pack").inner_text() == "0"
    tab.page.locator("#kind-pack").check()
    tab.page.get_by_role("heading", name="Nothing fits").wait_for()
    assert tab.page.evaluate("document.activeElement.id") == "kind-pack"
    tab.page.go_back()
    cards.first.wait_for()
    assert cards.count() == 1
    assert tab.complaints == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_pack_is_found_read_installed_and_removed(visit, admin, offers, script):
    tab = visit(f"{MARKET}?q=keep", admin, script=script)
    page = tab.page
    page.get_by_role("link", name="Keep things", exact=True).click()
    page.get_by_role("link", name="Install…", exact=True).click()
    page.get_by_role("heading", name="Acme CRM 1.0.0 comes along").wait_for()
    page.get_by_role("button", name="Install Keep things and 1 more").click()
    page.get_by_role("heading", name="Keep things", exact=True).wait_for()
    assert "Keep things is installed." in page.locator("#toasts").inner_text()
    page.get_by_role("link", name="Remove…").click()
    page.get_by_label("Reason").fill("Not used")
    page.get_by_role("button", name="Remove Keep things").click()
    page.get_by_role("heading", name="Installed", exact=True).wait_for()
    assert page.locator("tbody tr").count() == 1
    assert tab.complaints == []


def test_axe_finds_nothing(visit, admin, member, offers):
    tabs = {person: visit(MARKET, person, for_axe=True) for person in (admin, member)}

    def look(path, person):
        assert faults(tabs[person].go(path), DESK, PHONE) == [], path
        return tabs[person].page

    look(f"{MARKET}?q=nothing+like+it", admin)
    look(f"{MARKET}things.keep/", member)
    look("/w/meridian/installed/", admin)
    consent = look(f"{MARKET}things.keep/install/", admin)
    consent.get_by_role("button", name="Install Keep things and 1 more").click()
    consent.wait_for_url("**/installed/**")
    assert faults(tabs[admin], DESK, PHONE) == []
    look(consent.url.removeprefix(consent.evaluate("location.origin")), member)
