"""A creator: from a form to a published version, over what a reviewer sends back, and on to another workspace's way
back. Everyone has a browser of their own and the creator either hand; contract tests are by a real worker, and the
signature by a real sandboxd, which alone has the marketplace's keys.
"""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from galaxy.core.models import User
from galaxy.core.scope import workspace_scope
from marketplace.submissions.approving import approve
from marketplace.workshop.models import Draft
from registry.models import Version
from tests.browser.journeys.acts import LOGIN, PATIENCE_MS, sign_in, sign_out
from tests.browser.journeys.hands import Hand
from tests.factories import Desk, make_desk, make_members, make_user
from tests.sandboxd import Sandboxd
from tests.submitting import TEXT, publisher_of, submitted, taken

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
FIXTURES = TEXT[TEXT.index("    fixtures:\n") :]
WIDER = "permissions: { required: [lantern-tasks.people.read] }\n"
FIRST, SECOND = "1.0.0", "1.1.0"


@dataclass(frozen=True)
class Scene:
    desk: Desk
    creator: User
    admin: User  # of the other workspace
    meridian: Any
    tidewater: Any


@pytest.fixture
def scene(cast, workers, settings):
    """A creator whose name is vouched for, a desk, another workspace with an admin, a worker, and sandboxd."""
    sandboxd = Sandboxd()
    sandboxd.env["GALAXY_MARKETPLACE_KEYS"] = settings.GALAXY_MARKETPLACE_KEYS
    settings.GALAXY_MARKETPLACE_KEYS = ""
    settings.SANDBOXD_SOCKET = sandboxd.socket
    workers.env |= {"GALAXY_MARKETPLACE_KEYS": "", "SANDBOXD_SOCKET": str(sandboxd.socket)}
    workers.start()
    sandboxd.start("--size", "1")
    publisher_of(cast["meridian"], cast["creator"])
    admin = make_user("Admin of Tidewater")
    with workspace_scope([cast["tidewater"].pk]):
        make_members(cast["tidewater"], {"admin": admin}, actor=cast["stranger"])
    yield Scene(make_desk(), cast["creator"], admin, cast["meridian"], cast["tidewater"])
    sandboxd.close()


def test_from_a_creators_form_to_another_workspaces_way_back(begin, visit, scene):
    hand = begin(LOGIN)
    reviewing = visit(f"/w/{scene.desk.workspace.slug}/reviews/", scene.desk.reviewer)
    using = visit("/w/tidewater/", scene.admin)

    sign_in(hand, scene.creator)
    write_it(hand)
    simulate_it(hand)
    submit_it(hand)
    send_it_back(reviewing.page)
    submit_it_again(hand)
    approve_it(reviewing.page)
    see_it_published(hand)
    sign_out(hand)
    find_and_install_it(using.page)
    publish_a_wider_one(scene)
    move_to_it(using.page)
    roll_it_back(using.page)


def write_it(hand: Hand) -> None:
    """A form, findings beside the lines while typing, fixtures that fill the grid, and tests that pass."""
    page = hand.page
    hand.go("Workshop")
    hand.press(page.get_by_role("link", name="New draft"))
    hand.tick(page.get_by_role("radio", name="REST connector"))
    hand.press(page.get_by_role("button", name="Open the editor"))
    bare = TEXT.replace(FIXTURES, "").replace("retry: {", f"{WIDER}retry: {{")
    hand.fill(page.get_by_label("Manifest"), bare.replace("method: POST", "method: PSOT"))
    findings = page.locator("#findings")
    expect(findings).to_contain_text("Did you mean POST?")
    line = f"Line {bare[: bare.index('method: POST')].count(chr(10)) + 1}"
    hand.press(findings.get_by_role("link", name=line, exact=True))
    expect(page.locator("[data-editor-place]")).to_contain_text(line)
    hand.fill(page.get_by_label("Manifest"), bare)
    expect(findings).not_to_contain_text("Did you mean POST?")
    coverage = page.locator("#coverage")
    expect(coverage).to_contain_text("0 of 4")
    hand.press(coverage.get_by_role("link", name="401 of create_task is missing, add it"))
    expect(coverage).to_contain_text("1 of 4")
    hand.fill(page.get_by_label("Manifest"), bare + FIXTURES)
    expect(coverage).to_contain_text("4 of 4")
    hand.press(page.get_by_role("button", name="Save", exact=True))
    expect(page.locator("#toasts")).to_contain_text("Saved.")
    hand.press(page.get_by_role("button", name="Test what is saved"))
    tests = page.locator("#tests")
    expect(tests.get_by_text(re.compile(r"^(\d+) of \1 passed$"))).to_be_visible(timeout=PATIENCE_MS)
    expect(coverage.get_by_text(re.compile("of create_task passed$"))).to_have_count(4)


