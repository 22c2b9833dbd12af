"""The main job, as a person does it: find, read, install, simulate, watch, understand, and find it in the trail."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from galaxy.core.audit.verifications import carry_out, start_verification
from galaxy.core.scope import workspace_scope
from marketplace.evidence.falling_short import watch_levels
from marketplace.models import Listing, Lowering, VersionDay
from marketplace.services import install_listing, list_extension, plan_installation
from policies.services.changes import ask_install
from policies.services.delegations import delegate
from policies.services.granting import create_auto_approval
from policies.services.rules import create_rule
from registry.services import install, move_pin
from sandbox.golden.nights import play_night, play_now
from sandbox.metrics.rolling import roll_up
from sandbox.services import invoke, perform
from sandbox.triggers.firing import tend
from sandbox.triggers.services import create_trigger, switch_on
from sandbox.upgrades.previews import begin_preview, work_on
from tests.browser.axe import DESK, SMALL, faults
from tests.factories import PASSWORD
from tests.matrix.publisher_routes import publishers
from tests.matrix.update_routes import updates
from tests.registry.samples import connector, publish
from tests.sealing import make_sequencer, seal

PATIENCE_MS = 30_000


@pytest.fixture
def catalogue(transactional_db):
    call_command("load_catalog", stdout=StringIO())


@pytest.mark.parametrize("width", [1280, 390])
def test_from_signing_in_to_the_audit_trail(visit, admin, workspace, catalogue, workers, width):
    workers.start()
    tab = visit("/account/login/", width=width)
    page = tab.page

    page.get_by_label("E-mail").fill(admin.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/w/meridian/$"))

    page.goto("/w/meridian/marketplace/")
    page.get_by_role("link", name="HubSpot", exact=True).click()
    expect(page.get_by_role("heading", name="HubSpot", level=1)).to_be_visible()
    main = page.get_by_role("main")
    expect(main).to_contain_text("Read CRM contacts")
    expect(main).to_contain_text("api.hubapi.com")
    page.get_by_role("main").get_by_role("link", name=re.compile("^Install")).first.click()
    page.get_by_role("button", name=re.compile("^Install")).click()

    listing = Listing.objects.select_related("version").get(extension__slug="hubspot")
    expect(page.get_by_role("heading", name="HubSpot", level=1)).to_be_visible()
    page.goto("/w/meridian/installed/")
    row = page.get_by_role("row", name=re.compile("HubSpot"))
    expect(row).to_contain_text(listing.version.number)
    expect(row).to_contain_text(listing.version.digest[:7])

    page.goto("/w/meridian/marketplace/lead.follow-up/")
    page.get_by_role("main").get_by_role("link", name=re.compile("^Install")).first.click()
    page.get_by_role("button", name=re.compile("^Install")).click()
    expect(page.get_by_role("heading", name="Lead follow-up", level=1)).to_be_visible()

    page.goto("/w/meridian/runs/new/?target=lead.follow-up")
    page.get_by_role("button", name="Simulate run").click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))
    expect(page).to_have_title(re.compile(r"^\[Sim\] "))
    expect(page.get_by_text("Nothing here reaches a live system")).to_be_visible()
    page.evaluate("window.loadedOnce = true")
    expect(page.get_by_role("main").get_by_text("Succeeded").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("main")).to_contain_text("leads.clean", timeout=PATIENCE_MS)
    expect(page.get_by_role("main")).to_contain_text("slack.post_message")
    expect(page.get_by_role("heading", level=1).locator("..")).to_contain_text(re.compile("Succeeded|Simulated"))
    expect(page.locator("[hx-trigger*=every]")).to_have_count(0, timeout=PATIENCE_MS)
    assert page.evaluate("window.loadedOnce") is True, "the page was reloaded"
    assert page.evaluate("document.querySelectorAll('svg.wf').length") >= 10
    expect(page.get_by_role("main")).to_contain_text("Outcome reached")  # a fresh install, without any account
    expect(page.get_by_role("main")).to_contain_text("Simulated, so it is not counted")
    run_url = page.url

    page.goto("/w/meridian/audit/")
    main = page.get_by_role("main")
    for words in ("HubSpot", "Lead follow-up", "lead.follow-up", "hubspot.create_task", "slack.post_message"):
        expect(main).to_contain_text(words)
    page.goto(f"/w/meridian/audit/?target={run_url.rstrip('/').rpartition('/')[2]}")
    expect(page.get_by_role("main")).to_contain_text(admin.name)
    assert tab.complaints == []
    assert tab.sideways_px <= 0


@pytest.fixture
def busy(workspace, admin, approver, member, catalogue, settings, tmp_path, monkeypatch):
    """A workspace with much on its pages; returns the addresses of those that the house of journeys/ has less on."""
    settings.GALAXY_CHECKPOINTS_DIR = tmp_path / "checkpoints"
    for slug in ("hubspot", "lead.follow-up"):
        _install(workspace, admin, slug)
    lead = Listing.objects.get(extension__slug="lead.follow-up").version.parsed.canonical["sample"]["inputs"]
    good = perform(invoke(workspace, actor=admin, target="lead.follow-up", inputs=lead).pk)
    bad = perform(invoke(workspace, actor=admin, target="lead.follow-up", inputs=lead, scenario="401").pk)
    held = invoke(workspace, actor=admin, target="hubspot.delete_contact", inputs={"id": "51"})
    assert (good.state, bad.state, held.state) == ("succeeded", "failed", "waiting")
    ends_at = timezone.now() + timedelta(days=3)
    told = {"scope": "crm.**.delete", "reason": "Old ones go", "budget": 5, "ends_at": ends_at}
    grant = create_auto_approval(workspace, installation=held.installation, actor=admin, **told)
    delegate(workspace, giver=admin, taker=approver, starts_at=timezone.now(), ends_at=ends_at)
    salesforce = Listing.objects.get(extension__slug="salesforce").version
    change = ask_install(workspace, salesforce, actor=member, reason="For the desk")
    asks = {"title": "Deletes ask", "effect": "require_approval", "what": {"effects": ["delete"]}}
    rule = create_rule(workspace, actor=admin, values=asks, reason="To be safe", seen=0)
    seal(make_sequencer(tmp_path, monkeypatch), workspace)
    verification = carry_out(start_verification(workspace, actor=admin).pk)
    starters = _triggers(workspace, admin)
    night = play_night(play_now(good.installation, actor=admin).pk)
    roll_up()
    base = "/w/meridian"
    pages = ["", "marketplace/", "marketplace/hubspot/", "marketplace/salesforce/install/", "installed/", "runs/",
             "runs/new/?target=lead.follow-up", "audit/", "audit/seal/", "audit/?outcome=failed", "search/?q=lead",
             "policies/", "comparison/?pick=hubspot&pick=slack", "triggers/",
             "dashboard/", "dashboard/?simulated=on", "dashboard/targets/", "outcomes/",
             f"dashboard/targets/{good.installation_id}/lead.follow-up/",
             "triggers/new/?kind=webhook&target=hubspot.create_task", "assistant/?ask=attention",
             f"assistant/?from={good.get_absolute_url()}&ask=went-by"]  # fmt: skip
    return [f"{base}/{page}" for page in pages] + [
        held.approval.get_absolute_url(),
        f"{rule.get_absolute_url()}change/",
        f"{night.flow.get_absolute_url()}?side=pinned&case=sample",
        *(one.get_absolute_url() for one in (grant, change, change.approval, verification)),
        *(run.get_absolute_url() for run in (good, bad, held)),
        good.installation.get_absolute_url(),
        f"{good.installation.get_absolute_url()}removal/",
        *(one.get_absolute_url() for one in starters),
        f"{starters[0].get_absolute_url()}deliveries/",
    ]


def _install(workspace, admin, slug):
    listing = Listing.objects.get(extension__slug=slug)
    install_listing(workspace, listing, seen=plan_installation(workspace, listing).seen, actor=admin)


def _triggers(workspace, admin):
    """A webhook at which something came in, and a schedule that cannot be switched on yet."""
    values = {"target": "hubspot.search_contacts", "scopes": ["crm.contacts.read"]}
    of_webhook = {"name": "Asked for", "inputs": {"query": "event.body.name"}, "sample": {"name": "Ada"}}
    of_webhook |= {"signature": "none", "header": "", "every_s": 600}
    webhook, _ = create_trigger(workspace, actor=admin, kind="webhook", values=values | of_webhook)
    switch_on(webhook, actor=admin)
    for number in range(2):
        body = {"name": "Ada", "number": number}
        Client().post(f"/hooks/{webhook.address}/", body, content_type="application/json")
    tend(webhook.pk)
    of_schedule = {"name": "Mondays", "inputs": {"query": "event.id", "limit": "`5`"}, "cron": "0 8 * * 1"}
    of_schedule["scopes"] = ["crm.contacts.read", "crm.contacts.write"]  # one more than its target uses
    schedule, _ = create_trigger(workspace, actor=admin, kind="schedule", values=values | of_schedule)
    return webhook, schedule


def test_axe_finds_nothing_on_pages_with_much_on_them_nor_the_policy_at_320_px(visit, owner, busy):
    """Each is loaded once, for axe and for its policy."""
    found = {}
    tab = visit("/w/", owner, for_axe=True)
    for path in busy:
        if problems := faults(tab.go(path), DESK, SMALL) + tab.complaints:
            found[path] = problems
    assert found == {}


@pytest.fixture
def versions(workspace, cast, settings):
    """Versions, a publisher and evidence with a history, seen by the owner; returns the addresses of their pages."""
    owner = cast["owner"]
    things = updates(workspace, owner) | publishers(workspace, owner, cast["member"])
    publisher, going = things["publisher"], things["going"]
    own = [publish(connector("own", number), publisher) for number in ("1.0.0", "1.1.0", "2.0.0")]
    here = install(workspace, own[0].extension, version=own[0], actor=owner)
    move_pin(here, version=own[1], actor=owner)
    listing = list_extension(own[2], level="verified", summary="Keeps things.")
    VersionDay.objects.create(
        version=own[2],
        day=timezone.now().date() - timedelta(days=2),
        good=180,
        bad=60,
        workspaces=4,
        failing=3,
        errors={"transient": 60},
        buckets=[233],
        counts=[240],
    )
    assert watch_levels() == 0  # its publisher is told, on the page
    Lowering.objects.create(
        listing=listing, before="enterprise", after="verified", rule="contract-tests", reason="Not proven for 37 days."
    )
    base, to, out = "/w/meridian", f"?to={own[2].digest}", here.get_absolute_url()
    return [
        f"{base}/marketplace/own/",
        f"{base}/marketplace/levels/how-badges-age/",
        f"{base}/publishers/{publisher.pk}/",
        f"{base}/publications/own/",
        f"{base}/publications/own/telemetry/",
        out,
        f"{out}version/{to}",
        f"{out}rollback/?to={own[0].digest}",
        *(one.get_absolute_url() for one in _previewed(here, own[2], owner)),
        f"{going.get_absolute_url()}wait/?to={things['fix'].digest}",
    ]


def _previewed(here, version, owner):
    """A replay that is done with its report, and one that waits for a worker."""
    here.refresh_from_db()
    done = work_on(begin_preview(here, version, actor=owner).pk)
    return done, done.report, begin_preview(here, version, actor=owner)


def test_axe_finds_nothing_on_the_pages_of_versions(visit, owner, versions):
    tab = visit("/w/", owner, for_axe=True)
    found = {path: faults(tab.go(path), DESK, SMALL) for path in versions}
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_every_page_works_without_script(visit, admin, catalogue, workspace):
    _install(workspace, admin, "hubspot")
    page = visit("/w/meridian/runs/new/?target=hubspot.create_task", admin, script=False).page
    page.get_by_label("Subject").fill("Call Ada")
    page.get_by_role("button", name="Simulate run").click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))
    with workspace_scope([workspace.pk]):
        run_id = page.url.rstrip("/").rpartition("/")[2]
        perform(run_id)
    page.reload()
    expect(page.get_by_role("main").get_by_text("Succeeded").first).to_be_visible()
    page.goto("/w/meridian/marketplace/?q=slak")
    page.goto("/w/meridian/marketplace/")
    page.get_by_label("Search extensions").fill("notion")
    page.get_by_label("Search extensions").press("Enter")
    expect(page.get_by_role("link", name="Notion", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="HubSpot", exact=True)).to_have_count(0)
