"""The queue by keyboard, without script, and what axe says about it and about the trail."""

from uuid import uuid4

import pytest
from django.urls import reverse

from galaxy.core.models import AuditEvent
from policies.models import Approval
from policies.services.approvals import decide_approval, request_approval
from tests.browser.axe import violations

QUEUE = "/w/meridian/approvals/"
TRAIL = "/w/meridian/audit/"


@pytest.fixture
def ask(workspace, creator):
    def asked(summary, **fields):
        facts = {
            "what": "hubspot.delete_task",
            "where": "HubSpot",
            "records": 1,
            "simulated": True,
            "inputs": {"id": 1},
        }
        values = {"subject_kind": "run", "subject_id": uuid4(), "digest": uuid4().hex * 2, "requested_by": creator}
        return request_approval(workspace, summary=summary, facts=facts, **(values | fields))

    return asked


def wait_for_focus(page, words):
    """Until the focused element says ``words``: after a swap the focus comes back a moment later."""
    page.wait_for_function("words => document.activeElement.textContent.trim() === words", arg=words)


def test_a_reviewer_works_the_queue_by_keyboard(visit, ask, approver):
    first, second, third = ask("Delete one"), ask("Delete two"), ask("Delete three")
    tab = visit(QUEUE, approver)
    page = tab.page
    page.locator("[data-queue] a").first.focus()
    page.keyboard.press("j")
    wait_for_focus(page, "Delete two")
    page.keyboard.press("o")
    page.wait_for_selector("#request-title:text('Delete two')")
    wait_for_focus(page, "Delete two")  # the place in the list is kept
    page.keyboard.press("a")
    # As if the page settled only now: a quick A is pressed before that.
    page.evaluate("sessionStorage.setItem('galaxy-queue-by-key', 'yes')")
    page.evaluate("document.dispatchEvent(new Event('htmx:afterSettle'))")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    assert Approval.objects.get(pk=second.pk).status == "pending"  # no letter decides
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#request-title:text('Delete three')")
    wait_for_focus(page, "Delete three")
    assert page.locator("#announcer").inner_text() == "Approved. 2 waiting."
    assert page.locator("#due-count").inner_text().startswith("2")
    assert "Approved by" in page.locator(f"#approval-{second.pk}").inner_text()
    page.keyboard.press("r")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".errors:has-text('Say why')")
    page.wait_for_function("document.activeElement.getAttribute('aria-invalid') === 'true'")
    page.keyboard.type("Not today")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#request-title:text('Delete one')")
    states = [Approval.objects.get(pk=one.pk).status for one in (first, second, third)]
    assert states == ["pending", "approved", "rejected"]
    refused = "Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"
    assert tab.complaints == [refused]


def test_a_decision_needs_no_script(visit, ask, approver):
    approval = ask("Delete one")
    page = visit(QUEUE, approver, script=False).page
    page.get_by_role("link", name="Delete one").click()
    page.locator("textarea[name=note]").fill("Fine")
    page.locator("button[value=approved]").click()
    assert page.url.endswith(approval.get_absolute_url())
    assert "Approved. 0 waiting." in page.locator("#toasts").inner_text()
    assert Approval.objects.get(pk=approval.pk).status == "approved"


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 320)])
def test_axe_finds_nothing_on_approvals_and_trail(visit, ask, approver, auditor, theme, width):
    done = ask("Delete one")
    decide_approval(done, reviewer=approver, decision="rejected", note="Not today", digest=done.digest)
    own, waiting = ask("Delete two", requested_by=approver), ask("Delete three")
    event = AuditEvent.objects.get(action="approval.rejected")
    own_url = reverse("policies:approval-detail", args=["meridian", own.pk])
    pages = [
        (approver, QUEUE),
        (approver, f"{QUEUE}?tab=mine"),
        (approver, f"{QUEUE}?tab=decided"),
        (approver, own_url),
    ]
    pages += [(auditor, waiting.get_absolute_url()), (auditor, TRAIL), (auditor, f"{TRAIL}?target=x&since=2026-01-01")]
    pages += [(auditor, event.get_absolute_url())]
    for user, path in pages:
        tab = visit(path, user, theme=theme, width=width, for_axe=True)
        assert violations(tab.page) == [], path
        assert tab.sideways_px <= 0, path


def test_no_page_of_approvals_or_trail_trips_over_the_content_security_policy(visit, ask, auditor):
    approval = ask("Delete one")
    for path in (QUEUE, approval.get_absolute_url(), TRAIL):
        assert visit(path, auditor).complaints == []
