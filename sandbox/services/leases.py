"""Who works on a run: claims with a lease and a fencing token, the last write, and the doorbell.

The run's row is the truth. A worker takes a run by raising ``attempt`` and setting a lease; every later write names
that number, so a worker that was given up for dead cannot write over the one that took its place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import JSONObject
from django.utils import timezone
from kombu.exceptions import OperationalError

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.db.instances import fresh
from galaxy.core.db.prepared import prepared
from galaxy.core.db.writing import Insertion, delete, insert, update
from galaxy.core.notifications import notify
from policies.services.approvals import ApprovalChanged, ApprovalExpired, ApprovalMissing, ApprovalSpent, consume
from registry.models import Kind
from sandbox.approved_runs import tell_of_failure
from sandbox.destinations import remember
from sandbox.errors import RunError
from sandbox.health.recording import record_check
from sandbox.models import CallRecord, Category, OutboxMessage, Outcome, Run, RunPayload, Span
from sandbox.services.stored import payload_of
from sandbox.stopping import refusal_of
from sandbox.tasks import perform_run
from sandbox.tracing import Tracer, outlives_its_spans
from sandbox.undoing.filling import KEPT

log = structlog.get_logger(__name__)
RING_AGAIN = timedelta(seconds=10)  # a message that nobody answered by then is taken for lost
MAX_DOUBLINGS = 5  # of that time: 320 seconds
UNDO_KEPT = timedelta(days=1)  # what takes a call back, where what is stored of it is hidden
MAX_TAKE_OVERS = 5  # a run that takes every worker down with it must not go round for ever


class LostLease(Exception):
    """Somebody else holds the run now; whoever sees this stops without a further write."""


@dataclass(frozen=True)
class Standing:
    """How a run stands at this moment: what an approval of it has to be bound to (``bound``, by ``digest``), and the
    ``obligations`` it would be done under."""

    bound: dict[str, Any]
    digest: str
    obligations: dict[str, Any]


class Held(Exception):
    """The connection by which a run goes out has to be renewed by a person, and the run waits for that."""


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
        words = [str(workspace_id), str(run_id)]
        # How the arguments read in logs is said here: Celery's own way to say it takes a third of the sending.
        perform_run.apply_async(args=words, retry=False, argsrepr=str(words), kwargsrepr="{}")
    except OperationalError as error:
        log.warning("broker out of reach, the reconciler will ring", run=str(run_id), error=type(error).__name__)
        OutboxMessage.objects.filter(run_id=run_id).update(ring_at=timezone.now())


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
        _note_held(run)
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
    return run.state == Run.State.RUNNING and run.lease_until is not None and run.lease_until < now


def _take_overs(run: Run) -> int:
    """How often a lost run was taken over, this time included: claims but the first, those that were given back, and
    one for each step, since a step that waits for a person lets its pack go."""
    return run.attempt - 1 - run.given_back - run.steps.count()


def lease_length() -> timedelta:
    """How long a worker may be silent before its run is taken over."""
    return timedelta(seconds=settings.GALAXY_RUN_LEASE_S)


def is_fresh(run: Run) -> bool:
    """Whether its lease was given a moment ago: nobody takes it over soon, and renewing it would tell nothing new."""
    length = lease_length()
    return run.lease_until is not None and run.lease_until - timezone.now() > length * 0.95


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
    RunPayload.objects.filter(run=run).update(keep_until=_kept_until())


@transaction.atomic
def hold(run: Run) -> None:
    """A call that found its connection exhausted waits for it: kept, not failed, since nothing of it took effect.

    However long that takes, it then has its whole time to wait for its turn again. Raises LostLease.
    """
    mine = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING, attempt=run.attempt)
    waits = {"state": Run.State.WAITING, "lease_until": None, "started_at": None, "effect_started_at": None}
    if not mine.update(**waits, given_back=F("given_back") + 1):
        raise LostLease(run.pk)
    _note_held(run)


def _note_held(run: Run) -> None:
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


@outlives_its_spans
@transaction.atomic
def end(
    run: Run,
    *,
    outputs: Any = None,
    error: RunError | None = None,
    tracer: Tracer | None = None,
    exchanges: list[dict[str, Any]] | None = None,
    outcome: dict[str, Any] | None = None,
    raw_outputs: Any = None,
    arrived_at: set[str] | None = None,
    keeps_inputs: bool = False,
    undo: dict[str, Any] | None = None,
) -> None:
    """Steps 11 and 12: store how a run ended, with its spans, call record, event and outcome.

    ``outputs`` are redacted; ``arrived_at`` names where a write went (sandbox.destinations). ``keeps_inputs``: the raw
    ones stay for a while, so that it can be asked for once more; those of a pack that failed on its way do in any case,
    so that it can go on from there. ``undo`` is what takes it back, where that is to be kept for a day since what is
    stored does not tell it (sandbox.undoing.filling). Raises LostLease where this attempt no longer holds the run; then
    nothing is written.
    """
    keeps_inputs = keeps_inputs or (error is not None and _can_go_on(run))
    state = Run.State.SUCCEEDED.value
    if error:
        state = (Run.State.UNKNOWN if error.ambiguous else Run.State.FAILED).value
    was_claimed = run.state == Run.State.RUNNING
    spans: list[Span] = []
    if tracer:
        status = (Span.Status.ERROR if error else Span.Status.OK).value
        spans = tracer.finish(status, mode=run.mode, state=state)
    record = fresh(
        CallRecord,
        workspace_id=run.workspace_id,
        run_id=run.pk,
        version_digest=run.version_digest,
        action=run.target,
        mode=run.mode,
        inputs=run.inputs,
        outputs=outputs,
        exchanges=exchanges or [],
    )
    forgets = run.parent_id is None and not keeps_inputs and undo is None
    event = _ending(run, state, error, outcome)
    store(run, state, outputs=outputs, error=error, beside=[*spans, record, event], forgets=forgets)
    if outcome:
        Outcome.objects.create(workspace=run.workspace, run=run, is_simulated=run.is_simulated, **outcome)
    if arrived_at and error is None:
        remember(run.installation, arrived_at)
    if forgets:
        _forget_steps(run, keeps_undo=error is None)
    elif undo is not None:
        _keep_for_undo(run, undo, raw_outputs)
    else:
        forget_values(run, raw_outputs, keep=keeps_inputs)
    if run.is_check:
        record_check(run, error)
    elif error and run.rehearses_id is None:
        tell_requester(run, error)
        tell_of_failure(run)
    if run.parent_id is None and not was_claimed:  # the claim took the doorbell down
        OutboxMessage.objects.filter(run=run).delete()


def store(
    run: Run,
    state: str,
    *,
    outputs: Any,
    error: RunError | None,
    beside: list[Span | CallRecord | Insertion],
    forgets: bool,
) -> None:
    """Step 11: the guarded last write of the run's own row, with the rows that are written ``beside`` it.

    With ``forgets`` its raw values go in the same round trip. Raises LostLease, and then all of it is to be undone.
    """
    payload = (RunPayload, {"run": run.pk})
    changes = {
        "state": state,
        "outputs": outputs,
        "lease_until": None,
        "finished_at": timezone.now(),
        "error_category": error.category if error else "",
        "error": error.as_dict() if error else None,
        "attempt": run.attempt,
    }
    if run.state == Run.State.RUNNING:
        mine = {"id": run.pk, "state": run.state, "attempt": run.attempt}
        won = update(Run, mine, changes, deleting=payload if forgets else None, inserting=beside)
    else:
        open_states = [Run.State.QUEUED, Run.State.WAITING, Run.State.RUNNING]
        won = Run.objects.filter(pk=run.pk, state__in=open_states).update(**changes)
        if won:
            insert(*beside)
        if won and forgets:
            delete(*payload)
    if not won:
        raise LostLease(run.pk)
    for name, value in changes.items():
        setattr(run, name, value)


def _ending(run: Run, state: str, error: RunError | None, outcome: dict[str, Any] | None) -> Insertion:
    """Step 12: the event that stands beside the run's last state."""
    facts: dict[str, Any] = {}
    if error:
        facts |= {"error_code": error.code, "category": error.category}
    if outcome:
        facts |= {"outcome": outcome["name"], "reached": outcome["is_success"]}
    return audit.entry(
        f"run.{state}",
        actor=Actor.from_list(run.chain).through("call", str(run.pk), run.target),
        target=run,
        simulated=run.is_simulated,
        after={"state": state, "attempt": run.attempt, "version": run.version_digest},
        **facts,
    )


