"""Steps 5 to 10 of the gate: what a worker does with a run that came through."""

import traceback
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from policies.bound import digest_of
from policies.engine import Evaluation, evaluate
from policies.models import Effect
from policies.services.decisions import decide as decide_and_store
from policies.services.decisions import snapshot_of
from registry.manifests.misfits import misfits
from registry.models import Connection, Kind
from registry.services import is_simulation_forced
from sandbox import class_flow
from sandbox.declared import acts_again
from sandbox.errors import HELD, RunError
from sandbox.escalation import call_ended
from sandbox.models import Category, Run
from sandbox.packs import engine
from sandbox.plain_json import NotPlain, require_plain
from sandbox.redaction import redacted, workspace_key
from sandbox.rule_rates import charge_rules
from sandbox.runners import Reply, runner_for
from sandbox.services.admission import obligations_of
from sandbox.services.asking import blocked
from sandbox.services.binding import bound_of
from sandbox.services.calls import Call, made_up, question
from sandbox.services.claiming import Held, Standing, claim
from sandbox.services.ending import end
from sandbox.services.executing import execute
from sandbox.services.leases import LostLease, give_back, hold
from sandbox.services.rehearsing import perform_rehearsal
from sandbox.services.renewing import ask_anew
from sandbox.services.sending import NotYet
from sandbox.services.stored import call_of
from sandbox.services.taking import digest_now
from sandbox.stopping import yanked_since
from sandbox.tracing import Tracer
from sandbox.undoing import packs as undo_pack
from sandbox.undoing.filling import kept_for_undo

log = structlog.get_logger(__name__)
MAX_OUTPUT_BYTES = 1024 * 1024


def perform(run_id: UUID, *, until: datetime | None = None) -> Run | None:
    """Do the work of one run, if it is free to be taken; returns it as it then stands. Never does a thing twice.

    Safe to call any number of times, from any number of workers: the claim lets one of them in. ``until``: when the
    time of a step is over; what is under way then is not broken off, but not tried again.
    """
    run = claim(run_id, recheck, ask_anew)
    if run is None:
        return None
    tracer = Tracer(run)
    tracer.waited("queue", run.started_at if run.attempt > 1 and run.started_at else run.created_at)
    try:
        if run.kind == Kind.PACK and run.undoes_id:
            undo_pack.perform_undoing(run, tracer, perform_step=perform)
        elif run.kind == Kind.PACK:
            engine.perform_pack(run, tracer, perform_step=perform)
        elif run.rehearses_id and run.parent_id is None:
            perform_rehearsal(run, tracer, attempt_call, perform_step=perform)
        else:
            perform_call(run, tracer, until)
    except NotYet as wait:
        give_back(run, wait.until, wait.because)
        if run.parent_id:
            raise  # its pack goes back as well
    except LostLease:
        log.warning("lease lost, another worker has the run", run=str(run_id), attempt=run.attempt)
    except (InterfaceError, OperationalError):
        raise  # the database is away; whoever takes the run over goes on
    except Exception as error:  # whatever broke would break again at every take-over
        _end_broken(run, error)
    if not run.is_final:  # it waits or went back, or another worker has it
        run.refresh_from_db()
    return run


