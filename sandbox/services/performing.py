"""Steps 5 to 10 of the gate: what a worker does with a run that came through."""

import traceback
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from galaxy.core.audit import Actor
from galaxy.core.db.prepared import prepared
from policies.engine import evaluate
from policies.models import Effect
from policies.services.decisions import decide as decide_and_store
from policies.services.decisions import snapshot_of
from registry.errors import Altered
from registry.manifests.misfits import misfits
from registry.models import Connection, Kind
from registry.services import Resolved, is_simulation_forced, outgoing_connection, verified_manifest
from sandbox import class_flow
from sandbox.declared import acts_again
from sandbox.errors import HELD, RunError
from sandbox.escalation import call_ended
from sandbox.models import Category, Run, RunPayload
from sandbox.plain_json import NotPlain, require_plain
from sandbox.redaction import redacted
from sandbox.runners import Reply, runner_for
from sandbox.services.admission import blocked
from sandbox.services.calls import Call, approval_digest, question
from sandbox.services.executing import execute
from sandbox.services.leases import Held, LostLease, claim, end, give_back, hold
from sandbox.services.packs import perform_pack
from sandbox.services.sending import NotYet
from sandbox.tracing import Tracer

log = structlog.get_logger(__name__)
MAX_OUTPUT_BYTES = 1024 * 1024


def perform(run_id: UUID) -> Run | None:
    """Do the work of one run, if it is free to be taken; returns it as it then stands. Never does a thing twice.

    Safe to call any number of times, from any number of workers: the claim lets one of them in.
    """
    run = claim(run_id, recheck)
    if run is None:
        return None
    tracer = Tracer(run)
    tracer.waited("queue", run.started_at if run.attempt > 1 and run.started_at else run.created_at)
    try:
        if run.kind == Kind.PACK:
            perform_pack(run, tracer, perform_step=perform)
        else:
            perform_call(run, tracer)
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


def recheck(run: Run) -> str:
    """Step 3 again at the claim: grants may have gone since. Returns the approval's digest as it is now.

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
        if run.is_check:  # it does not wait: that nobody gets through is its answer
            raise RunError(Category.AUTH_ERROR, HELD)
        raise Held
    asked = question(call)
    snapshot = snapshot_of(run.workspace)
    answer = evaluate(snapshot, **asked)
    unasked = answer.effect == Effect.REQUIRE_APPROVAL and run.approval_id is None
    if answer.effect == Effect.DENY or unasked:
        run.decision = decide_and_store(run.workspace, **asked)
        run.save(update_fields=["decision"])
        raise blocked(run.decision)
    return approval_digest(call, answer, snapshot.version)


def _is_cut_off(run: Run, call: Call) -> bool:
    """Whether what it was to reach is not connected any more; its own connection is fixed since it was asked for."""
    if run.connection:
        return run.connection.status == Connection.Status.UNAUTHENTICATED
    return is_simulation_forced(call.resolved, run.requested_by)


def digest_now(run: Run) -> str:
    """What an approval of the run would have to be given for at this moment. Raises RunError."""
    call = call_of(run)
    snapshot = snapshot_of(run.workspace)
    return approval_digest(call, evaluate(snapshot, **question(call)), snapshot.version)


def call_of(run: Run) -> Call:
    """The call that a stored run stands for, with its version's verified manifest. Raises RunError if it is altered."""
    try:
        manifest = verified_manifest(run.version_digest)
    except Altered as error:
        raise RunError(Category.POLICY_BLOCK, error.code, sentence=str(error), next_step=error.next_step) from error
    if not run.installation.is_active:
        raise RunError(
            Category.POLICY_BLOCK,
            "not_installed",
            sentence=f"{run.installation} was removed from this workspace.",
            next_step="Install it again, then run it again.",
        )
    action = None
    if run.kind == Kind.ACTION:
        action = manifest.actions.get(run.target) or manifest.actions[run.target.removeprefix(f"{manifest.id}.")]
    resolved = Resolved(run.target, run.installation, run.version, manifest, action)
    payload = _payload(run)
    return Call(
        workspace=run.workspace,
        user=run.requested_by,
        chain=Actor.from_list(run.chain),
        resolved=resolved,
        inputs=payload.get("inputs", {}),
        mode=run.mode,
        scenario=run.scenario,
        parent=run.parent,
        step_id=run.step_id,
        idempotency_key=run.idempotency_key,
        carried=class_flow.from_json(payload.get("carried", [])),
        agent=run.agent,
        is_check=run.is_check,
        connection=run.connection or outgoing_connection(resolved, run.requested_by),
    )


def _payload(run: Run) -> dict[str, Any]:
    """The raw values of a run that is not over; read once for each claim, since they stay as they are until its end."""
    payload = Run._meta.get_field("payload")
    if not payload.is_cached(run):
        payload.set_cached_value(run, _stored.one(run=run.pk))
    found: Any = payload.get_cached_value(run)
    return found.data if found else {}


@prepared
def _stored(run: UUID) -> QuerySet[RunPayload]:
    """Not read along with the lock on the run: what its last worker wrote is seen once that is held."""
    return RunPayload.objects.filter(run=run)


def perform_call(run: Run, tracer: Tracer) -> None:
    """An action or transform from its budget to its last write."""
    call = call_of(run)
    exchanges: list[dict[str, Any]] = []
    try:
        reply = execute(run, call, runner_for(run), tracer, exchanges)
        outputs = _valid_outputs(run, call, reply, tracer)
    except RunError as error:
        if error.code == HELD and not error.ambiguous and not run.is_check:  # a check has an answer: it failed
            hold(run)
            return
        end(run, error=error, tracer=tracer, exchanges=exchanges)
        call_ended(run)
        return
    safe = redact_outputs(call, outputs, tracer)
    end(run, outputs=safe, raw_outputs=outputs, tracer=tracer, exchanges=exchanges)
    call_ended(run)


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


def redact_outputs(call: Call, outputs: Any, tracer: Tracer) -> Any:
    """Step 10. What is stored and shown; the raw values go no further than the pack that asked for them."""
    schema = call.action.outputs if call.action else call.resolved.manifest.outputs
    with tracer.span("outputs.redact", "redact"):
        return redacted(outputs, schema, class_flow.of_outputs(call.resolved.manifest, call.action, call.carried))
