"""The editors of packs and transforms in a real browser: by keyboard alone, with and without script, and by axe."""

import pytest
from playwright.sync_api import expect

from galaxy.core.scope import workspace_scope
from marketplace.workshop.drafts import begin_draft
from marketplace.workshop.field_values import values_of
from sandbox.services import invoke, perform
from tests.browser.axe import DESK, SMALL, faults
from tests.extensions import PACK, PROBE, TIDY, installed

MINE = """\
pack: my.first
version: 0.1.0
name: My first
requires: { probe.tidy: ^1.0 }
inputs: { title: name, on: date, names: "string[]" }
steps: [{ id: tidy, use: probe.tidy, with: { name: inputs.title, on: inputs.on } }]
sample: { inputs: { title: Ada, on: "2026-01-02", names: [a, b] } }
"""
CHAIN = """\
transform: my.lead
version: 0.1.0
name: My lead
inputs: { name: name, created: string }
outputs: { full_name: name, created: date }
steps:
  - normalize_date: { field: created }
  - map_fields: { full_name: name }
fixtures: { happy: { inputs: { name: ada, created: 3 Jan 2026 }, outputs: { full_name: ada, created: "2026-01-03" } } }
"""


@pytest.fixture
def made(cast, transactional_db):
    maker, meridian = cast["creator"], cast["meridian"]
    with workspace_scope([meridian.pk]):
        parts = installed(meridian, cast["admin"], PROBE, TIDY, PACK)
        inputs = {"name": "Ada", "on": "2 Jan 2026"}
        run = perform(invoke(meridian, actor=cast["admin"], target="probe.flow", inputs=inputs).pk)
        yield {
            "pack": begin_draft(meridian, text=MINE, actor=maker),
            "chain": begin_draft(meridian, text=CHAIN, actor=maker),
            "flow": parts[2],
            "tidy": parts[1],
            "run": run,
        }


def steps_url(draft):
    return f"/w/meridian/workshop/drafts/{draft.pk}/steps/"


def operations_url(draft):
    return f"/w/meridian/workshop/drafts/{draft.pk}/operations/"


def tab_to(page, id, most=80):
    for _ in range(most):
        if page.evaluate("document.activeElement.id") == id:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{id} is not reached; {page.evaluate('document.activeElement.outerHTML')[:200]}")


def choose(page, id, words):
    """As somebody does who types what stands in the list."""
    tab_to(page, id)
    page.keyboard.type(words, delay=5)
    assert page.evaluate("document.activeElement.value"), words


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_pack_is_built_by_keyboard_without_touching_its_text(visit, creator, made, script):
    draft = made["pack"]
    page = visit(steps_url(draft), creator, script=script).page
    page.locator("#add-use").focus()
    page.keyboard.type("probe.create")
    page.keyboard.press("Escape")  # closes the list of choices
    page.keyboard.press("Enter")
    expect(page.locator("#step-1")).to_be_visible()
    expect(page.locator("#s1-id")).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="Step 2 calls probe.create")).to_be_visible()
    choose(page, "s1-in-key-how", "steps.tidy.title")
    tab_to(page, "outcome-name", 200)
    page.keyboard.type("thing_made")
    choose(page, "outcome-signal", "A changed")
    choose(page, "outcome-success-of", "steps.create.id")
    page.locator("#s1-up").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#s0-id")).to_have_value("create")
    expect(page.locator("#s0-down")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#s1-id")).to_have_value("create")
    page.locator("#s1-id").focus()
    page.keyboard.press("Enter")  # in a field it saves
    expect(page.locator("#toasts")).to_contain_text("Saved")
    draft.refresh_from_db()
    made_of = values_of(draft.text)
    assert made_of["steps"][1] == {
        "id": "create",
        "use": "probe.create",
        "with": {"key": "steps.tidy.title"},
    }
    assert made_of["outcome"]["success"] == "steps.create.id"


def test_one_press_puts_a_value_into_the_field_that_was_looked_at(visit, creator, made):
    page = visit(steps_url(made["pack"]), creator).page
    expect(page.locator("#s0-in-name-text")).to_be_hidden()
    page.locator("#s0-in-name-how").select_option("=fixed")
    page.locator("#s0-in-name-text").fill("Ada")
    page.locator("#s0-in-name-how").focus()
    page.get_by_text("What is there at this step").first.click()
    page.get_by_role("button", name="Use inputs.title in the field").click()
    expect(page.locator("#s0-in-name-how")).to_have_value("inputs.title")
    expect(page.locator("#s0-in-name-how")).to_be_focused()
    expect(page.locator("#s0-in-name-text")).to_be_hidden()
    expect(page.locator("#findings")).to_contain_text("open")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_transform_is_tried_while_one_edits(visit, creator, made, script):
    draft = made["chain"]
    tab = visit(operations_url(draft), creator, script=script)
    page = tab.page
    page.get_by_label("Add an operation").select_option("normalize_text")
    page.get_by_role("button", name="Add it").click()
    page.locator("#o2-arg-field").fill("full_name")
    page.locator("#o2-arg-case").select_option("upper")
    if not script:
        page.get_by_role("button", name="Try it").click()
    expect(page.locator("#preview")).to_contain_text("ADA")
    page.get_by_role("button", name="Take this as the example").click()
    expect(page.get_by_role("status").filter(has_text="The result is the example now")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Saved")
    draft.refresh_from_db()
    assert values_of(draft.text)["fixtures"]["happy"]["outputs"]["full_name"] == "ADA"
    assert tab.complaints == []


def test_their_pages_hold(visit, admin, made):
    pages = [
        steps_url(made["pack"]),
        operations_url(made["chain"]),
        made["run"].get_absolute_url(),
        f"/w/meridian/installed/{made['flow'].pk}/history/",
        f"/w/meridian/installed/{made['tidy'].pk}/history/",
    ]
    tab = visit(pages[0], admin, for_axe=True)
    found = {path: faults(tab.go(path), DESK, SMALL) for path in pages}
    assert {path: some for path, some in found.items() if some} == {}
