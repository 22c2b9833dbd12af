"""Previews that a worker makes: asked for, watched, stopped, begun again where a worker was killed."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.errors import Conflict
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from registry.services import install, move_pin
from sandbox.models import UpgradePreview, UpgradeReport
from sandbox.services import invoke
from sandbox.services.performing import perform
from sandbox.tasks import tend_previews
from sandbox.upgrades.previews import MOST_ATTEMPTS, UnderWay, _note, begin_preview, stop_preview, work_on
from tests.extensions import PROBE, publish
from tests.sandbox.test_kill import until


@pytest.fixture
def asked(probe, called, newer, admin):
    called("create", key="a")
    called("look_up", key="b")
    return begin_preview(probe, newer(), actor=admin)


def test_it_is_asked_for_once_and_kept_with_its_report(probe, asked, admin, auditor):
    assert (asked.state, asked.total) == ("queued", 2)
    assert begin_preview(probe, asked.version, actor=admin) == asked
    with pytest.raises(UnderWay):
        begin_preview(probe, asked.version, actor=admin, confirmed={"create": {"renames": {}, "fills": {"x": 1}}})
    with pytest.raises(NotGranted):
        begin_preview(probe, asked.version, actor=auditor)
    found = work_on(asked.pk)
    assert (found.state, found.done, found.attempt) == ("done", 2, 1)
    assert found.report.same == 2 and found.report.made_by == admin
    assert work_on(asked.pk).attempt == 1  # a doorbell that comes twice
    told = AuditEvent.objects.filter(action__startswith="upgrade.").order_by("pk").values_list("action", flat=True)
    assert list(told) == ["upgrade.preview_asked", "upgrade.previewed"]


def test_what_is_stopped_leaves_no_report(asked, admin, auditor):
    with pytest.raises(NotGranted):
        stop_preview(asked, actor=auditor)
    stop_preview(asked, actor=admin)
    assert work_on(asked.pk).state == "stopped"
    with pytest.raises(Conflict):
        stop_preview(asked, actor=admin)
    assert not UpgradeReport.objects.exists()
    assert AuditEvent.objects.filter(action="upgrade.preview_stopped").count() == 1


def test_a_stop_in_the_middle_is_noticed_by_whoever_works_on_it(asked, admin, monkeypatch):
    stopping = []

    def stopped_after_one(row, done):
        if done == 1 and not stopping:
            stopping.append(stop_preview(row, actor=admin))
        _note(row, done)

    monkeypatch.setattr("sandbox.upgrades.previews._note", stopped_after_one)
    assert work_on(asked.pk).state == "stopped"
    assert stopping and not UpgradeReport.objects.exists()


def test_what_moved_meanwhile_and_what_never_ends_are_told(probe, asked, newer, admin):
    UpgradePreview.objects.filter(pk=asked.pk).update(attempt=MOST_ATTEMPTS)
    work_on(asked.pk)
    found = UpgradePreview.objects.get(pk=asked.pk)
    assert found.state == "failed" and "3 attempts" in found.failure
    other = begin_preview(probe, asked.version, actor=admin)
    move_pin(probe, version=newer(number="1.1.0"), actor=admin)
    found = work_on(other.pk)
    assert (found.state, found.failure) == ("failed", "Probe was moved before its calls were replayed.")


def test_whoever_lost_its_lease_goes_no_further_and_the_sweep_calls_the_next(asked, admin):
    UpgradePreview.objects.filter(pk=asked.pk).update(asked_at=timezone.now() - timedelta(minutes=1))
    assert tend_previews() == 1
    late = timezone.now() + timedelta(seconds=15)
    UpgradePreview.objects.filter(pk=asked.pk).update(state="replaying", attempt=1, lease_until=late)
    assert tend_previews() == 0 and work_on(asked.pk).state == "replaying"  # somebody has it
    UpgradePreview.objects.filter(pk=asked.pk).update(lease_until=timezone.now())
    assert tend_previews() == 1
    found = work_on(asked.pk)
    assert (found.state, found.attempt) == ("done", 2)


def test_a_clock_that_was_set_back_stops_no_preview(asked):
    ahead = timezone.now() + timedelta(hours=1)
    UpgradePreview.objects.update(asked_at=ahead)
    assert tend_previews() == 1
    UpgradePreview.objects.update(state="replaying", attempt=1, lease_until=ahead)
    assert tend_previews() == 1
    found = work_on(asked.pk)
    assert (found.state, found.attempt) == ("done", 2)


def test_the_page_shows_how_far_it_is_and_works_without_scripts(
    client_of, as_htmx, probe, called, newer, admin, auditor, stranger
):
    called("create", key="a")
    version = newer()
    url = reverse("sandbox:upgrade-preview", args=["meridian", probe.pk])
    client = client_of(admin)
    assert "Replay recorded calls" in client.get(url, {"to": version.digest}).text
    page = client.post(url, {"to": version.digest}, follow=True)
    row = UpgradePreview.objects.get()
    assert page.redirect_chain[-1][0] == row.get_absolute_url()
    assert "It waits for a worker." in page.text and "every 1s" in page.text and 'http-equiv="refresh"' in page.text
    assert not UpgradeReport.objects.exists()
    UpgradePreview.objects.update(state="replaying", lease_until=timezone.now(), attempt=1)
    assert "0 of 1 recorded call." in as_htmx(admin).get(row.get_absolute_url()).text
    assert "0 of 1 are replayed" in client.get(url, {"to": version.digest}).text
    work_on(row.pk)
    page = client.get(row.get_absolute_url())
    report = UpgradeReport.objects.get()
    assert "1 recorded call replayed: all answered the same." in page.text
    assert report.get_absolute_url() in page.text and "every 1s" not in page.text
    stop = reverse("sandbox:preview-stopping", args=["meridian", row.pk])
    assert client.post(stop).status_code == 409
    assert client_of(auditor).post(stop).status_code == 403
    for method, address in (("get", row.get_absolute_url()), ("post", stop)):
        assert getattr(client_of(stranger), method)(address).status_code == 404


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_preview_whose_worker_is_killed_is_begun_anew(cast, workers, settings):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        old, new = publish(PROBE), publish(PROBE.replace("version: 1.0.0", "version: 1.1.0"))
        probe = install(workspace, old.extension, version=old, actor=admin)
        perform(invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"}, simulate=True).pk)
        row = begin_preview(probe, new, actor=admin)
        # As a worker leaves it that is killed after it took it.
        UpgradePreview.objects.filter(pk=row.pk).update(
            state="replaying", attempt=1, lease_until=timezone.now() + timedelta(seconds=1)
        )
        workers.start()
        until(lambda: tend_previews() == 1)
        until(lambda: UpgradePreview.objects.get(pk=row.pk).state == "done")
        found = UpgradePreview.objects.get(pk=row.pk)
        assert (found.attempt, found.report.calls) == (2, 1)
