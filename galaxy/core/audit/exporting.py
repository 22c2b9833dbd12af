"""Exports that a worker makes: asked for, written with progress, stopped, resumed, verified, fetched and deleted.

What has to be done stands in the row (ExportJob); the queue is a doorbell. Whoever works on an export holds its lease
and the lock of its folder; where a worker was killed the lease runs out and the next one goes on behind what the disk
has. The tree is fixed when writing begins and the choice of events kept beside the files, so that the bytes are the
same however often that happened. A finished pack is verified by the verifier that is in it before anybody is told.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit.packs import making, rows, verify
from galaxy.core.audit.packs.redaction import checked
from galaxy.core.audit.packs.selection import Selection, sealed_size, select
from galaxy.core.db.leases import is_over
from galaxy.core.errors import Conflict, DomainError
from galaxy.core.members.people import lock
from galaxy.core.models import ExportJob, User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import require
from galaxy.core.scope import workspace_scope

EXPORT = "core.export_auditevent"
State = ExportJob.State
LEASE = timedelta(seconds=60)
RENEW_S = 5.0  # while nothing is written: as the pack is verified and put together
MOST_AT_ONCE = 3  # unfinished, per workspace
MOST_ATTEMPTS = 8  # after which something is wrong that another attempt does not mend


class NoLongerThere(DomainError):
    status = 410
    code = "export_gone"
    next_step = "Ask for the export again."


class NotMine(Exception):
    """Somebody stopped this export or took it over; the files are theirs now."""


@transaction.atomic
def request_export(
    workspace: Workspace,
    *,
    actor: User,
    filters: Mapping[str, str] | None = None,
    redacted: Iterable[str] = (),
    with_sheet: bool = True,
) -> ExportJob:
    """Ask for a pack; a worker begins after the commit. Audited.

    ``filters`` as galaxy.core.audit.search reads them, ``redacted`` as packs.redaction does. Raises NotGranted,
    Invalid, or Conflict where the workspace has MOST_AT_ONCE under way or nothing sealed.
    """
    require(actor, EXPORT, workspace)
    left_out = checked(list(redacted))
    lock(workspace)  # a purge that is under way ends first, and the next one sees the export
    sealed_size(workspace)
    if ExportJob.objects.in_workspace(workspace).unfinished().count() >= MOST_AT_ONCE:
        raise Conflict(f"{MOST_AT_ONCE} exports of this workspace are under way.", "Wait for one, or stop one.")
    job = ExportJob.objects.create(
        workspace=workspace, filters=dict(filters or {}), redacted=left_out, with_sheet=with_sheet, requested_by=actor
    )
    asked = {"filters": job.filters, "left_out": left_out}
    audit.record("export.requested", actor=actor, target=job, **asked)
    transaction.on_commit(partial(_ring, job.workspace_id, job.pk))
    return job


@transaction.atomic
def open_stream(workspace: Workspace, *, actor: User, filters: Mapping[str, str], form: str) -> Iterator[bytes]:
    """The events under ``filters`` as they stand, without proofs; ``form`` is csv or ndjson. Audited before the first.

    What comes is read as it goes, in the scope of then. Raises NotGranted or Conflict.
    """
    require(actor, EXPORT, workspace)
    chosen = select(workspace, filters, sealed_size(workspace))
    told: dict[str, Any] = {"filters": dict(filters), "form": form, "events": len(chosen)}
    audit.record("export.streamed", actor=actor, target=workspace, **told)
    return rows.sheet(workspace, chosen) if form == "csv" else rows.lines(workspace, chosen)


@transaction.atomic
def stop_export(job: ExportJob, *, actor: User) -> None:
    """Call off an export that is not finished; its files go. Audited. Raises NotGranted or Conflict."""
    require(actor, EXPORT, job.workspace)
    own = ExportJob.objects.in_workspace(job.workspace).unfinished().filter(pk=job.pk)
    if not own.update(state=State.STOPPED, finished_at=timezone.now(), lease_until=None):
        raise Conflict("This export is over already.")
    audit.record("export.stopped", actor=actor, target=job)
    transaction.on_commit(partial(_delete_files, job))


@transaction.atomic
def open_download(job: ExportJob, *, actor: User) -> tuple[Path, str]:
    """The file of a finished export and its name; fetching is audited. Raises NotGranted or NoLongerThere."""
    require(actor, EXPORT, job.workspace)
    path = file_of(job)
    if not job.is_ready or not path.is_file():
        raise NoLongerThere("There is nothing to fetch: the pack is not finished, or was deleted.")
    audit.record("export.downloaded", actor=actor, target=job, sha256=job.sha256)
    return path, f"{_name(job)}.zip"


def work_on(job_id: UUID) -> ExportJob:
    """Write an export, from wherever it stands; safe to call at any time and twice. The workspace must be in scope.

    What goes wrong leaves it for another attempt, MOST_ATTEMPTS in all, and is raised.
    """
    job = ExportJob.objects.select_related("workspace", "requested_by").get(pk=job_id)
    with _alone(job) as is_alone:
        if not is_alone or not _claim(job):
            return job
        try:
            _write(job)
        except NotMine:
            if ExportJob.objects.filter(pk=job.pk, state=State.STOPPED).exists():
                _delete_files(job)
        except Exception:
            _give_back(job)
            raise
    job.refresh_from_db()
    return job


def tend_exports() -> int:
    """Call a worker for exports whose worker is gone, and delete packs whose time is over; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, export_id, is_over FROM core_due_exports(%s)", [timezone.now()])
        due = cursor.fetchall()
    for workspace_id, job_id, is_past in due:
        if is_past:
            with workspace_scope([workspace_id]):
                _expire(job_id)
        else:
            _ring(workspace_id, job_id)
    return len(due)


