"""The pages of health with figures on them: readable by everybody, on a telephone, and without script."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from sandbox.models import CheckSchedule, HealthCheck, Run
from tests.browser.axe import DESK, SMALL, faults
from tests.extensions import installed, publish
from tests.sandbox.health.calls import CHECKED, connect, make_calls


@pytest.fixture
def shared(workspace, admin):
    """A connection that does badly: a missed objective, failed checks, mistakes of callers."""
    connection = connect(installed(workspace, admin, CHECKED)[0])
    for day in range(7):
        make_calls(connection, 40 + 9 * day, age=timedelta(days=day, hours=1))
    make_calls(connection, 4, category="transient", age=timedelta(days=2, hours=1), target="pulse.add")
    make_calls(connection, 3, category="validation")
    for passed in (True, True, False):
        HealthCheck.objects.create(
            workspace=workspace, connection=connection, passed=passed, duration_ms=231,
            category="" if passed else "transient", sentence="" if passed else "The other system did not answer.",
        )  # fmt: skip
    CheckSchedule.objects.create(
        workspace=workspace, connection=connection, failures=1, next_at=timezone.now() + timedelta(minutes=9)
    )
    return connection


@pytest.fixture
def pages(shared, workspace):
    other = publish(CHECKED.replace("version: 1.0.0", "version: 1.1.0"))
    pin_url = reverse("registry:pin-change", args=[workspace.slug, shared.installation_id])
    return [
        pin_url,
        f"{pin_url}?to={other.digest}",
        reverse("sandbox:installation-health", args=[workspace.slug, shared.installation_id]),
        shared.get_absolute_url(),
        reverse("sandbox:connection-health", args=[workspace.slug, shared.pk]),
        shared.installation.get_absolute_url(),
        reverse("registry:installation-list", args=[workspace.slug]),
        workspace.get_absolute_url(),
    ]


def test_axe_finds_nothing_and_nothing_goes_sideways(visit, admin, pages):
    tab = visit("/w/", admin, for_axe=True)
    found = {}
    for path in pages:
        tab.go(path).page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
        found[path] = faults(tab, DESK, SMALL)
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_a_check_is_asked_for_without_script(visit, admin, shared):
    page = visit(shared.get_absolute_url(), admin, script=False).page
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("A check is under way").first).to_be_visible()
    assert Run.objects.filter(is_check=True).count() == 1


def test_the_part_stops_asking_once_the_check_is_over(visit, admin, shared):
    tab = visit(shared.get_absolute_url(), admin)
    tab.page.get_by_role("button", name="Check now").click()
    part = tab.page.locator("#connection-health")
    expect(part.get_by_text("A check is under way")).to_be_visible()
    run = Run.objects.get(is_check=True)
    HealthCheck.objects.create(
        workspace=shared.workspace, connection=shared, run=run, passed=True, duration_ms=40, checked_at=timezone.now()
    )
    Run.objects.filter(pk=run.pk).update(state="succeeded", finished_at=timezone.now())
    expect(part.get_by_text("passed in 40 ms")).to_be_visible()
    expect(part.get_by_role("button", name="Check now", disabled=False)).to_be_visible()
    assert tab.complaints == []
