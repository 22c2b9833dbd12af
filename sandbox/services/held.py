"""Runs that wait because the connection they go out by has to be renewed by a person.

They are kept, not failed: waiting, without a worker, in the order they were asked for. An approval that was given for
the account as it was before a reconnect does not hold for what is connected now, so those are asked for once more.
"""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from galaxy.core import audit
from policies.models import Approval
from registry.models import Connection
from sandbox.errors import RunError
from sandbox.models import Run
from sandbox.services.doorbells import wake
from sandbox.services.ending import end


def is_held(run: Run) -> bool:
    """Whether it waits for its connection and for nobody's yes: read with ``connection`` and ``approval``."""
    if run.state != Run.State.WAITING or run.connection is None:
        return False
    return run.connection.status == Connection.Status.EXHAUSTED and not _asks(run)


def _asks(run: Run) -> bool:
    """Whether it waits for somebody's yes."""
    return run.approval is not None and run.approval.status != Approval.Status.APPROVED


def held_runs(connection: Connection) -> QuerySet[Run]:
    """The runs that wait for ``connection``, the one asked for first at the front."""
    waiting = Run.objects.filter(workspace=connection.workspace_id, connection=connection, state=Run.State.WAITING)
    undecided = waiting.filter(approval__isnull=False).exclude(approval__status=Approval.Status.APPROVED)
    return waiting.exclude(pk__in=undecided.values("pk")).order_by("created_at", "pk")


@transaction.atomic
def release_held(connection: Connection) -> int:
    """Let the runs that waited for ``connection`` go on, in the order they were asked for; returns how many.

    One whose approval does not fit any more asks for another and goes on waiting, for a person now.
    """
    return sum(_release(run) for run in _locked(held_runs(connection)))


@transaction.atomic
def release_run(workspace_id: UUID, run_id: UUID) -> bool:
    """The same for one run, found by the reconciler: it was held in the moment its connection came back."""
    rows = Run.objects.filter(workspace=workspace_id, pk=run_id, state=Run.State.WAITING, connection__isnull=False)
    rows = rows.exclude(connection__status=Connection.Status.EXHAUSTED)
    return any(_release(run) for run in _locked(rows) if not _asks(run))  # somebody may have been asked meanwhile


def _locked(runs: QuerySet[Run]) -> QuerySet[Run]:
    related = ("workspace", "version__extension", "installation__extension", "installation__workspace")
    more = ("requested_by", "approval", "agent", "connection", "parent__workspace", "parent__version")
    return runs.select_for_update(of=("self",)).select_related(*related, *more)


def _release(run: Run) -> bool:
    from sandbox.services.performing import still_fits  # performing holds runs, and so imports this module
    from sandbox.services.renewing import ask_anew

    try:
        fits = still_fits(run)
    except RunError:
        fits = True  # what cannot run at all is told so at its claim
    if not fits:
        try:
            ask_anew(run)
        except RunError as refusal:
            end(run, error=refusal)
        if run.parent and run.state != Run.State.WAITING:
            wake(run)
        return False
    run.state = Run.State.QUEUED
    run.save(update_fields=["state"])
    wake(run)
    audit.record(
        "run.released",
        actor=None,
        target=run,
        simulated=run.is_simulated,
        before={"state": Run.State.WAITING},
        after={"state": run.state, "connection": str(run.connection_id)},
    )
    return True
