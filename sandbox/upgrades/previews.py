"""Previews as people ask for them: a worker replays what was recorded here, and the page shows how far it is.

What has to be done stands in the row (UpgradePreview); the queue is a doorbell. Whoever works on it holds its lease and
gives a sign of life each second; where a worker was killed the lease runs out and another one begins it anew.
"""

from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.db.leases import is_over
from galaxy.core.errors import Conflict, DomainError
from galaxy.core.models import User
from galaxy.core.permissions import require
from registry.models import Installation, Version
from registry.services import verified_manifest
from sandbox.models import UpgradePreview
from sandbox.upgrades.calls import recorded_calls
from sandbox.upgrades.renames import Moved
from sandbox.upgrades.report import Looked, keep, look

MAY_PREVIEW = "registry.run_installation"
MOST_ATTEMPTS = 3  # after which something is wrong that another attempt does not mend
State = UpgradePreview.State


class UnderWay(Conflict):
    code = "preview_under_way"
    next_step = "Wait until it is done, or stop it."


class NotMine(Exception):
    """Somebody stopped this preview, or another worker took it over."""


def begin_preview(
    installation: Installation, version: Version, *, actor: User, confirmed: dict[str, Moved] | None = None
) -> UpgradePreview:
    """Have the recorded calls of ``installation`` replayed on ``version``, after the commit. Audited. One that is under
    way already and was asked the same is the answer too, and a worker is called for it once more.

    ``confirmed`` as sandbox.upgrades.report takes it. Raises NotGranted, or UnderWay where another one is.
    """
    require(actor, MAY_PREVIEW, installation)
    return _begin(installation, version, actor, confirmed or {})


def begin_for_request(installation: Installation, version: Version, *, actor: User) -> UpgradePreview:
    """The same for a request of theirs, which may not go without a report: whoever may ask needs no permission beside
    that, and one that is under way and was asked otherwise is waited for."""
    try:
        return _begin(installation, version, actor, {})
    except UnderWay:
        rows = UpgradePreview.objects.in_workspace(installation.workspace).filter(installation=installation)
        return rows.filter(version=version).select_related("workspace", "version").latest("asked_at")


def _begin(installation: Installation, version: Version, actor: User, said: dict[str, Moved]) -> UpgradePreview:
    rows = UpgradePreview.objects.in_workspace(installation.workspace).filter(
        installation=installation, version=version, state__in=UpgradePreview.UNFINISHED
    )
    try:
        with transaction.atomic():
            row = rows.select_related("workspace", "version").first()
            if row is None:
                row = _asked(installation, version, actor, said)
            transaction.on_commit(partial(_ring, row.workspace_id, row.pk))
    except IntegrityError:  # somebody else began one in this moment
        row = rows.select_related("workspace", "version").first()
    if row is None or row.confirmed != said or row.from_digest != installation.pin.digest:
        raise UnderWay("Its calls are being replayed already.")
    return row


@transaction.atomic
def stop_preview(row: UpgradePreview, *, actor: User) -> None:
    """Call off a preview that is not over; its worker notices within a second. Audited. Raises NotGranted or
    Conflict."""
    require(actor, MAY_PREVIEW, row.installation)
    own = UpgradePreview.objects.in_workspace(row.workspace).filter(pk=row.pk, state__in=UpgradePreview.UNFINISHED)
    if not own.update(state=State.STOPPED, finished_at=timezone.now(), lease_until=None):
        raise Conflict("This preview is over already.")
    audit.record("upgrade.preview_stopped", actor=actor, target=row.installation, after={"preview": str(row.pk)})


