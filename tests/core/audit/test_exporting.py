"""Exports by a worker: asked for, written, stopped, resumed, verified, fetched, deleted; and plain files at once."""

import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from galaxy.core.audit import exporting
from galaxy.core.audit.packs import making, rows, verify
from galaxy.core.audit.packs.selection import sealed_size
from galaxy.core.errors import Conflict
from galaxy.core.models import AuditDetail, AuditEvent, ExportJob, Notification
from galaxy.core.permissions import NotGranted
from tests.sealing import seal

State = ExportJob.State


@pytest.fixture(autouse=True)
def places(settings, tmp_path, monkeypatch):
    settings.GALAXY_EXPORTS_DIR = tmp_path / "exports"
    monkeypatch.setattr(exporting, "_ring", lambda *ids: None)


@pytest.fixture
def trail(workspace, write, sequencer):
    """A sealed trail; returns its size."""
    for number in range(12):
        write(f"box.n{number}", after={"number": number}, simulated=number == 3)
    write("crate.rejected")
    seal(sequencer, workspace)
    return sealed_size(workspace)


@pytest.fixture
def job(workspace, auditor, trail):
    return exporting.request_export(workspace, actor=auditor)


def told(action) -> dict:
    event = AuditEvent.objects.filter(action=action).latest("id")
    return AuditDetail.objects.get(event_id=event.pk).fields


def list_url(workspace):
    return reverse("core:export-list", args=[workspace.slug])


# --- From asking to fetching --------------------------------------------------------------------------------------


def test_an_export_is_asked_for_written_verified_told_of_and_fetched(
    client_of, auditor, workspace, trail, tmp_path, django_capture_on_commit_callbacks
):
    client = client_of(auditor)
    response = client.post(
        list_url(workspace), {"query": "action=box.", "form": "pack", "classes": ["names"], "fields_left_out": ""}
    )
    job = ExportJob.objects.get()
    assert response.status_code == 302 and response["Location"] == job.get_absolute_url()
    asked = told("export.requested")
    assert (asked["data.filters"], asked["data.left_out"]) == ({"action": "box."}, ["names"])
    page = client.get(job.get_absolute_url())
    assert "Queued" in page.text and "every 2s" in page.text and "Stop" in page.text
    exporting.work_on(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.failure) == (State.READY, 12, 12, "")
    assert job.report["events"] == 12 and job.report["left_out"] == 24 and told("export.finished")["data.events"] == 12
    assert Notification.objects.filter(person=auditor, kind="export_ready").count() == 1
    page = client.get(job.get_absolute_url())
    assert "Intact" in page.text and "every 2s" not in page.text and "12 events of galaxy.audit" in page.text
    fetched = client.post(reverse("core:export-file", args=[workspace.slug, job.pk]))
    data = b"".join(fetched.streaming_content)
    assert fetched["Content-Type"] == "application/zip" and f"audit-{workspace.slug}-" in fetched["Content-Disposition"]
    assert told("export.downloaded")["data.sha256"] == job.sha256 and len(data) == job.bytes
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "fetched")
    (folder,) = (tmp_path / "fetched").iterdir()
    assert verify.Pack(folder).verify()["events"] == 12


@pytest.mark.asvs("5.3.2")
def test_files_are_for_galaxy_alone_and_only_the_pack_stays(job):
    exporting.work_on(job.pk)
    path = exporting.file_of(job)
    assert sorted(one.name for one in path.parent.iterdir()) == ["chosen", "lock", "pack.zip"]
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("role", "status"),
    [("owner", 302), ("admin", 302), ("auditor", 302), ("approver", 403), ("creator", 403), ("member", 403)],
)
def test_who_may_export(client_of, cast, workspace, trail, role, status):
    client = client_of(cast[role])
    assert client.post(list_url(workspace), {"form": "lines"}).status_code == status
    assert client.get(list_url(workspace)).status_code == (200 if status == 302 else 403)
    stream = client.post(reverse("core:export-stream", args=[workspace.slug]), {"form": "csv"})
    assert stream.status_code == (200 if status == 302 else 403)


