"""Before and after the end of a session, and the pages of break-glass, in a browser."""

import time
from importlib import import_module

from django.conf import settings
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import expect

from galaxy.core.break_glass import break_glass
from galaxy.core.models import Membership
from galaxy.core.scope import workspace_scope
from galaxy.core.sessions import BEGAN, SEEN
from tests.browser.axe import DESK, PHONE, faults
from tests.factories import PASSWORD, make_staff

LOOK_NOW = "new BroadcastChannel('galaxy-session').postMessage('look')"  # as another tab says it


def make_old(**seconds) -> None:
    """Put what every session notes into the past."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for row in Session.objects.all():
        session = store(row.session_key)
        for name in seconds.keys() & session.keys():
            session[name] = int(time.time()) - seconds[name]
        session.save()


def test_every_tab_warns_one_click_stays_and_nothing_typed_is_lost(visit, owner):
    first = visit("/w/meridian/roles/new/", owner)
    page, other = first.page, first.page.context.new_page()
    other.goto("/preferences/")
    page.get_by_label("Name").fill("Night shift")
    page.get_by_label("See every run").check()
    make_old(**{SEEN: settings.GALAXY_SESSION_IDLE_S - 300})
    other.evaluate(LOOK_NOW)
    page.evaluate(LOOK_NOW)
    warning, warned_too = page.get_by_role("alertdialog"), other.get_by_role("alertdialog")
    expect(warning.get_by_role("heading", name="Are you still here?")).to_be_visible()
    expect(warned_too).to_be_visible()
    expect(warning.get_by_role("button", name="Stay signed in")).to_be_focused()
    expect(warning.get_by_role("link", name="Sign in in a new tab")).to_be_hidden()
    warning.get_by_role("button", name="Stay signed in").click()
    expect(warning).to_be_hidden()
    expect(warned_too).to_be_hidden()

    Session.objects.all().delete()
    other.evaluate(LOOK_NOW)
    expect(warning.get_by_role("heading", name="You were signed out")).to_be_visible()
    with page.context.expect_page() as opened:
        warning.get_by_role("link", name="Sign in in a new tab").click()
    login = opened.value
    login.get_by_label("E-mail").fill(owner.email)
    login.get_by_label("Password", exact=True).fill(PASSWORD)
    login.get_by_role("button", name="Sign in").click()
    login.wait_for_url("**/w/meridian/")
    login.evaluate(LOOK_NOW)
    expect(warning).to_be_hidden()
    expect(page.get_by_label("Name")).to_have_value("Night shift")
    page.get_by_role("button", name="Make the role").click()
    expect(page.get_by_text("The role Night shift can be given to people now.")).to_be_visible()
    assert first.complaints == []


def test_the_pages_hold_axe_and_fit(visit, cast):
    staff, owner = make_staff(), cast["owner"]
    with workspace_scope([cast["meridian"].pk]):
        break_glass(slug="meridian", reason="Helping with a run that hangs.", minutes=30, actor=staff)
        member = Membership.objects.get(user=cast["member"]).pk
    found = {}

    def look(tab, name):
        if problems := faults(tab, DESK, PHONE):
            found[name] = problems

    for person, path in (
        (staff, "/w/meridian/"),
        (owner, "/w/meridian/"),
    ):
        look(visit(path, person, for_axe=True), f"{person.name} {path}")

    removal = reverse("core:member-removal", args=["meridian", member])
    tab = visit(removal, owner, for_axe=True)
    make_old(**{BEGAN: 3600})
    tab.page.get_by_label("Reason").fill("Gone")
    tab.page.get_by_role("button", name="Remove").click()
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_role("button", name="Confirm").click()
    expect(tab.page.get_by_role("button", name="Go on")).to_be_visible()
    look(tab, "what was kept")

    make_old(**{BEGAN: settings.SESSION_COOKIE_AGE - 300})
    tab.page.goto("/preferences/")
    look(tab, "near the last end")
    tab.page.evaluate(LOOK_NOW)
    expect(tab.page.get_by_role("alertdialog")).to_be_visible()
    look(tab, "warned")
    assert found == {}
