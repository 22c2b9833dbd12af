"""The editor of a rule in a real browser: it reads itself back, replays at each change, and saves."""

import re

from playwright.sync_api import expect

from policies.services.rules import rules_in_force
from sandbox.services import invoke
from tests.extensions import PROBE, installed


def test_a_rule_reads_itself_back_and_replays_as_it_is_written(visit, admin, workspace, transactional_db):
    installed(workspace, admin, PROBE)
    for key in ("a", "b", "c"):
        invoke(workspace, actor=admin, target="probe.create", inputs={"key": key})
    tab = visit("/w/meridian/policies/new/", admin, width=390)
    page = tab.page
    draft, blocked = page.locator("#rule-draft"), page.locator("#backtest .big div").filter(has_text="Newly blocked")

    page.get_by_text("Deny", exact=True).click()
    expect(draft).to_contain_text("lock everybody out")
    expect(page.locator("#backtest")).to_contain_text("recorded calls")
    expect(page.get_by_role("heading", name="Who answers")).to_be_hidden()
    page.get_by_label("Scopes, 1").fill("things.write")
    page.get_by_label("Scopes, 1").press("Tab")
    expect(draft).to_contain_text("using things.write, deny it.")
    expect(draft).not_to_contain_text("lock everybody out")
    expect(blocked).to_contain_text("3")
    expect(page.locator("#tightens")).to_contain_text("Yes")
    page.get_by_label("Past call").select_option(index=1)
    expect(page.locator("#rule-tried")).to_contain_text("probe.create writes")

    page.get_by_label("Scopes, 2").fill("things.delete")
    expect(page.get_by_label("Scopes, 3")).to_have_count(1)
    page.get_by_role("textbox", name="Name").fill("Nothing is changed")
    page.get_by_role("textbox", name="Why").fill("To be safe")
    page.get_by_role("button", name="Save as policy 1").last.click()
    expect(page).to_have_url(re.compile(r"/policies/[0-9a-f-]{36}/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is changed")
    workspace.refresh_from_db()
    assert [rule.what.scopes for rule in rules_in_force(workspace)] == [("things.delete", "things.write")]
    assert tab.complaints == []
    assert tab.sideways_px <= 0


def test_what_has_the_focus_stays_in_sight_when_the_draft_above_it_grows(visit, admin):
    tab = visit("/w/meridian/policies/new/", admin)
    page = tab.page
    draft, below = page.locator("#rule-draft"), page.get_by_text("Packs and triggers", exact=True)
    bottom = below.evaluate("(one) => Math.ceil(one.getBoundingClientRect().bottom)")
    page.set_viewport_size({"width": 1280, "height": bottom + 10})
    height = draft.bounding_box()["height"]
    page.evaluate("htmx.config.defaultSettleDelay = 600_000")  # not only once all has settled
    page.get_by_role("radio", name="Deny").check(force=True)
    below.focus()
    expect(draft).to_contain_text("lock everybody out")
    assert draft.bounding_box()["height"] > height + 10
    expect(below).to_be_focused()
    expect(below).to_be_in_viewport(ratio=1)
    assert tab.complaints == []