def test_another_workspaces_export_is_not_found(client_of, job, stranger, auditor):
    exporting.work_on(job.pk)
    for user, slug in ((stranger, "meridian"), (stranger, "tidewater"), (auditor, "tidewater")):
        for name in ("export-file", "export-stopping"):
            assert client_of(user).post(reverse(f"core:{name}", args=[slug, job.pk])).status_code == 404
        assert client_of(user).get(reverse("core:export-detail", args=[slug, job.pk])).status_code == 404


def test_fetching_is_no_get_and_nothing_is_fetched_before_it_is_finished(client_of, auditor, workspace, job):
    url = reverse("core:export-file", args=[workspace.slug, job.pk])
    assert client_of(auditor).get(url).status_code == 405
    assert client_of(auditor).post(url).status_code == 410
    assert not AuditEvent.objects.filter(action="export.downloaded").exists()


@pytest.mark.asvs("2.2.3")
def test_what_cannot_be_used_is_said_beside_its_field(client_of, auditor, workspace, trail):
    client = client_of(auditor)
    response = client.post(list_url(workspace), {"form": "pack", "fields_left_out": "salary"})
    assert response.status_code == 422 and "salary is no field" in response.text
    response = client.post(list_url(workspace), {"form": "pack", "query": "since=2026-02-30"})
    assert response.status_code == 422 and "cannot be used" in response.text
    assert not ExportJob.objects.exists()


@pytest.mark.asvs("5.2.4", "15.2.2")
def test_a_few_at_once_are_enough(workspace, auditor, trail):
    for _ in range(exporting.MOST_AT_ONCE):
        exporting.request_export(workspace, actor=auditor)
    with pytest.raises(Conflict, match="under way"):
        exporting.request_export(workspace, actor=auditor)


def test_the_page_says_what_the_filters_are_and_costs_the_same_whatever_it_lists(
    client_of, auditor, workspace, trail, django_assert_max_num_queries
):
    client = client_of(auditor)
    text = client.get(list_url(workspace), {"action": "box.", "mode": "live"}).text
    assert "event box, mode live" in text and "action=box.&amp;mode=live" in text and "No exports yet" in text
    for number in range(4):
        ExportJob.objects.create(
            workspace=workspace, requested_by=auditor, state=State.STOPPED, finished_at=timezone.now(), total=number
        )
    with django_assert_max_num_queries(14):
        client.get(list_url(workspace))


def test_a_purge_that_is_under_way_ends_before_an_export_is_asked_for(
    workspace, auditor, trail, django_assert_max_num_queries
):
    """Purges hold the workspace's lock until they commit; afterwards they see the export, and wait for its end."""
    with django_assert_max_num_queries(40) as asked:
        exporting.request_export(workspace, actor=auditor)
    said = [query["sql"] for query in asked.captured_queries]
    locked = next(number for number, sql in enumerate(said) if "FOR NO KEY UPDATE" in sql)
    assert locked < next(number for number, sql in enumerate(said) if "core_auditcheckpoint" in sql)
    assert locked < next(number for number, sql in enumerate(said) if 'INSERT INTO "core_exportjob"' in sql)


# --- Stopping, resuming, deleting ---------------------------------------------------------------------------------


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(rows, "FIRST", 3)
    monkeypatch.setattr(rows, "STEP", 3)


def test_a_stopped_export_leaves_no_file(
    client_of, auditor, workspace, job, small_parts, monkeypatch, django_capture_on_commit_callbacks
):
    folder = exporting.file_of(job).parent
    real = exporting._note

    def noted(one, **changes):
        real(one, **changes)
        if changes.get("done") == 6:
            client_of(auditor).post(reverse("core:export-stopping", args=[workspace.slug, job.pk]))

    monkeypatch.setattr(exporting, "_note", noted)
    exporting.work_on(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, folder.exists()) == (State.STOPPED, 6, False)
    assert AuditEvent.objects.filter(action="export.stopped", actor_id=str(auditor.pk)).count() == 1
    assert exporting.work_on(job.pk).state == State.STOPPED
    with pytest.raises(Conflict, match="over already"):
        exporting.stop_export(job, actor=auditor)


class Killed(BaseException):
    """As a worker ends that is killed: nothing of what it would do about errors happens."""


