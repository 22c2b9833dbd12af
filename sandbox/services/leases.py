"""Who works on a run: a lease with a fencing token, renewed by a sign of life and given up again.

The run's row is the truth. A worker takes a run by raising ``attempt`` and setting a lease (sandbox.services.claiming);
every later write names that number, so a worker that was given up for dead cannot write over the one that took its
place.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.db import leases
from sandbox.models import OutboxMessage, Run, RunPayload
from sandbox.services.doorbells import queue
from sandbox.services.forgetting import kept_until


class LostLease(Exception):
    """Somebody else holds the run now; whoever sees this stops without a further write."""


def lease_length() -> timedelta:
    """How long a worker may be silent before its run is taken over."""
    return timedelta(seconds=settings.GALAXY_RUN_LEASE_S)


def is_fresh(run: Run) -> bool:
    """Whether its lease was given a moment ago: nobody takes it over soon, and renewing it would tell nothing new."""
    length = lease_length()
    left = run.lease_until - timezone.now() if run.lease_until else timedelta()
    return length * 0.95 < left <= length


def is_over(lease_until: datetime, now: datetime) -> bool:
    """Whether nobody holds it any more; also where it was given before the clock was set back."""
    return leases.is_over(lease_until, now, lease_length())


def keep(run: Run, **changes: Any) -> None:
    """A sign of life: renew the lease, and write ``changes`` of the run along. Raises LostLease.

    A step's sign of life is its pack's as well, whose worker is busy with it.
    """
    changes["lease_until"] = timezone.now() + lease_length()
    won = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING, attempt=run.attempt).update(**changes)
    if not won:
        raise LostLease(run.pk)
    if run.parent_id:
        Run.objects.filter(pk=run.parent_id, state=Run.State.RUNNING).update(lease_until=changes["lease_until"])
    for name, value in changes.items():
        setattr(run, name, value)


@transaction.atomic
def park(run: Run) -> None:
    """A pack whose step waits for a person lets its worker go. Raises LostLease."""
    won = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING, attempt=run.attempt).update(
        state=Run.State.WAITING, lease_until=None
    )
    if not won:
        raise LostLease(run.pk)
    if not run.steps.filter(state=Run.State.WAITING).exists():
        # The step was decided while the pack still ran, so nobody woke it; the lock on its row orders the two.
        Run.objects.filter(pk=run.pk).update(state=Run.State.QUEUED)
        queue(run)


@transaction.atomic
def pause(run: Run) -> None:
    """A pack that goes step by step lets its worker go until somebody says so, or its values are kept no longer. Raises
    LostLease."""
    mine = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING, attempt=run.attempt)
    if not mine.update(state=Run.State.WAITING, lease_until=None, given_back=F("given_back") + 1):
        raise LostLease(run.pk)
    RunPayload.objects.filter(run=run).update(keep_until=kept_until())


@transaction.atomic
def hold(run: Run) -> None:
    """A call that found its connection exhausted waits for it: kept, not failed, since nothing of it took effect.

    However long that takes, it then has its whole time to wait for its turn again. Raises LostLease.
    """
    mine = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING, attempt=run.attempt)
    waits = {"state": Run.State.WAITING, "lease_until": None, "started_at": None, "effect_started_at": None}
    if not mine.update(**waits, given_back=F("given_back") + 1):
        raise LostLease(run.pk)
    note_held(run)


def note_held(run: Run) -> None:
    OutboxMessage.objects.filter(run=run).delete()
    audit.record(
        "run.held",
        actor=Actor.from_list(run.chain),
        target=run,
        simulated=run.is_simulated,
        after={"state": Run.State.WAITING, "connection": str(run.connection_id)},
    )


@transaction.atomic
def give_back(run: Run, until: datetime, because: str) -> None:
    """A run whose turn has not come goes back to the queue until then, its worker free for others.

    A step goes back without a doorbell of its own: its pack, which goes back too, has one. Where another worker has
    the run by now, nothing is changed.
    """
    mine = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING, attempt=run.attempt)
    if mine.update(state=Run.State.QUEUED, lease_until=None, given_back=F("given_back") + 1) and not run.parent_id:
        OutboxMessage.objects.update_or_create(
            workspace=run.workspace, run=run, defaults={"ring_at": until, "rings": 0, "because": because}
        )