def _end_broken(run: Run, error: Exception) -> None:
    """End a run on which our code or the extension's broke. The log gets the place and never the message, which may
    quote values."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename}:{last.lineno}"
    log.error("run broke", run=str(run.pk), target=run.target, error=type(error).__name__, place=place)
    maybe_sent = bool(run.effect_started_at) and not run.is_simulated
    try:
        end(run, error=RunError(Category.TOOL_ERROR, "broke", ambiguous=maybe_sent))
    except LostLease:
        log.warning("lease lost, another worker has the run", run=str(run.pk), attempt=run.attempt)


def recheck(run: Run) -> Standing:
    """Step 3 again at the claim: grants and rules may have changed since. Says how the run stands now.

    Raises RunError with a policy block where the answer is no, or where approval is needed that was not asked for.
    """
    call = call_of(run)
    if not run.is_simulated and _is_cut_off(run, call):
        raise RunError(
            Category.POLICY_BLOCK,
            "not_connected",
            sentence="It was to run live, and what it would reach is not connected any more, so nothing was done.",
            next_step="Run it again: it is simulated now, or live once an administrator connects it.",
        )
    if run.connection and run.connection.status == Connection.Status.EXHAUSTED:
        if call.asks_nobody:  # it does not wait: that nobody gets through is its answer
            raise RunError(Category.AUTH_ERROR, HELD)
        raise Held
    if refused := _stopped(run, call):
        raise refused
    asked = question(call)
    answer = evaluate(snapshot_of(run.workspace), **asked)
    is_tried = run.rehearses_id is not None and run.is_simulated  # for whoever decides, so that nobody is asked
    unasked = answer.effect == Effect.REQUIRE_APPROVAL and run.approval_id is None and not is_tried
    if answer.effect == Effect.DENY or unasked:
        run.decision = decide_and_store(run.workspace, **asked, subject_id=run.pk)
        run.save(update_fields=["decision"])
        raise blocked(run.decision)
    obligations = obligations_of((run.obligations or {}).get("redact", {}), answer.obligations)
    if obligations.get("redact") != run.obligations.get("redact"):
        run.inputs = redacted(
            call.inputs,
            call.inputs_schema,
            call.carried,
            modes=obligations.get("redact"),
            key=workspace_key(run.workspace_id),
        )
    bound = _bound(run, call, answer) if run.approval_id else {}
    return Standing(bound, digest_of(bound) if bound else "", obligations)


def _stopped(run: Run, call: Call) -> RunError | None:
    """Why a step of a pack goes no further, by what its pack made it of."""
    if run.parent is None or run.rehearses_id:
        return None
    if run.undoes_id is None and (gone := yanked_since(run.version, run.parent.created_at)):
        return gone
    return made_up(call)


def _bound(run: Run, call: Call, answer: Evaluation) -> dict[str, Any]:
    """What an approval of it has to be bound to now. What waited for a yes runs at the version that is held by then;
    what was lost after it had begun goes on at the one it began with."""
    has_begun = run.approval is not None and run.approval.consumed_at is not None
    held = call.resolved.version.digest if has_begun else digest_now(run)
    reasons = [(reason.code, reason.rule) for reason in answer.reasons]
    return bound_of(call, snapshot_of(run.workspace), answer.effect, reasons, version=held or "")


def _is_cut_off(run: Run, call: Call) -> bool:
    """Whether what it was to reach is not connected any more; its own connection is fixed since it was asked for."""
    if run.connection:
        return run.connection.status == Connection.Status.UNAUTHENTICATED
    return is_simulation_forced(call.resolved, run.requested_by)


def still_fits(run: Run) -> bool:
    """Whether what was approved is what would run at this moment. Raises RunError."""
    if run.approval is None:
        return True
    call = call_of(run)
    answer = evaluate(snapshot_of(run.workspace), **question(call))
    return digest_of(_bound(run, call, answer)) == run.approval.digest


def perform_call(run: Run, tracer: Tracer, until: datetime | None = None) -> None:
    """An action or transform from its budget to its last write."""
    call = call_of(run)
    if until:
        call = replace(call, until=until)
    exchanges: list[dict[str, Any]] = []
    try:
        if not call.asks_nobody:
            charge_rules(run)
        outputs = attempt_call(run, call, tracer, exchanges)
    except RunError as error:
        if error.code == HELD and not error.ambiguous and not call.asks_nobody:  # the others have an answer: it failed
            hold(run)
            return
        end(run, error=error, tracer=tracer, exchanges=exchanges)
        call_ended(run)
        return
    safe = redact_outputs(run, call, outputs, tracer)
    undo = kept_for_undo(run, call, outputs, safe)
    end(
        run,
        outputs=safe,
        raw_outputs=outputs,
        tracer=tracer,
        exchanges=exchanges,
        arrived_at=call.destinations,
        undo=undo,
    )
    call_ended(run)


def attempt_call(run: Run, call: Call, tracer: Tracer, exchanges: list[dict[str, Any]]) -> Any:
    """Steps 5 and 7 to 9: the raw outputs of a call, which are what is declared. Raises RunError, NotYet."""
    reply = execute(run, call, runner_for(run), tracer, exchanges)
    return _valid_outputs(run, call, reply, tracer)


def _valid_outputs(run: Run, call: Call, reply: Reply, tracer: Tracer) -> Any:
    """As validate_outputs; what a live write did is done, however its answer looks, so that is no plain failure."""
    try:
        return validate_outputs(call, reply, tracer)
    except RunError as error:
        once = call.action is not None and acts_again(call.action)
        error.ambiguous = not run.is_simulated and once and reply.has_acted is not False
        raise


def validate_outputs(call: Call, reply: Reply, tracer: Tracer) -> Any:
    """Step 9. What came back must be what is declared, simulated or live. Raises RunError naming the field."""
    schema = call.action.outputs if call.action else call.resolved.manifest.outputs
    with tracer.span("outputs.validate", "validate"):
        try:
            require_plain(reply.outputs, max_bytes=MAX_OUTPUT_BYTES)
        except NotPlain as error:
            sentence = f"The answer cannot be taken. {error}"
            raise RunError(
                Category.VALIDATION,
                "output_not_plain",
                sentence=sentence,
                next_step="Tell the extension's publisher.",
                status=reply.status,
            ) from error
        problems = misfits(reply.outputs, schema)
        if not problems:
            return reply.outputs
        place, sentence = next(iter(problems.items()))
        field = redacted(place, {})  # a map's names are values too
        raise RunError(
            Category.VALIDATION,
            "output_mismatch",
            sentence=f"The answer does not fit what {call.resolved.target} declares. {field or 'It'}: {sentence}",
            next_step="Tell the extension's publisher; its declaration and the other system disagree.",
            status=reply.status,
            attempts=1,
            field=field,
        )


def redact_outputs(run: Run, call: Call, outputs: Any, tracer: Tracer) -> Any:
    """Step 10. What is stored and shown, hidden as the run's obligations say; the raw values go no further than the
    pack that asked for them."""
    schema = call.action.outputs if call.action else call.resolved.manifest.outputs
    carried = class_flow.of_outputs(call.resolved.manifest, call.action, call.carried)
    modes, key = run.obligations.get("redact"), workspace_key(run.workspace_id)
    with tracer.span("outputs.redact", "redact"):
        return redacted(outputs, schema, carried, modes=modes, key=key)