def file_of(job: ExportJob) -> Path:
    return _folder(job) / "pack.zip"


def seconds_left(job: ExportJob) -> int | None:
    """How long writing may still take, by how long it took so far; None while nobody can tell."""
    if job.state != State.WRITING or not job.done or not job.started_at:
        return None
    took = (timezone.now() - job.started_at).total_seconds()
    return round(took / job.done * (job.total - job.done))


def _folder(job: ExportJob) -> Path:
    return Path(settings.GALAXY_EXPORTS_DIR) / str(job.workspace_id) / str(job.pk)


def _name(job: ExportJob) -> str:
    return f"audit-{job.workspace.slug}-{job.requested_at:%Y%m%d-%H%M%S}"


@contextmanager
def _alone(job: ExportJob) -> Iterator[bool]:
    """Whether nobody else on this machine writes into the folder: a worker that was thought dead may still be there."""
    folder = _folder(job)
    for path in (folder.parent.parent, folder.parent, folder):
        path.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _claim(job: ExportJob) -> bool:
    """Take the job, where nobody holds it; another attempt counts up."""
    now = timezone.now()
    with transaction.atomic():
        row = ExportJob.objects.select_for_update().get(pk=job.pk)
        if not row.is_unfinished or not is_over(row.lease_until, now, LEASE):
            return False
        if row.attempt >= MOST_ATTEMPTS:
            row.state, row.finished_at, row.lease_until = State.FAILED, now, None
            row.failure = f"It did not finish in {MOST_ATTEMPTS} attempts. The log of the worker says why."
            row.save()
            audit.record("export.failed", actor=None, target=row, attempts=row.attempt)
            notify(row.workspace, [row.requested_by], "export_failed", row)
            return False
        row.state, row.attempt, row.lease_until = State.WRITING, row.attempt + 1, now + LEASE
        row.started_at = row.started_at or now
        row.save()
    job.refresh_from_db()
    return True


