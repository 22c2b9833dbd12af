"""Step 6: a worker takes a run that is free, in one transaction with the approval that it uses up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.audit import Actor
from galaxy.core.db.prepared import prepared
from galaxy.core.db.writing import update
from policies.services.approvals import ApprovalChanged, ApprovalExpired, ApprovalMissing, ApprovalSpent, consume
from sandbox.errors import RunError
from sandbox.models import Category, OutboxMessage, Run
from sandbox.services.ending import end
from sandbox.services.leases import is_over, lease_length, note_held
from sandbox.stopping import refusal_of
from sandbox.tracing import outlives_its_spans

MAX_TAKE_OVERS = 5  # a run that takes every worker down with it must not go round for ever


@dataclass(frozen=True)
class Standing:
    """How a run stands at this moment: what an approval of it has to be bound to (``bound``, by ``digest``), and the
    ``obligations`` it would be done under."""

    bound: dict[str, Any]
    digest: str
    obligations: dict[str, Any]


class Held(Exception):
    """The connection by which a run goes out has to be renewed by a person, and the run waits for that."""


@outlives_its_spans
@transaction.atomic
def claim(run_id: UUID, recheck: Callable[[Run], Standing], ask_anew: Callable[[Run], None]) -> Run | None:
    """Step 6. Take a queued run, or one whose holder is gone, and consume its approval, in one transaction.

    ``recheck(run)`` looks at the world again and says how the run stands; it raises RunError where policy has changed
    its mind, and Held where the run's connection has to be renewed first: then the run waits. ``ask_anew(run)`` is
    called where what was approved is not what would run: it sends the run back to whoever decides, or raises RunError.
    Returns the run under its new attempt, or None when there is nothing to take.
    """
    now = timezone.now()
    run = _locked.one(run=run_id)
    if run is None or not _is_free(run, now):
        return None
    run.installation.workspace = run.workspace
    run.version.extension = run.installation.extension  # of which it is a version
    if run.approval:
        run.approval.workspace = run.workspace
    was_lost = run.state == Run.State.RUNNING
    run.attempt += 1
    if was_lost:
        run.save(update_fields=["attempt"])  # so that a refusal below holds the run it ends
    if run.effect_started_at and not run.is_simulated:  # whatever the world says now, this happened before
        end(run, error=RunError(Category.TRANSIENT, "interrupted", sentence=_INTERRUPTED, ambiguous=True))
        return None
    if stopped := refusal_of(run.version, run.installation, run.workspace):
        end(run, error=stopped)
        return None
    try:
        standing = recheck(run)  # a refusal stores the decision it rests on, so it must not be rolled back
        try:
            _use_approval(run, standing)
        except ApprovalChanged:
            _let_go(run)
            ask_anew(run)
            return None
    except (ApprovalExpired, ApprovalMissing, ApprovalSpent) as refusal:
        error = RunError(Category.POLICY_BLOCK, refusal.code, sentence=str(refusal), next_step=_ASK_AGAIN)
        end(run, error=error, keeps_inputs=isinstance(refusal, ApprovalExpired))
        return None
    except Held:
        _let_go(run, Run.State.WAITING)
        note_held(run)
        return None
    except RunError as error:
        end(run, error=error)
        return None
    if was_lost and _take_overs(run) > MAX_TAKE_OVERS:
        end(run, error=RunError(Category.TOOL_ERROR, "workers_lost", sentence=_WORKERS_LOST))
        return None
    run.state = Run.State.RUNNING.value
    run.lease_until = now + lease_length()
    run.started_at = run.started_at or now
    taken = {"attempt": run.attempt, "state": run.state, "lease_until": run.lease_until, "started_at": run.started_at}
    if standing.obligations != run.obligations:
        run.obligations = standing.obligations
        taken |= {"obligations": run.obligations, "inputs": run.inputs}
    update(Run, {"id": run.pk}, taken, deleting=(OutboxMessage, {"run": run.pk}))
    return run


def _use_approval(run: Run, standing: Standing) -> None:
    """Raises ApprovalChanged, ApprovalExpired, ApprovalMissing or ApprovalSpent; then nothing was used."""
    if run.approval is None:
        return
    if run.approval.consumed_at is None:
        chain = Actor.from_list(run.chain)
        consume(run.approval, digest=standing.digest, bound=standing.bound, actor=chain)
    elif run.approval.digest != standing.digest:  # used by the worker that was lost, for what was then
        raise ApprovalChanged("Something changed after this was approved.")


def _let_go(run: Run, state: str = Run.State.QUEUED) -> None:
    """A claim that comes to nothing, and counts as none: nobody holds the run, which goes to ``state``."""
    run.state, run.lease_until, run.started_at, run.given_back = state, None, None, run.given_back + 1
    run.save(update_fields=["attempt", "state", "lease_until", "started_at", "given_back"])


@prepared
def _locked(run: UUID) -> QuerySet[Run]:
    related = ("workspace", "version", "installation__extension", "requested_by", "approval")
    rows = Run.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=run).order_by()
    rows = rows.select_related(*related, "connection__owner")
    return rows.defer("version__manifest")  # by its digest it is in memory


_ASK_AGAIN = "Run it again; the new request shows how things stand now."
_INTERRUPTED = "The worker was lost after the request may have been sent, so it is not known whether it took effect."
_WORKERS_LOST = f"Its worker was lost more than {MAX_TAKE_OVERS} times, so it was given up."


def _is_free(run: Run, now: datetime) -> bool:
    if run.state == Run.State.QUEUED:
        return True
    return run.state == Run.State.RUNNING and run.lease_until is not None and is_over(run.lease_until, now)


def _take_overs(run: Run) -> int:
    """How often a lost run was taken over, this time included: claims but the first, those that were given back, and
    one for each step, since a step that waits for a person lets its pack go."""
    return run.attempt - 1 - run.given_back - run.steps.count()