def test_an_export_killed_at_every_step_gives_the_same_bytes(
    workspace, auditor, trail, small_parts, monkeypatch, write, sequencer
):
    asked_at = timezone.now()
    whole, other = (exporting.request_export(workspace, actor=auditor) for _ in range(2))
    ExportJob.objects.update(requested_at=asked_at)
    monkeypatch.setattr(exporting, "sealed_size", lambda workspace: trail)
    for one in (whole, other):
        one.refresh_from_db()
    exporting.work_on(whole.pk)
    write("box.later")
    seal(sequencer, workspace)
    kills = 0

    def dying(name, module):
        real = getattr(module, name)

        def once(*args, **kwargs):
            nonlocal kills
            if name not in done and args[0:1] != (whole,):
                done.add(name)
                kills += 1
                raise Killed
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, once)

    done: set[str] = set()
    for name, module in (
        ("write_proofs", making), ("complete", making), ("pack", making), ("_verified", exporting),
        ("_finish", exporting), ("lines_part", rows), ("sheet_part", rows), ("_note", exporting),
    ):  # fmt: skip
        dying(name, module)
    for _ in range(30):
        ExportJob.objects.filter(pk=other.pk).update(lease_until=None, attempt=0)
        try:
            exporting.work_on(other.pk)
        except Killed:
            continue
        break
    other.refresh_from_db()
    assert kills == 8 and other.state == State.READY
    one, two = (zipfile.ZipFile(exporting.file_of(job)) for job in (whole, other))
    assert one.namelist() == two.namelist()
    for name in one.namelist():
        assert one.read(name) == two.read(name), name


def test_whoever_lost_the_lease_writes_no_more(job, small_parts, monkeypatch):
    real = exporting._note

    def noted(one, **changes):
        if changes.get("done") == 6:
            ExportJob.objects.filter(pk=job.pk).update(attempt=7)
        real(one, **changes)

    monkeypatch.setattr(exporting, "_note", noted)
    exporting.work_on(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.attempt) == (State.WRITING, 3, 7)


def test_the_lease_is_held_on_while_a_pack_is_put_together(job, monkeypatch):
    """A large one takes longer than a lease, and whoever finds it over would begin beside the one at work."""
    real, leases = making.pack, []

    def slow(*args):
        ExportJob.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        real(*args)
        leases.append(ExportJob.objects.get(pk=job.pk).lease_until)

    monkeypatch.setattr(making, "pack", slow)
    monkeypatch.setattr(exporting, "RENEW_S", 0)
    exporting.work_on(job.pk)
    assert leases[0] > timezone.now()


def test_two_workers_do_not_write_into_one_folder(job):
    with exporting._alone(job) as is_alone:
        assert is_alone and exporting.work_on(job.pk).state == State.QUEUED


def test_what_goes_wrong_is_tried_again_and_in_the_end_told(workspace, auditor, job, monkeypatch):
    monkeypatch.setattr(making, "complete", lambda *args: 1 / 0)
    for _ in range(exporting.MOST_ATTEMPTS):
        with pytest.raises(ZeroDivisionError):
            exporting.work_on(job.pk)
    exporting.work_on(job.pk)
    job.refresh_from_db()
    assert job.state == State.FAILED and "8 attempts" in job.failure
    assert Notification.objects.filter(person=auditor, kind="export_failed").count() == 1
    assert told("export.failed")["data.attempts"] == 8


def test_a_pack_that_does_not_verify_says_so_and_can_be_fetched(client_of, auditor, workspace, job, monkeypatch):
    real = making.complete

    def altered(folder, *args):
        path = folder / verify.EVENTS
        path.write_bytes(path.read_bytes().replace(b'"after.number": 5', b'"after.number": 6', 1))
        real(folder, *args)

    monkeypatch.setattr(making, "complete", altered)
    exporting.work_on(job.pk)
    job.refresh_from_db()
    assert job.state == State.READY and "field after.number" in job.failure
    text = client_of(auditor).get(job.get_absolute_url()).text
    assert "Not intact" in text and "field after.number" in text and "Download pack" in text


