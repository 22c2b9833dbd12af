"""Issues, limits and the cards that mend runs, in a browser: each page held to axe, and the countdown."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from galaxy.core.scope import workspace_scope
from sandbox import holds
from sandbox.breakers import Pass, report, trip_breaker
from sandbox.circuit import Knobs
from sandbox.declared import budgets, places, subject_of
from sandbox.errors import RunError
from sandbox.issues import close_issues, open_issue
from sandbox.models import Category, Issue, Run
from sandbox.services import invoke
from sandbox.services.ending import end
from sandbox.services.leases import give_back
from sandbox.windows import take
from tests.browser.axe import DESK, SMALL, faults
from tests.extensions import PROBE, installed
from tests.sandbox.scripted import connected

LIMITS = "homepage: https://probe.example/help\nrate_limits: { rpm: 3, per_day: 5000, concurrency: 2 }\n"
LIMITED = PROBE.replace("retry: {", f"{LIMITS}retry: {{", 1)


@pytest.fixture
def troubled(cast):
    """A connection with everything on it, as it is in the middle of trouble; {name: address of a page}."""
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]), transaction.atomic():
        probe = installed(workspace, admin, LIMITED)[0]
        connection = connected(probe)
        for _ in range(10):
            report(connection, "look_up", "transient", Knobs(rest_s=3600), Pass())
        trip_breaker(connection, "create", actor=admin, reason="The vendor is moving to another data centre.")
        open_issue(probe, Issue.Kind.HEALTH_FAILING, target="look_up", sentence="Two failed.", next_step="Look.")
        open_issue(probe, Issue.Kind.RETRIES_EXHAUSTED, target="put", sentence="It failed.", next_step="Look.")
        close_issues(probe, Issue.Kind.RETRIES_EXHAUSTED, because="A call went through again.")
        run, waiting, *failed = [
            invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": f"k{at}"}) for at in range(4)
        ]
        now = timezone.now()
        Run.objects.filter(pk__in=[run.pk, waiting.pk]).update(
            state="running", attempt=1, lease_until=now + timedelta(hours=1), started_at=now
        )
        run.refresh_from_db()
        waiting.refresh_from_db()
        spec = run.version.parsed.actions["look_up"]
        subject = subject_of(probe, connection, "live")
        holds.take(run, subject, places(run.version.parsed, spec, {}))
        give_back(waiting, now + timedelta(seconds=40), "The budget of 3 calls a minute (connection) is spent.")
        for number in range(3):
            take([one.window for one in budgets(probe, subject, run.version.parsed, spec)], f"{run.pk}{number}", 0)
        end(failed[0], error=RunError(Category.TOOL_ERROR, "not_json", attempts=1, last_endpoint="GET /things/…"))
        end(failed[1], error=RunError(Category.RATE_LIMIT, "http_429", retry_at=now + timedelta(minutes=9)))
        issues = {issue.kind: issue.get_absolute_url() for issue in Issue.objects.all()}
        hold = holds.holds_of(connection)[0]
        page = connection.get_absolute_url()
        return {
            "issues": "/w/meridian/issues/",
            "issue": issues["breaker_open"],
            "closed": issues["retries_exhausted"],
            "connection": page,
            "limits": f"{page}limits/",
            "breaker": f"{page}breaker/",
            "reset": f"{page}breaker/?to=closed&action=look_up",
            "hold": f"{page}holds/{hold.pk}/",
            "tool error": failed[0].get_absolute_url(),
            "rate limit": failed[1].get_absolute_url(),
            "turn": waiting.get_absolute_url(),
        }


def test_every_page_is_clean_at_every_size(visit, cast, troubled):
    tab = visit("/w/meridian/", cast["admin"], for_axe=True)
    found = {name: faults(tab.go(path), DESK, SMALL) for name, path in troubled.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_what_is_left_counts_down_by_itself_and_the_policy_holds(visit, cast, troubled):
    tab = visit(troubled["limits"], cast["admin"])
    limits = tab.page.locator("#limits")
    expect(limits).to_contain_text("0 of 3 left")
    limits.get_by_text("History").first.click()
    limits.get_by_role("link", name="Reset…").first.focus()
    before = limits.inner_text()
    expect(limits).not_to_have_text(before, timeout=10_000)
    expect(limits).to_contain_text("there is room in")
    expect(limits.get_by_text("The vendor is moving to another data centre.")).to_be_visible()
    expect(limits.get_by_role("link", name="Reset…").first).to_be_focused()
    assert tab.complaints == []


def test_a_breaker_is_reset_without_script(visit, cast, troubled):
    page = visit(troubled["connection"], cast["admin"], script=False).page
    row = page.locator("#limits li").filter(has_text="create").first
    row.get_by_role("link", name="Reset…").click()
    page.get_by_label("Why").fill("The move is over.")
    page.get_by_role("button", name="Let calls through").click()
    expect(page.locator("#limits li").filter(has_text="create").first).to_contain_text("Calls go through.")