def _write(job: ExportJob) -> None:
    folder = _folder(job) / "pack"
    folder.mkdir(mode=0o700, exist_ok=True)
    order = making.Order(
        job.workspace, str(job.requested_by), job.requested_at, job.filters, job.redacted, job.with_sheet
    )
    chosen = _chosen(job)
    for done, written in making.write_events(folder, order, chosen, done=job.done, written=job.written):
        _note(job, done=done, written=written)
    making.complete(folder, order, chosen)
    _note(job, state=State.CHECKING)
    renew = _renewal(job)
    report, failure = _verified(folder, renew)
    making.pack(folder, file_of(job), _name(job), job.requested_at, renew)
    _finish(job, report, failure)
    shutil.rmtree(folder)


def _chosen(job: ExportJob) -> Selection:
    """Which events: found once, and kept for whoever goes on."""
    path = _folder(job) / "chosen"
    try:
        chosen = Selection.kept(path)
    except FileNotFoundError:
        chosen = select(job.workspace, job.filters, sealed_size(job.workspace))
        chosen.keep(path)
        job.size = None
    if job.size is None:
        _note(job, size=chosen.size, total=len(chosen), done=0, written={})
        job.done, job.written = 0, {}
    return chosen


def _renewal(job: ExportJob) -> Callable[[], None]:
    """To be called often: holds the lease on, every RENEW_S. It raises NotMine."""
    renewed = time.monotonic()

    def renew() -> None:
        nonlocal renewed
        if time.monotonic() - renewed > RENEW_S:
            renewed = time.monotonic()
            _note(job)

    return renew


def _verified(folder: Path, renew: Callable[[], None]) -> tuple[dict, str]:
    """What the pack's own verifier found, and the sentence where it found fault."""
    pack = verify.Pack(folder)
    try:
        return pack.verify(lambda line: renew()), ""
    except verify.Broken as broken:
        return pack.report, str(broken)[:300]


def _note(job: ExportJob, **changes: object) -> None:
    """Write progress down and hold the lease on. Raises NotMine where somebody else has the job."""
    mine = ExportJob.objects.unfinished().filter(pk=job.pk, attempt=job.attempt)
    if not mine.update(lease_until=timezone.now() + LEASE, **changes):
        raise NotMine


@transaction.atomic
def _finish(job: ExportJob, report: dict, failure: str) -> None:
    now, path = timezone.now(), file_of(job)
    changes = {
        "state": State.READY,
        "report": report,
        "failure": failure,
        "bytes": path.stat().st_size,
        "sha256": making.digest_of(path),
        "finished_at": now,
        "expires_at": now + timedelta(days=settings.GALAXY_KEEP_EXPORTS_DAYS),
    }
    mine = ExportJob.objects.unfinished().filter(pk=job.pk, attempt=job.attempt)
    if not mine.update(lease_until=None, **changes):
        raise NotMine
    told = {"events": report["events"], "sha256": changes["sha256"]} | ({"failure": failure} if failure else {})
    audit.record("export.finished", actor=None, target=job, **told)
    notify(job.workspace, [job.requested_by], "export_ready", job)


def _give_back(job: ExportJob) -> None:
    """Let the next attempt begin at once."""
    ExportJob.objects.unfinished().filter(pk=job.pk, attempt=job.attempt).update(lease_until=timezone.now())


@transaction.atomic
def _expire(job_id: UUID) -> None:
    job = ExportJob.objects.select_related("workspace").get(pk=job_id)
    if ExportJob.objects.filter(pk=job_id, state=State.READY).update(state=State.EXPIRED):
        audit.record("export.deleted", actor=None, target=job)
        transaction.on_commit(partial(_delete_files, job))


def _delete_files(job: ExportJob) -> None:
    shutil.rmtree(_folder(job), ignore_errors=True)


def _ring(workspace_id: UUID, job_id: UUID) -> None:
    from galaxy.core.tasks import write_export

    write_export.delay(str(workspace_id), str(job_id))
