"""People in a browser: asking in one click and being answered, and coming in by a mailed link."""

import re

from django.core import mail
from django.urls import reverse
from playwright.sync_api import expect

from galaxy.core.scope import workspace_scope
from tests.extensions import PROBE, installed


def test_a_permission_is_asked_for_in_one_click_and_given(visit, cast):
    workspace = cast["meridian"]
    with workspace_scope([workspace.pk]):
        probe = installed(workspace, cast["admin"], PROBE)[0]
    asking = visit(probe.get_absolute_url(), cast["auditor"], script=False)
    asking.page.get_by_role("button", name="Ask for “Install and remove extensions”").click()
    expect(asking.page.get_by_text("You asked; they have not answered yet.").first).to_be_visible()

    giving = visit(reverse("core:member-list", args=[workspace.slug]), cast["owner"])
    giving.page.get_by_role("button", name="Give", exact=True).click()
    giving.page.get_by_text("Given: “Install and remove extensions”").wait_for()

    asking.page.reload()
    assert asking.page.get_by_role("link", name="Remove…").count() == 1
    assert giving.complaints == []


def test_somebody_new_comes_in_by_the_link_of_the_mail(visit, cast):
    workspace = cast["meridian"]
    tab = visit(reverse("core:member-list", args=[workspace.slug]), cast["admin"])
    tab.page.get_by_role("link", name="Invite").click()
    dialog = tab.page.get_by_role("dialog", name="Invite somebody")
    dialog.get_by_label("E-mail address").fill("nell@example.test")
    dialog.get_by_label("Role").select_option(label="Creator")
    dialog.get_by_role("button", name="Send the invitation").click()
    tab.page.get_by_text("nell@example.test is invited.").wait_for()
    path = re.search(r"/invitations/[\w-]+/", mail.outbox[-1].body)[0]

    new = visit(path)
    new.page.get_by_label("Your name").fill("Nell New")
    new.page.get_by_label("Password").fill("a long enough phrase")
    new.page.get_by_role("button", name="Make an account and join").click()
    new.page.get_by_role("heading", level=1).wait_for()
    assert new.page.url.endswith(workspace.get_absolute_url())
    assert new.complaints == [] and tab.complaints == []