def simulate_it(hand: Hand) -> None:
    """As a version of its author's own, which is installed for that and answers by its samples."""
    page = hand.page
    hand.press(page.get_by_role("button", name="Save and make a version"))
    hand.press(page.get_by_role("link", name=re.compile(r"^Install 1\.0\.0-draft\.1")))
    hand.press(page.get_by_role("button", name=re.compile(r"^Install 1\.0\.0-draft\.1")))
    hand.press(page.get_by_role("link", name=re.compile("^Simulate Create a task: 401")))
    hand.press(page.get_by_role("button", name="Simulate run"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("create_task")
    expect(page.locator("[hx-trigger*=every]")).to_have_count(0, timeout=PATIENCE_MS)
    hand.go("Workshop")
    hand.press(page.get_by_role("main").get_by_role("link", name="Lantern tasks"))


def submit_it(hand: Hand) -> None:
    page = hand.page
    hand.press(page.get_by_role("link", name="Submit for review…"))
    hand.fill(page.get_by_label("Where people get help"), "help@lantern.example")
    hand.press(page.get_by_role("button", name="Submit for review"))
    expect(page.get_by_text("Lantern tasks 1.0.0 is submitted.")).to_be_visible()
    standing = page.get_by_role("region", name="Where it stands")
    expect(standing).to_contain_text(re.compile("Place in line.*1", re.DOTALL))
    expect(standing).to_contain_text("reviewer")


def send_it_back(page: Page) -> None:
    """The reviewer takes it once the worker has proven what can be, and asks for a change with a finding."""
    open_it(page)
    page.get_by_role("checkbox", name=re.compile("unused-scope|people.read")).check()
    page.get_by_label("In your words").fill("Take people.read out: nothing needs it.")
    page.get_by_role("button", name="Ask for changes").click()
    expect(page.get_by_text("Lantern tasks 1.0.0 goes back to its authors.")).to_be_visible()


def open_it(page: Page) -> None:
    page.goto("/w/marketplace/reviews/")
    page.get_by_role("link", name="Lantern tasks").click()
    page.get_by_role("button", name="Take it for review").click()
    evidence = page.get_by_role("region", name="Evidence")
    expect(evidence.get_by_text(re.compile(r"^Proven: (\d+) of \1 passed$"))).to_be_visible(timeout=PATIENCE_MS)


def submit_it_again(hand: Hand) -> None:
    page = hand.page
    hand.go("Submissions")
    hand.press(page.get_by_role("main").get_by_role("link", name="Lantern tasks").first)
    why = page.get_by_role("region", name="What has to change")
    expect(why).to_contain_text("Take people.read out")
    expect(why).to_contain_text("lantern-tasks.people.read")
    hand.press(page.get_by_role("link", name="Edit the draft"))
    hand.fill(page.get_by_label("Manifest"), TEXT)
    hand.press(page.get_by_role("button", name="Save", exact=True))
    expect(page.locator("#toasts")).to_contain_text("Saved.")
    submit_it(hand)


def approve_it(page: Page) -> None:
    open_it(page)
    since = page.get_by_role("region", name="What changed since")
    expect(since.locator("del")).to_have_text(WIDER.strip())
    page.get_by_label("Approve as").select_option(label="Verified")
    page.get_by_role("button", name="Approve and publish").click()
    expect(page.get_by_text("Lantern tasks 1.0.0 is approved and published.")).to_be_visible()


def see_it_published(hand: Hand) -> None:
    page = hand.page
    hand.go("Publications")
    hand.press(page.get_by_role("main").get_by_role("link", name="Lantern tasks").first)
    expect(page.get_by_role("main")).to_contain_text("1.0.0")


def find_and_install_it(page: Page) -> None:
    page.goto("/w/tidewater/marketplace/")
    page.get_by_placeholder("Search by system").press_sequentially("lantren taks")
    expect(page.get_by_text("Showing results for lantern task")).to_be_visible()
    card = page.get_by_role("article").filter(has_text="Lantern tasks")
    expect(card).to_contain_text("Verified")
    expect(card).to_contain_text("Asks for write tasks")
    card.get_by_role("link", name="Lantern tasks", exact=True).click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("Reviewed by staff")
    expect(main).to_contain_text("Signed by")
    expect(main).to_contain_text("api.lantern.example")
    main.get_by_role("link", name="Install…").click()
    page.get_by_role("button", name="Install Lantern tasks").click()
    expect(page.get_by_text("Lantern tasks is installed.")).to_be_visible()


def publish_a_wider_one(scene: Scene) -> None:
    """The same way, by the services behind those pages."""
    desk = scene.desk
    text = TEXT.replace(FIRST, SECOND).replace("tasks.write]", "tasks.write, lantern-tasks.people.read]")
    with workspace_scope([scene.meridian.pk]):
        draft = Draft.objects.get()
        row = submitted(scene.meridian, scene.creator, draft=draft, text=text, changes="Names the owner of a task.")
    with workspace_scope([desk.workspace.pk]):
        approve(taken(row, desk.workspace, desk.reviewer), desk=desk.workspace, actor=desk.reviewer, level="verified")
    assert Version.objects.get(number=SECOND).signatures.count() == 1


def move_to_it(page: Page) -> None:
    page.goto("/w/tidewater/updates/")
    main = page.get_by_role("main")
    expect(main).to_contain_text("Names the owner of a task.")
    main.get_by_role("link", name=f"Review Lantern tasks {SECOND}").click()
    expect(main).to_contain_text("lantern-tasks.people.read")
    page.get_by_role("button", name=f"Agree and move to {SECOND}").click()
    expect(page.get_by_text(f"is held at {SECOND} now.")).to_be_visible()


def roll_it_back(page: Page) -> None:
    page.get_by_role("link", name=re.compile(f"^Roll back to {FIRST}")).last.click()
    page.get_by_label("Reason").fill("The people of Lantern are not ours to read.")
    page.get_by_role("button", name=f"Roll back to {FIRST}").click()
    timeline = page.locator("#held-versions").get_by_role("listitem")
    expect(timeline).to_have_count(3)
    expect(timeline.first).to_contain_text("Rolled back")
    expect(timeline.first).to_contain_text("by Admin of Tidewater")
    expect(timeline.first).to_contain_text("The people of Lantern are not ours to read.")
