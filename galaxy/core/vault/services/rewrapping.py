"""Rotation of a workspace's key: a new key, every data key wrapped anew, the old keys destroyed. Values stay sealed.

The job stands in a row (Rewrap) and goes on from wherever it stopped: what is left to do is whatever is not yet under
the newest key. Batches are guarded updates, so two workers do no harm, and a reader finds at every moment a data key
with a key that opens it.
"""

from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict
from galaxy.core.models import Rewrap, User, Workspace, WorkspaceKey
from galaxy.core.permissions import require
from galaxy.core.vault.errors import CannotOpen, VaultClosed
from galaxy.core.vault.sealing import Wrapped, sealer
from galaxy.core.vault.tables import EnvelopeTable, tables

BATCH = 500
# Guarded by the bytes that were read: a row that was shredded, written anew or moved meanwhile is left alone.
_MOVE = """
UPDATE {table} v SET wrapped_key = n.fresh, key_id = %(key)s
FROM unnest(%(ids)s::uuid[], %(olds)s::bytea[], %(news)s::bytea[]) AS n (id, old, fresh)
WHERE v.workspace_id = %(workspace)s AND v.id = n.id AND v.wrapped_key = n.old
"""


def rewrap(workspace: Workspace, *, actor: User | None) -> Rewrap:
    """Give the workspace a new key and let a worker wrap every data key with it; returns the job.

    A job that runs already is the answer too, and its worker is called once more. ``actor`` None stands for an
    operator at the command line. Raises NotGranted, Conflict or VaultClosed.
    """
    if actor:
        require(actor, "core.manage_secret", workspace)
    if running := Rewrap.objects.in_workspace(workspace).filter(state=Rewrap.State.RUNNING).first():
        _ring(running)
        return running
    key_id = sealer().add_key(workspace.pk)  # outside the transaction: sandboxd writes the row itself
    try:
        with transaction.atomic():
            key = WorkspaceKey.objects.in_workspace(workspace).get(pk=key_id)
            total = sum(_left(table, workspace, key).count() for table in tables())
            job = Rewrap.objects.create(workspace=workspace, to_key=key, total=total, started_by=actor)
            after = {"key": key.version, "root_key": key.kms_key_id}
            audit.record("secret.key_rotated", actor=actor, target=workspace, after=after)
            audit.record("rewrap.started", actor=actor, target=workspace, key=key.version, data_keys=job.total)
            transaction.on_commit(partial(_ring, job))
    except IntegrityError as error:
        raise Conflict("The key of this workspace is being rotated already.") from error
    return job


def go_on_rewrapping(job_id: UUID) -> Rewrap:
    """Work a job off, from wherever it stands; safe to call at any time and twice. The workspace must be in scope.

    Raises VaultClosed or CannotOpen, after noting it on the job; the next call goes on.
    """
    job = Rewrap.objects.select_related("workspace", "to_key").get(pk=job_id)
    try:
        while job.state == Rewrap.State.RUNNING:
            if not _wrap_batch(job):
                _finish(job)
            job.refresh_from_db()
    except (VaultClosed, CannotOpen) as error:
        Rewrap.objects.filter(pk=job.pk).update(trouble=str(error))
        raise
    return job


@transaction.atomic
def shred_workspace(workspace: Workspace, *, actor: User | None) -> int:
    """Destroy every key of a workspace, and so all it ever stored; returns how many keys. There is no way back.

    Raises NotGranted.
    """
    if actor:
        require(actor, "core.change_settings", workspace)
    keys = WorkspaceKey.objects.in_workspace(workspace).select_for_update().filter(wrapped__isnull=False)
    count = WorkspaceKey.objects.filter(pk__in=[key.pk for key in keys]).update(
        wrapped=None, destroyed_at=timezone.now()
    )
    audit.record("workspace.vault_shredded", actor=actor, target=workspace, keys=count)
    return count


def _left(table: EnvelopeTable, workspace: Workspace, key: WorkspaceKey) -> QuerySet:
    """Rows whose data key an older key wraps."""
    return table.rows(workspace).filter(key__version__lt=key.version)


def _wrap_batch(job: Rewrap) -> int:
    """Wrap up to BATCH data keys anew; returns how many there were to do."""
    for table in tables():
        rows = _left(table, job.workspace, job.to_key).select_related("key", *table.related).order_by("id")
        if found := list(rows[:BATCH]):
            _wrap(job, table, found)
            return len(found)
    return 0


def _wrap(job: Rewrap, table: EnvelopeTable, rows: list[Any]) -> None:
    items = [Wrapped(table.place_of(one), one.key.version, bytes(one.wrapped_key)) for one in rows]
    key_id, fresh = sealer().rewrap(job.workspace_id, items)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _MOVE.format(table=table.model._meta.db_table),
            {
                "key": key_id,
                "workspace": job.workspace_id,
                "ids": [one.pk for one in rows],
                "olds": [item.wrapped_key for item in items],
                "news": fresh,
            },
        )
        Rewrap.objects.filter(pk=job.pk).update(done=F("done") + cursor.rowcount, trouble="")


@transaction.atomic
def _finish(job: Rewrap) -> None:
    """Destroy the keys that wrap nothing any more, and close the job; only the first caller does."""
    old = WorkspaceKey.objects.in_workspace(job.workspace).filter(version__lt=job.to_key.version, wrapped__isnull=False)
    # The lock waits for whoever is just storing a value under an old key, so that it is seen in the next line.
    locked = list(old.select_for_update().order_by("version"))
    if any(_left(table, job.workspace, job.to_key).exists() for table in tables()):
        return  # another turn wraps it
    moment = timezone.now()
    won = Rewrap.objects.filter(pk=job.pk, state=Rewrap.State.RUNNING).update(
        state=Rewrap.State.DONE, finished_at=moment, trouble=""
    )
    if won:
        WorkspaceKey.objects.filter(pk__in=[key.pk for key in locked]).update(wrapped=None, destroyed_at=moment)
        destroyed = [key.version for key in locked]
        audit.record("rewrap.finished", actor=None, target=job.workspace, key=job.to_key.version, destroyed=destroyed)


def _ring(job: Rewrap) -> None:
    from galaxy.core.tasks import rewrap_secrets

    rewrap_secrets.delay(str(job.workspace_id), str(job.pk))
