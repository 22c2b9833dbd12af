"""Submissions and reviews in a browser: what axe says of them, and the reviewers' queue by keyboard."""

import re

import pytest
from playwright.sync_api import expect

from galaxy.core.scope import scope_with
from marketplace.submissions.approving import approve
from marketplace.submissions.services import request_changes
from marketplace.workshop.drafts import begin_draft
from tests.browser.axe import DESK, PHONE, faults
from tests.factories import make_desk
from tests.submitting import UNDOABLE, put_beside, submitted, taken, text_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
RETRY = "retry: { strategy: exponential, max_attempts: 3 }\n"
WIDE = "permissions: { required: [a.b.read] }\n"


@pytest.fixture
def scene(cast, workspace):
    """The desk, and submissions: one sent back, one in review beside the version before it, one that waits."""
    desk, creator = make_desk(), cast["creator"]
    draft = begin_draft(workspace, text=text_of(), actor=creator)
    put_beside(draft, path="notes.md", content=b"one\ntwo\nthree\n", actor=creator)
    first = taken(submitted(workspace, creator, draft=draft), desk.workspace, desk.reviewer)
    text = text_of(name="lantern-board").replace(RETRY, WIDE)
    back = taken(submitted(workspace, creator, text=text), desk.workspace, desk.reviewer)
    with scope_with(desk.workspace.pk):
        approve(first, desk=desk.workspace, actor=desk.reviewer, level="verified")
        request_changes(back, desk=desk.workspace, actor=desk.reviewer, reason="Drop a.b.read.", findings=(0,))
    draft.refresh_from_db()
    put_beside(draft, path="notes.md", content="one\n\u202etwo and a half\nthree\n".encode(), actor=creator)
    draft.refresh_from_db()
    text = UNDOABLE.replace("version: 1.0.0", "version: 1.1.0").replace(RETRY, WIDE)
    review = taken(submitted(workspace, creator, draft=draft, text=text), desk.workspace, desk.reviewer)
    waiting = submitted(workspace, creator, text=text_of(name="lantern-notes"))
    return desk, {"back": back, "review": review, "waiting": waiting}


def test_axe_finds_nothing_and_nothing_scrolls_sideways(scene, visit, cast):
    desk, rows = scene
    own, theirs = "/w/meridian", f"/w/{desk.workspace.slug}"
    back, review = rows["back"], rows["review"]
    pages = {
        cast["creator"]: [
            f"{own}/workshop/drafts/{back.draft_id}/submission/",
            f"{own}/submissions/{back.pk}/",
        ],
        desk.reviewer: [f"{theirs}/reviews/{review.pk}/"],
    }
    found = {}
    for person, paths in pages.items():
        tab = visit("/w/", person, for_axe=True)
        found |= {path: faults(tab.go(path), DESK, PHONE) for path in paths}
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_the_queue_is_worked_by_keyboard(scene, visit):
    desk, rows = scene
    page = visit(f"/w/{desk.workspace.slug}/reviews/", desk.reviewer).expect("status of 422").page
    page.locator("[data-row] a").first.focus()
    page.keyboard.press("j")
    expect(page.locator("[data-row] a").nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(rf"/reviews/{rows['review'].pk}/$"))
    page.get_by_role("link", name="Line 10").click()
    expect(page.locator("#line-10")).to_be_in_viewport()
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("A no needs a reason that its authors can act on.")).to_be_visible()
