"""How workers are told of runs: a message in the outbox with the run, and a ring once it is committed."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from galaxy.core.db.instances import fresh
from galaxy.core.db.writing import insert
from sandbox.models import OutboxMessage, Run
from sandbox.tasks import perform_run

log = structlog.get_logger(__name__)
RING_AGAIN = timedelta(seconds=10)  # a message that nobody answered by then is taken for lost
MAX_DOUBLINGS = 5  # of that time: 320 seconds


def queue(run: Run) -> None:
    """Put a run before the workers: the row in the caller's transaction, the doorbell once it commits."""
    insert(doorbell(run), or_update=(["run"], ["ring_at", "rings"]))


def doorbell(run: Run) -> OutboxMessage:
    """What puts a new run before the workers, for whoever writes it with the run: it rings once that is committed."""
    transaction.on_commit(partial(_ring, run.workspace_id, run.pk))
    due = timezone.now() + RING_AGAIN
    return fresh(OutboxMessage, workspace_id=run.workspace_id, run_id=run.pk, ring_at=due)


def wake(run: Run) -> None:
    """Put before the workers what goes on now: the run itself, if it is queued, or the pack that waits for it."""
    if run.parent_id is None:
        if run.state == Run.State.QUEUED:
            queue(run)
        return
    parent = Run.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=run.parent_id)
    if parent.state == Run.State.WAITING:
        parent.state = Run.State.QUEUED
        parent.save(update_fields=["state"])
        queue(parent)


def ring(workspace_id: UUID, run_id: UUID) -> None:
    """Tell the workers once more that a run is due. If the broker is out of reach, the reconciler rings again later.

    Each time twice as long is waited for an answer: most such runs only stand in line behind others, and messages that
    tell of them again stand in that line as well and make it longer.
    """
    hung = OutboxMessage.objects.filter(run_id=run_id)
    if (before := hung.values_list("rings", flat=True).first()) is not None:
        rings = min(before + 1, MAX_DOUBLINGS)
        hung.update(ring_at=timezone.now() + RING_AGAIN * 2**rings, rings=rings)
    _ring(workspace_id, run_id)


def _ring(workspace_id: UUID, run_id: UUID) -> None:
    try:
        perform_run.apply_async(args=[str(workspace_id), str(run_id)])
    except OperationalError as error:
        log.warning("broker out of reach, the reconciler will ring", run=str(run_id), error=type(error).__name__)
        OutboxMessage.objects.filter(run_id=run_id).update(ring_at=timezone.now())
