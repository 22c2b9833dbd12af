"""The queue by keyboard, without script, and what axe says about it and about the trail."""

import logging
import time
from uuid import uuid4

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from galaxy.core.models import AuditEvent
from policies.models import Approval, Vote
from policies.services.approvals import decide_approval, request_approval
from tests.browser.axe import DESK, SMALL, faults
from tests.policies.conftest import made_up_subjects  # noqa: F401  (a fixture)

log = logging.getLogger(__name__)
QUEUE = "/w/meridian/approvals/"
TRAIL = "/w/meridian/audit/"


@pytest.fixture
def ask(workspace, creator, made_up_subjects):  # noqa: F811  (the fixture, asked for)
    def asked(summary, **fields):
        facts = {
            "what": "hubspot.delete_task",
            "where": "HubSpot",
            "records": 1,
            "simulated": True,
            "inputs": {"id": 1},
        }
        values = {
            "subject_kind": "run",
            "subject_id": uuid4(),
            "bound": {"inputs": uuid4().hex},
            "facts": facts,
            "requested_by": creator,
        }
        return request_approval(workspace, summary=summary, **(values | fields))

    return asked


def wait_for_focus(page, words):
    """Until the focused element says ``words``: after a swap the focus comes back a moment later."""
    page.wait_for_function("words => document.activeElement.textContent.trim() === words", arg=words)


SINGLES, STACKED = 30, 35  # with two stacks, a hundred in all
PATIENCE_S = 300  # a person is given five minutes; this only ends a test that hangs


@pytest.fixture
def hundred(ask):
    """A hundred requests: calls, installs, upgrades and wider scopes, and two stacks with an odd one in each."""
    kinds = ("run", "install", "upgrade", "widen")
    made = [ask(f"Alone {number}", subject_kind=kinds[number % 4]) for number in range(SINGLES)]
    for name in ("sales", "ops"):
        for number in range(STACKED):
            inputs = {"to": f"{name} {number}", "private": number == STACKED - 1}
            facts = {"what": "slack.post_message", "where": "Slack", "simulated": True, "inputs": inputs}
            made.append(ask(f"Post to {name}", shape=name * 9, facts=facts, simulated=True))
    return made


def test_a_hundred_mixed_requests_are_cleared_by_keyboard(visit, hundred, approver):
    """Nothing but keys: each alone is looked at and decided, a stack as one, and its odd one by itself."""
    page = visit(QUEUE, approver).page
    page.on("dialog", lambda dialog: pytest.fail("Nothing asks in a dialog."))
    began, keys = time.monotonic(), 0
    page.locator("[data-queue] a").first.focus()
    waiting = len(hundred)
    while waiting and time.monotonic() - began < PATIENCE_S:
        is_stack = page.locator("[data-stack]").count() > 0
        rejects = not is_stack and waiting % 10 == 0
        page.keyboard.press("r" if rejects else "a")
        assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
        if rejects:
            page.keyboard.type("Not now")
        page.keyboard.press("Control+Enter")
        keys += 2
        if is_stack:
            page.wait_for_function("() => document.getElementById('announcer').textContent.includes(' approved. ')")
            waiting = Approval.objects.waiting().count()
        else:
            waiting -= 1
        said = "count => document.getElementById('announcer').textContent.endsWith(` ${count} waiting.`)"
        page.wait_for_function(said, arg=waiting)
        if waiting:
            page.wait_for_function("() => document.activeElement.matches('a[aria-current], [data-stack] a')")
    took_s = time.monotonic() - began
    log.info("100 requests cleared in %.1f s, by %s strokes beside what was typed", took_s, keys)
    assert waiting == 0
    assert page.locator("text=Nothing waits").count() == 1
    states = Approval.objects.values_list("status", flat=True)
    assert set(states) == {"approved", "rejected"} and len(states) == len(hundred)
    assert Vote.objects.count() == len(hundred)