def tell_requester(run: Run, error: RunError) -> None:
    """Tell whoever started a run that it went wrong, unless they know: it never got as far as a worker, and so was
    refused before their eyes or by a decision they are told of. What an agent starts is read on the agent's page."""
    if run.attempt and run.parent_id is None and run.agent_id is None:
        kind = "run_unknown" if error.ambiguous else "run_failed"
        notify(run.workspace, [run.requested_by], kind, run, note=error.sentence)


def _can_go_on(run: Run) -> bool:
    """Whether another run may take over what this one has done so far (sandbox.packs.retrying)."""
    is_own = run.parent_id is None and run.rehearses_id is None and run.undoes_id is None
    return is_own and run.kind == Kind.PACK and run.attempt > 0


def forget_values(run: Run, raw_outputs: Any = None, *, keep: bool = False) -> None:
    """Raw values go with the last write; those of a step stay until its pack is over, which may still read them.

    ``keep``: those of a run that nobody said yes to, and of a pack that failed, stay for SANDBOX_KEEP_ASKED_DAYS.
    """
    if run.parent_id is None and keep:
        kept = RunPayload.objects.filter(run=run)
        if run.kind == Kind.PACK:
            kept |= RunPayload.objects.filter(run__parent=run)
        kept.update(keep_until=_kept_until())
    elif run.parent_id is None:
        delete(RunPayload, {"run": run.pk})
        _forget_steps(run)
    elif raw_outputs is not None:
        RunPayload.objects.filter(run=run).update(data=_of_step(run, raw_outputs))