def test_the_sweep_calls_for_what_nobody_works_on_and_deletes_what_is_over(
    workspace, auditor, job, monkeypatch, django_capture_on_commit_callbacks
):
    rung = []
    monkeypatch.setattr(exporting, "_ring", lambda *ids: rung.append(ids))
    assert exporting.tend_exports() == 0, "it was rung for just now"
    ExportJob.objects.update(requested_at=timezone.now() - timedelta(minutes=1))
    assert exporting.tend_exports() == 1 and rung == [(workspace.pk, job.pk)]
    ExportJob.objects.update(lease_until=timezone.now() + timedelta(seconds=9), state=State.WRITING)
    assert exporting.tend_exports() == 0, "somebody holds it"
    ExportJob.objects.update(lease_until=None)
    exporting.work_on(job.pk)
    assert exporting.tend_exports() == 0
    ExportJob.objects.update(expires_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        assert exporting.tend_exports() == 1
    job.refresh_from_db()
    assert job.state == State.EXPIRED and not exporting.file_of(job).exists()
    assert AuditEvent.objects.filter(action="export.deleted").count() == 1


def test_a_clock_that_was_set_back_stops_no_export(job, monkeypatch):
    """Its worker was lost, and its lease lies an hour ahead since; so it does where nobody has begun."""
    monkeypatch.setattr(exporting, "_ring", lambda *ids: None)
    ahead = timezone.now() + timedelta(hours=1)
    ExportJob.objects.update(requested_at=ahead)
    assert exporting.tend_exports() == 1
    ExportJob.objects.update(requested_at=timezone.now(), lease_until=ahead, state=State.WRITING, attempt=1)
    assert exporting.tend_exports() == 1
    found = exporting.work_on(job.pk)
    assert (found.state, found.attempt) == (State.READY, 2)


# --- Plain files, at once ------------------------------------------------------------------------------------------


def test_plain_files_come_as_they_are_read_and_are_events(client_of, auditor, workspace, trail, small_parts):
    client = client_of(auditor)
    url = reverse("core:export-stream", args=[workspace.slug])
    response = client.post(url, {"form": "csv", "query": "action=box."})
    text = b"".join(response.streaming_content).decode()
    assert response["Content-Type"].startswith("text/csv") and text.count("\n") == 13 and '"box.n11"' in text
    assert told("export.streamed")["data.filters"] == {"action": "box."}
    lines = b"".join(client.post(url, {"form": "ndjson"}).streaming_content).splitlines()
    assert len(lines) == trail and json.loads(lines[0])["position"] == 0
    assert client.post(url, {"form": "xls"}).status_code == 422
    assert client.get(url).status_code == 405


# --- At the command line -------------------------------------------------------------------------------------------


def test_the_command_writes_a_pack_that_verifies(workspace, trail, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("galaxy.core.management.commands.audit.workspaces_named", lambda slugs: [workspace])
    folder = tmp_path / "pack"
    command = ["audit", "export", "--workspace", "meridian", "-o", str(folder)]
    call_command(*command, "--outcome", "refused", "--redact", "changes", "--no-csv")
    assert "1 events are in" in capsys.readouterr().out
    found = subprocess.run(
        [sys.executable, "-I", folder / "verify.py", folder], capture_output=True, text=True, check=False, cwd="/",
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert found.returncode == 0 and found.stdout.startswith("PASS")
    assert told("export.made")["data.filters"] == {"outcome": "refused"}
    with pytest.raises(CommandError, match="something in"):
        call_command(*command)
    with pytest.raises(CommandError, match="nothing called all"):
        call_command(*command[:-1], str(tmp_path / "other"), "--redact", "all")
    with pytest.raises(CommandError, match="outcome: "):
        call_command(*command[:-1], str(tmp_path / "other"), "--outcome", "good")


def test_the_command_says_so_where_what_it_wrote_does_not_verify(workspace, trail, tmp_path, monkeypatch):
    """As when retention takes values while they are written."""
    real = rows.lines_part

    def altered(*args):
        return [b"".join(real(*args)).replace(b'"after.number": 5', b'"after.number": 6')]

    monkeypatch.setattr("galaxy.core.management.commands.audit.workspaces_named", lambda slugs: [workspace])
    monkeypatch.setattr(rows, "lines_part", altered)
    with pytest.raises(CommandError, match=r"does not verify: .*after\.number.* Export it again"):
        call_command("audit", "export", "--workspace", "meridian", "-o", str(tmp_path / "pack"), "--no-csv")


def test_nobody_exports_without_the_permission(workspace, member, trail):
    with pytest.raises(NotGranted):
        exporting.request_export(workspace, actor=member)
    with pytest.raises(NotGranted):
        exporting.open_stream(workspace, actor=member, filters={}, form="csv")