def test_rows_of_a_stack_are_selected_by_keyboard(visit, ask, approver):
    for number in range(5):
        ask("Post", shape="s" * 9, facts={"what": "slack.post_message", "inputs": {"to": f"c{number}"}})
    page = visit(QUEUE, approver).page
    rows, boxes = page.locator("[data-stack] a"), page.locator("[data-stack] input")
    page.locator("[data-queue] a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.matches('[data-stack] a')")  # into the stack, not beside it
    assert [box.is_checked() for box in boxes.all()] == [True] * 5
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    assert [box.is_checked() for box in boxes.all()] == [False, False, False, True, True]
    assert page.locator("#announcer").inner_text() == "2 selected."
    page.keyboard.press("a")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => document.getElementById('announcer').textContent === '2 approved. 3 waiting.'")
    assert rows.count() == 3
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.matches('[data-queue] a[aria-current]')")


def test_a_request_is_handed_over_by_keyboard_and_letters_can_be_switched_off(visit, ask, approver, admin):
    asked = ask("Delete one")
    page = visit(QUEUE, approver).page
    page.locator("[data-queue] a").first.focus()
    page.keyboard.press("h")
    page.wait_for_url("**/handover/")
    page.get_by_label(admin.name).check()
    page.get_by_role("button", name="Hand over").click()
    page.wait_for_url("**/approvals/")
    assert Approval.objects.get(pk=asked.pk).assigned_to == admin
    approver.letters = "off"
    approver.save(update_fields=["letters"])
    page.reload()
    page.locator("[data-queue] a").first.focus()
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.tagName") == "A"


def test_a_reviewer_works_the_queue_by_keyboard(visit, ask, approver):
    first, second, third = ask("Delete one"), ask("Delete two"), ask("Delete three")
    page = visit(QUEUE, approver).expect("status of 422").page  # a refusal without a reason
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
    page.wait_for_function("() => document.activeElement.getAttribute('aria-invalid') === 'true'")
    page.keyboard.type("Not today")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#request-title:text('Delete one')")
    states = [Approval.objects.get(pk=one.pk).status for one in (first, second, third)]
    assert states == ["pending", "approved", "rejected"]


def test_a_decision_is_answered_whatever_else_is_being_opened(visit, ask, approver):
    """The last of what was opened before it and after it would bring a pane in which its answer finds no place."""
    ask("Delete one"), ask("Delete two"), ask("Delete three")
    page = visit(QUEUE, approver).page
    page.evaluate(
        """() => {
          const [first, second, third] = document.querySelectorAll("[data-queue] a");
          third.click();
          document.querySelector("button[value=approved]").click();
          second.click();
          first.click();
        }"""
    )
    expect(page.locator("#announcer")).to_have_text("Approved. 2 waiting.")
    expect(page.locator("#request-title")).to_have_text("Delete two")
    assert Approval.objects.get(status="approved").summary == "Delete one"
    assert page.url.endswith(f"{QUEUE}?tab=waiting")


def test_a_decision_needs_no_script(visit, ask, approver):
    approval = ask("Delete one")
    page = visit(QUEUE, approver, script=False).page
    page.get_by_role("link", name="Delete one").click()
    page.locator("textarea[name=note]").fill("Fine")
    page.locator("button[value=approved]").click()
    expect(page.locator("#toasts")).to_contain_text("Approved. 0 waiting.")
    expect(page.locator(f"#approval-{approval.pk}")).to_contain_text("Approved by")
    assert page.url.endswith(f"{QUEUE}?tab=waiting")
    assert Approval.objects.get(pk=approval.pk).status == "approved"


def test_axe_finds_nothing_on_approvals_and_trail(visit, ask, approver, auditor):
    done = ask("Delete one")
    decide_approval(done, reviewer=approver, decision="rejected", note="Not today", digest=done.digest)
    own, waiting = ask("Delete two", requested_by=approver), ask("Delete three")
    event = AuditEvent.objects.get(action="approval.rejected")
    own_url = reverse("policies:approval-detail", args=["meridian", own.pk])
    pages = [(approver, QUEUE), (approver, f"{QUEUE}?tab=decided"), (approver, own_url)]
    pages += [(auditor, waiting.get_absolute_url()), (auditor, event.get_absolute_url())]
    tabs = {user: visit(QUEUE, user, for_axe=True) for user in (approver, auditor)}
    for user, path in pages:
        assert faults(tabs[user].go(path), DESK, SMALL) == [], path


def test_no_page_of_approvals_or_trail_trips_over_the_content_security_policy(visit, ask, auditor):
    approval = ask("Delete one")
    for path in (QUEUE, approval.get_absolute_url(), TRAIL):
        visit(path, auditor)
