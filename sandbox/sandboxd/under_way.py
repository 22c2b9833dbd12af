"""The run that an order is for, and the database for a moment: what every operation of a run begins with."""

import contextlib
from collections.abc import Iterator
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.db.prepared import prepared
from galaxy.core.egress import Refusal
from galaxy.core.egress.refusals import STOPPED
from galaxy.core.errors import DomainError
from galaxy.core.scope import workspace_scope
from registry.services.quarantining import is_stopped
from sandbox.models import Run
from sandbox.sandboxd.orders import BadOrder


class Stopped(DomainError):
    """The version may not run there any more: nothing more of it was begun."""

    status = 409
    code = "quarantined"
    next_step = "Move to another version, or wait until the marketplace has looked into it."


@contextlib.contextmanager
def briefly() -> Iterator[None]:
    """The database for a moment. A process has few connections (DATABASE_POOL), and a run that waits for its place or
    for a peer must not keep one from the others."""
    try:
        yield
    finally:
        connection.close()


def running(workspace: UUID, run_id: str, digest: str, target: str, *, calls: bool = False) -> Run:
    """The run that an order is for, which must be under way: nobody runs code here beside the gate. Raises BadOrder, or
    Stopped where its version may not run there any more.

    One that ``calls`` comes with what its connection proves itself with, sealed, as both are at this moment.
    """
    read = _calling_run if calls else _run
    try:
        run = read.one(workspace=workspace, run=UUID(run_id))
    except ValueError:
        run = None
    if run is not None and is_stopped(run.version, run.workspace):
        raise Stopped(STOPPED)
    if run is None or run.state != Run.State.RUNNING or (run.version_digest, run.target) != (digest, target):
        raise BadOrder("No such run is under way.")
    return run


_NEEDED = (
    "state",
    "attempt",
    "mode",
    "target",
    "version_digest",
    "input_digest",
    "chain",
    "created_at",
    "version__quarantine",
)


@prepared
def _run(workspace: UUID, run: UUID) -> QuerySet[Run]:
    rows = (
        Run.objects.filter(workspace=workspace, pk=run).order_by().select_related("workspace", "connection", "version")
    )
    return rows.only("workspace", "connection", *_NEEDED)  # half of a run is what became of it


@prepared
def _calling_run(workspace: UUID, run: UUID) -> QuerySet[Run]:
    ways_out = ("connection", "connection__workspace", "connection__installation", "connection__credential__key")
    rows = Run.objects.filter(workspace=workspace, pk=run).order_by().select_related("workspace", "version", *ways_out)
    return rows.only("workspace", "connection", *_NEEDED)


def record_refusal(run: Run, refusal: Refusal) -> None:
    """What was asked of the network and policy refused, for the trail; never a value."""
    with briefly(), workspace_scope([run.workspace_id]), transaction.atomic():
        audit.record(
            "egress.refused",
            actor=Actor.from_list(run.chain).through("call", str(run.pk), run.target),
            target=run,
            host=refusal.host,
            method=refusal.method,
            code=refusal.code,
            reason=refusal.reason,
        )
