"""Steps 11 and 12: the last write of a run, with all that stands beside it."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.db.instances import fresh
from galaxy.core.db.writing import Insertion, delete, insert, update
from galaxy.core.notifications import notify
from registry.models import Kind
from sandbox.approved_runs import tell_of_failure
from sandbox.destinations import remember
from sandbox.errors import RunError
from sandbox.health.recording import record_check
from sandbox.models import CallRecord, OutboxMessage, Outcome, Run, RunPayload, Span
from sandbox.services.forgetting import forget_steps_of, forget_values, keep_for_undo
from sandbox.services.leases import LostLease
from sandbox.tracing import Tracer, outlives_its_spans


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
        forget_steps_of(run, keeps_undo=error is None)
    elif undo is not None:
        keep_for_undo(run, undo, raw_outputs)
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
        after={"state": state, "attempt": run.attempt, "version": run.version_digest}
        | ({"rehearses": str(run.rehearses_id)} if run.rehearses_id else {}),
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
