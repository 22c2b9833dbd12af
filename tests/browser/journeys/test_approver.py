"""An approver: signs in with a second factor, reads a request, says yes to one, no to another with a reason, and yes to
a stack at once; then to a delete that a run waits with."""

import re

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from playwright.sync_api import expect

from galaxy.core.scope import workspace_scope
from policies.models import Approval
from sandbox.services import invoke
from tests.browser.journeys.acts import LOGIN, sign_in
from tests.browser.test_approval_queue import ask  # noqa: F401  (a fixture)
from tests.extensions import PROBE, installed
from tests.policies.conftest import made_up_subjects  # noqa: F401  (a fixture)


@pytest.fixture
def secret(approver, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    found = generate_totp_secret()
    TOTP.activate(approver, found)
    return found


@pytest.fixture
def waiting(ask, workspace, admin):  # noqa: F811  (the fixture, asked for)
    """One to read and approve, one to reject, three alike, and a call that really waits."""
    ask("Delete one")
    ask("Delete two")
    for number in range(3):
        ask("Post", shape="s" * 9, facts={"what": "slack.post_message", "inputs": {"to": f"c{number}"}})
    with workspace_scope([workspace.pk]):
        installed(workspace, admin, PROBE)
        return invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "a"})


def test_from_a_second_factor_to_an_empty_queue(begin, approver, secret, waiting):
    hand = begin(LOGIN)
    sign_in(hand, approver, secret)
    hand.go("Approvals")
    read_and_approve(hand, "Delete one")
    reject(hand, "Delete two")
    approve_a_stack(hand)
    approve_what_a_run_waits_for(hand)
    states = dict(Approval.objects.values_list("summary", "status"))
    assert states.pop("Delete two") == "rejected"
    assert set(states.values()) == {"approved"}
    waiting.refresh_from_db()
    assert waiting.state == "queued"


def read_and_approve(hand, summary):
    page = hand.page
    hand.press(page.locator("[data-queue]").get_by_role("link", name=summary))
    expect(page).to_have_url(re.compile("open="))
    expect(page.locator("#request-title")).to_have_text(summary)
    expect(page.get_by_role("main")).to_contain_text("hubspot.delete_task")
    hand.press(page.get_by_role("button", name="Approve", exact=True))
    expect(page.locator("#announcer")).to_have_text("Approved. 5 waiting.")
    expect(page.locator("#due-count")).to_have_text("5 waiting")


def reject(hand, summary):
    """The next one, which is open by itself. Not without a reason."""
    page = hand.page
    expect(page.locator("#request-title")).to_have_text(summary)
    reason = page.get_by_role("textbox", name=re.compile("^Reason"))
    hand.tab.expect("status of 422")
    hand.press(page.get_by_role("button", name="Reject", exact=True))
    expect(page.get_by_text("Say why")).to_be_visible()
    expect(reason).to_be_focused()
    hand.fill(reason, "Not today")
    hand.press(page.get_by_role("button", name="Reject", exact=True))
    expect(page.locator("#announcer")).to_have_text("Rejected. 4 waiting.")


def approve_a_stack(hand):
    page = hand.page
    expect(page.locator("[data-stack] input:checked")).to_have_count(3)
    hand.press(page.get_by_role("button", name="Approve selected"))
    expect(page.locator("#announcer")).to_have_text("3 approved. 1 waiting.")


def approve_what_a_run_waits_for(hand):
    page = hand.page
    main = page.get_by_role("main")
    expect(main).to_contain_text("probe.remove")
    hand.press(page.get_by_role("button", name="Approve", exact=True))
    expect(main).to_contain_text("Nothing waits")
    expect(page.locator("#announcer")).to_have_text("Approved. 0 waiting.")
    expect(page.locator("#due-count")).to_be_empty()