def work_on(preview_id: UUID) -> UpgradePreview:
    """Replay, and keep what came of it; safe to call at any time and twice. The workspace must be in scope.

    What cannot be replayed fails the preview with its sentence. Any other error leaves it for another attempt,
    MOST_ATTEMPTS in all, and is raised.
    """
    related = ("workspace", "installation__extension", "installation__pin__version", "asked_by")
    row = UpgradePreview.objects.select_related(*related, "version__extension").get(pk=preview_id)
    if not _claim(row):
        return row
    try:
        if row.installation.pin.digest != row.from_digest:
            raise Conflict(f"{row.installation} was moved before its calls were replayed.")
        _note(row, 0)
        looked = look(row.installation, row.version, confirmed=row.confirmed or None, watch=partial(_note, row))
        _finish(row, looked)
    except NotMine:
        pass
    except DomainError as error:
        _fail(row, str(error))
    except Exception:
        _mine(row).update(state=State.QUEUED, lease_until=None)
        raise
    row.refresh_from_db()
    return row


def tend_previews() -> int:
    """Call a worker for every preview that nobody works on; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, preview_id FROM sandbox_due_previews(%s)", [timezone.now()])
        due = cursor.fetchall()
    for workspace_id, preview_id in due:
        _ring(workspace_id, preview_id)
    return len(due)


def _asked(installation: Installation, version: Version, actor: User, said: dict[str, Moved]) -> UpgradePreview:
    row = UpgradePreview.objects.create(
        workspace=installation.workspace,
        installation=installation,
        version=version,
        from_digest=installation.pin.digest,
        confirmed=said,
        total=len(recorded_calls(installation, verified_manifest(installation.pin.digest))),
        asked_by=actor,
    )
    facts = {"version": version.digest, "preview": str(row.pk), "calls": row.total}
    audit.record("upgrade.preview_asked", actor=actor, target=installation, after=facts)
    return row


def _claim(row: UpgradePreview) -> bool:
    """Take it, where nobody holds it; another attempt counts up. ``row`` is as it stands then."""
    now = timezone.now()
    with transaction.atomic():
        held = UpgradePreview.objects.select_for_update().get(pk=row.pk)
        if not held.is_under_way or not is_over(held.lease_until, now, _lease()):
            return False
        if held.attempt >= MOST_ATTEMPTS:
            held.state, held.finished_at, held.lease_until = State.FAILED, now, None
            held.failure = f"It did not finish in {MOST_ATTEMPTS} attempts. The log of the worker says why."
            held.save(update_fields=["state", "finished_at", "lease_until", "failure"])
            return False
        held.state, held.attempt, held.lease_until = State.REPLAYING, held.attempt + 1, now + _lease()
        held.save(update_fields=["state", "attempt", "lease_until"])
    row.state, row.attempt, row.lease_until = held.state, held.attempt, held.lease_until
    return True


def _mine(row: UpgradePreview):
    """The row while it is this attempt's to go on with."""
    return UpgradePreview.objects.in_workspace(row.workspace).filter(
        pk=row.pk, attempt=row.attempt, state=State.REPLAYING
    )


def _note(row: UpgradePreview, done: int) -> None:
    """A sign of life, with how many calls are done. Raises NotMine."""
    if not _mine(row).update(done=min(done, row.total), lease_until=timezone.now() + _lease()):
        raise NotMine


@transaction.atomic
def _finish(row: UpgradePreview, looked: Looked) -> None:
    """Keep the report and the end of the preview together, so that what was stopped meanwhile leaves none. Raises
    NotMine."""
    report = keep(row.installation, row.version, looked, actor=row.asked_by)
    over = {"state": State.DONE, "finished_at": timezone.now(), "lease_until": None}
    if not _mine(row).update(report=report, total=report.calls, done=report.calls, **over):
        raise NotMine


def _fail(row: UpgradePreview, why: str) -> None:
    _mine(row).update(state=State.FAILED, failure=why[:300], finished_at=timezone.now(), lease_until=None)


def _lease() -> timedelta:
    return timedelta(seconds=settings.GALAXY_RUN_LEASE_S)


def _ring(workspace_id: UUID, preview_id: UUID) -> None:
    from sandbox.tasks import replay_calls

    replay_calls.delay(str(workspace_id), str(preview_id))
