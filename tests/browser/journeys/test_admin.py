"""An admin: finds an extension, reads what it asks for, installs and runs it, writes a rule, looks at the figures,
gives somebody another role, and takes a version back. It ends in the trail."""

import json
import re
import shutil
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from playwright.sync_api import expect

from galaxy.core.models import AuditEvent, Membership
from galaxy.core.scope import workspace_scope
from policies.services.rules import rules_in_force
from registry.services import install
from sandbox.models import Run
from sandbox.services import perform
from tests.browser.journeys.acts import LOGIN, PATIENCE_MS, sign_in
from tests.registry.samples import connector, publish

# Of the shipped catalogue: a pack and what it needs.
PART = ("connectors/hubspot", "connectors/slack", "transforms/leads.clean", "packs/lead.follow-up")


@pytest.fixture
def meridian(workspace, admin, transactional_db, tmp_path):
    """With something of the catalogue to choose from, and a connector of which there is a newer version."""
    for path in PART:
        shutil.copytree(settings.BASE_DIR / "catalog" / path, tmp_path / path)
    rows = [{"path": path, "publisher": "Galaxy", "level": "verified", "changes": "First release."} for path in PART]
    (tmp_path / "index.yaml").write_text(json.dumps({"extensions": rows}), encoding="utf-8")
    call_command("load_catalog", path=tmp_path, stdout=StringIO())
    first = publish(connector("acme", "1.0.0", name="Acme CRM"))
    here = install(workspace, first.extension, version=first, actor=admin)
    newer = publish(connector("acme", "1.1.0", name="Acme CRM"))
    return here, newer


def test_from_the_marketplace_to_the_way_back(begin, cast, workspace, meridian):
    hand = begin(LOGIN)
    sign_in(hand, cast["admin"])
    find_and_install(hand)
    run_it(hand)
    write_a_rule(hand)
    look_at_the_figures(hand)
    give_another_role(hand, cast["member"])
    move_and_roll_back(hand, *meridian)
    read_of_it_in_the_trail(hand)
    workspace.refresh_from_db()  # the rules in force are those that it names
    with workspace_scope([workspace.pk]):
        assert [rule.title for rule in rules_in_force(workspace)] == ["Nothing is changed"]
        assert Membership.objects.get(user=cast["member"]).role == "auditor"
        assert AuditEvent.objects.filter(action="pin.rolled_back").exists()


def find_and_install(hand):
    page = hand.page
    main = page.get_by_role("main")
    hand.go("Marketplace")
    hand.fill(page.get_by_placeholder("Search by system"), "lead folow-up")
    expect(page.get_by_text("Showing results for")).to_be_visible()
    hand.press(main.get_by_role("link", name="Lead follow-up", exact=True))
    expect(page.get_by_role("heading", name="Lead follow-up", level=1)).to_be_visible()
    expect(main).to_contain_text("HubSpot")
    hand.press(main.get_by_role("link", name=re.compile("^Install")).first)
    expect(page.get_by_role("heading", name="Install Lead follow-up")).to_be_visible()
    expect(main).to_contain_text("Read CRM contacts")
    hand.press(page.get_by_role("button", name=re.compile("^Install")))
    expect(page.get_by_role("heading", name="Lead follow-up", level=1)).to_be_visible()


def run_it(hand):
    """In Sim Mode, as nothing is connected. Its steps, done as a worker does them, arrive by themselves."""
    page = hand.page
    main = page.get_by_role("main")
    hand.go("Runs")
    hand.press(main.get_by_role("link", name=re.compile("New run|Simulate a first run")).first)
    hand.press(main.get_by_role("link", name="Lead follow-up"))
    hand.press(main.get_by_role("button", name="Simulate run"))
    expect(page).to_have_title(re.compile(r"^\[Sim\] "))
    expect(page.get_by_text("Nothing here reaches a live system")).to_be_visible()
    expect(page.locator("#run")).to_have_attribute("hx-trigger", re.compile("^every"))
    perform(Run.objects.get().pk)
    expect(page.locator("[hx-trigger*=every]")).to_have_count(0, timeout=PATIENCE_MS)
    expect(main).to_contain_text("Outcome reached")


def write_a_rule(hand):
    page = hand.page
    hand.go("Policies")
    hand.press(page.get_by_role("link", name="New rule").first)
    hand.tick(page.get_by_role("radio", name=re.compile("^Deny")))
    hand.fill(page.get_by_label("Scopes, 1"), "crm.**.delete")
    hand.fill(page.get_by_role("textbox", name="Name"), "Nothing is changed")
    hand.fill(page.get_by_role("textbox", name="Why"), "To be safe")
    expect(page.locator("#rule-draft")).to_contain_text("crm.**.delete, deny it.")
    hand.press(page.get_by_role("button", name="Save as policy 1").last)
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is changed")


def look_at_the_figures(hand):
    page = hand.page
    hand.go("Dashboard")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")


def give_another_role(hand, person):
    page = hand.page
    hand.go("People")
    hand.press(page.get_by_role("main").get_by_role("link", name=person.name))
    hand.choose(page.get_by_label("Role", exact=True), "Auditor")
    hand.press(page.get_by_role("button", name="Change role", exact=True))
    expect(page.get_by_role("main")).to_contain_text("Auditor")


def move_and_roll_back(hand, here, newer):
    page = hand.page
    main = page.get_by_role("main")
    hand.go("Updates")
    hand.press(main.get_by_role("link", name=f"Review Acme CRM {newer.number}"))
    hand.press(page.get_by_role("button", name=re.compile(f"move to {newer.number}", re.IGNORECASE)))
    expect(page.get_by_text(f"is held at {newer.number} now.")).to_be_visible()
    hand.press(page.get_by_role("link", name=re.compile("^Roll back to 1.0.0")).last)
    hand.fill(page.get_by_label("Reason"), "It asks for more than it says.")
    hand.press(page.get_by_role("button", name="Roll back to 1.0.0"))
    expect(page.locator("#held-versions").get_by_role("listitem").first).to_contain_text("Rolled back")


def read_of_it_in_the_trail(hand):
    hand.go("Audit trail")
    main = hand.page.get_by_role("main")
    for words in ("Acme CRM", "lead.follow-up", "Nothing is changed"):
        expect(main).to_contain_text(words)