def _kept_until() -> datetime:
    return timezone.now() + timedelta(days=settings.SANDBOX_KEEP_ASKED_DAYS)


def _keep_for_undo(run: Run, undo: dict[str, Any], raw_outputs: Any) -> None:
    """Of a call that is over, what takes it back; of a step, which its pack still reads, beside its values."""
    kept: dict[str, Any] = {KEPT: undo}
    until = _undone_until()
    if run.parent_id:
        kept |= _of_step(run, raw_outputs)
        until = None
    RunPayload.objects.filter(run=run).update(data=kept, keep_until=until)


def _of_step(run: Run, raw_outputs: Any) -> dict[str, Any]:
    """What it was given stays too: what takes it back may need it, with the classes that it brought along."""
    payload = payload_of(run)
    carried = {"carried": payload["carried"]} if payload.get("carried") else {}
    return {"inputs": payload.get("inputs", {}), "outputs": raw_outputs} | carried


def _undone_until() -> datetime:
    return timezone.now() + min(UNDO_KEPT, timedelta(days=settings.SANDBOX_KEEP_ASKED_DAYS))


def _forget_steps(run: Run, *, keeps_undo: bool = False) -> None:
    """The raw values of the steps of a run that is over."""
    if run.kind == Kind.PACK or run.rehearses_id:
        forget_steps(RunPayload.objects.filter(run__parent=run), keeps_undo=keeps_undo and not run.rehearses_id)


def forget_steps(payloads: QuerySet[RunPayload], *, keeps_undo: bool) -> None:
    """All of ``payloads``; with ``keeps_undo`` but for what takes their calls back, where that is kept."""
    if keeps_undo:
        undo = JSONObject(**{KEPT: KeyTransform(KEPT, "data")})
        payloads.filter(data__has_key=KEPT).update(data=undo, keep_until=_undone_until())
        payloads = payloads.exclude(data__has_key=KEPT)
    payloads.delete()
