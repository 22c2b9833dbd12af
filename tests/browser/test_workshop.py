"""The workshop in a real browser: findings while typing, an import over several pages, and axe on each page."""

import re

import pytest
from playwright.sync_api import expect

from galaxy.core.scope import workspace_scope
from marketplace.models import ApiOperation, Draft
from marketplace.workshop.documents import choose, hand_in
from marketplace.workshop.drafts import begin_draft, publish, save_draft
from marketplace.workshop.starters import TEXTS
from registry.services import install
from tests.browser.axe import DESK, SMALL, faults, violations
from tests.registry.openapi.documents import as_bytes, document, large, operation

WORKSHOP = "/w/meridian/workshop/"
REST = TEXTS["rest"]


@pytest.fixture
def made(cast, transactional_db):
    """A draft with an installed version and a wider next one, a broken draft, and a document with choices."""
    maker, meridian = cast["creator"], cast["meridian"]
    with workspace_scope([meridian.pk]):
        draft = begin_draft(meridian, text=REST, actor=maker)
        first = publish(draft, actor=maker)
        install(meridian, first.extension, version=first, actor=maker)
        wider = REST.replace("[my-tasks.tasks.write]", "[my-tasks.tasks.write, my-tasks.people.read]")
        draft, _ = save_draft(draft, text=wider, revision=1, actor=maker)
        broken = begin_draft(meridian, text=REST.replace("POST\n", "PSOT\n"), actor=maker)
        source = hand_in(meridian, content=as_bytes(large(300)), actor=maker)
        every = list(source.operations.values_list("pk", flat=True)[:5])
        choose(source, shown=every, chosen=every, actor=maker)
        yield {
            "draft": draft,
            "broken": broken,
            "document": source,
            "wider": publish(draft, actor=maker),
        }


def test_findings_follow_what_is_typed_and_lead_to_their_line(visit, creator, made):
    tab = visit(made["draft"].get_absolute_url(), creator)
    page = tab.page
    findings = page.locator("#findings")
    expect(findings).to_contain_text("Ready for a version")
    page.get_by_label("Manifest").fill(REST.replace("method: POST", "method: PSOT"))
    expect(findings).to_contain_text("Did you mean POST?")
    page.get_by_role("heading", name="Versions").scroll_into_view_if_needed()  # they stay in sight, and cover nothing
    card, fold = findings.bounding_box(), page.locator(".reveal").bounding_box()
    assert card["y"] + card["height"] <= fold["y"]
    expect(page.locator(".editor__mark.is-bad")).to_have_count(1)  # beside its line
    findings.get_by_role("link", name="Line 16").click()
    assert page.evaluate("document.activeElement.id") == "id_text"
    expect(page.locator("[data-editor-place]")).to_contain_text("Line 16, column")
    expect(page.locator("[data-editor-note]")).to_contain_text("Did you mean POST?")
    page.get_by_label("Manifest").fill(REST)
    expect(findings).to_contain_text("Ready for a version")
    expect(page.locator(".editor__mark.is-bad")).to_have_count(0)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Saved.")
    assert tab.complaints == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_connector_is_filled_in_as_a_form(visit, creator, cast, script):
    page = visit(f"{WORKSHOP}new/", creator, script=script).expect("status of 422").page
    page.get_by_role("button", name="Fill in a form").click()
    about, findings = page.get_by_role("group", name="About"), page.locator("#findings")
    about.get_by_label("Name").fill("Our lists")
    about.get_by_label("Version").fill("one")
    if script:
        expect(findings).to_contain_text("version")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#id_about-version-error")).to_be_visible()
    about.get_by_label("Version").fill("0.2.0")
    page.get_by_role("button", name="Add an action").click()
    action = page.locator("#new-action")
    action.get_by_label("Id").fill("list_tasks")
    action.get_by_label("Method").select_option("GET")
    action.get_by_label("Path", exact=True).fill("/tasks")
    action.get_by_label("Outputs").fill("items: string[]")
    action.get_by_label("Scopes").fill("my-tasks.tasks.read")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Our lists", level=1)).to_be_visible()
    expect(page.locator("details > summary", has_text="list_tasks")).to_be_visible()
    page.get_by_role("link", name="Open the text").click()
    expect(page.get_by_label("Manifest")).to_have_value(re.compile("id: list_tasks"))


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_connector_is_imported_made_and_simulated(visit, creator, cast, script):
    page = visit(f"{WORKSHOP}documents/", creator, script=script).expect("status of 422").page
    page.get_by_label("Or its text").fill(as_bytes(large(100)).decode())
    page.get_by_role("button", name="Read it").click()
    page.get_by_role("checkbox", name="POST /things1", exact=True).check()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("checkbox", name="DELETE /things10/{id}").check()
    page.get_by_role("button", name="See the draft").click()
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_role("alert").filter(has_text="delete or change many")).to_be_visible()
    page.get_by_role("checkbox", name="DELETE /things10/{id}").check()
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_role("heading", name="Pets", level=1)).to_be_visible()
    page.get_by_role("button", name="Save and make a version").click()
    page.get_by_role("link", name="Install 0.1.0-draft.1…").click()
    page.get_by_role("button", name="Install 0.1.0-draft.1").click()
    page.get_by_role("link", name="Simulate createThing1: 401").click()
    expect(page.get_by_label("Answer with the sample")).to_have_value("401")
    page.get_by_role("button", name="Simulate run").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("pets.create_thing1")


def test_axe_finds_nothing(visit, creator, made):
    draft, source = made["draft"].get_absolute_url(), made["document"].get_absolute_url()
    pages = [
        draft,
        f"{draft}versions/{made['wider'].pk}/installation/",
        made["broken"].get_absolute_url(),
        f"{made['broken'].get_absolute_url()}fields/",
        source,
        f"{source}?q=nothing+like+it",
        f"{source}draft/",
    ]
    tab = visit(WORKSHOP, creator, for_axe=True)
    found = {path: faults(tab.go(path), DESK, SMALL) for path in pages}
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_long_paths_leave_every_column_in_sight(visit, creator, cast, transactional_db):
    path = "".join(f"/organisations_{number}/{{organisation_identifier_{number}}}" for number in range(5))
    with workspace_scope([cast["meridian"].pk]):
        found = hand_in(
            cast["meridian"], content=as_bytes(document({path: {"get": operation()}})), actor=cast["creator"]
        )
        found.operations.update(is_chosen=True)
    tab = visit(found.get_absolute_url(), creator)
    for address in (found.get_absolute_url(), f"{found.get_absolute_url()}draft/"):
        tables = tab.go(address).page.locator(".table-wrap")
        hidden = tables.evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)")
        assert hidden and max(hidden) == 0, address


def test_an_empty_workshop_says_what_comes_next(visit, creator, cast):
    tab = visit(WORKSHOP, creator, for_axe=True)
    expect(tab.page.get_by_role("link", name="New draft")).to_be_visible()
    assert violations(tab.page) == []
    tab.page.get_by_role("link", name="New draft").click()
    tab.page.get_by_role("radio", name="gRPC connector").check(force=True)
    tab.page.get_by_role("button", name="Open the editor").click()
    expect(tab.page.get_by_role("heading", name="My tasks over gRPC")).to_be_visible()
    with workspace_scope([cast["meridian"].pk]):
        assert (Draft.objects.count(), ApiOperation.objects.count()) == (1, 0)
