"""Steps 1 to 4 of the gate: resolve, validate, decide, seek approval. What passes is a queued run."""

import secrets
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.db.instances import fresh
from galaxy.core.db.prepared import prepared
from galaxy.core.db.writing import insert
from galaxy.core.errors import Invalid
from galaxy.core.models import Agent, User, Workspace
from galaxy.core.telemetry.traceparent import incoming
from policies.models import Approval, Decision, Effect
from policies.services.decisions import answered
from registry.manifests.misfits import misfits
from registry.models import Connection, Kind
from registry.services import (
    Resolved,
    is_simulation_forced,
    outgoing_connection,
    resolve,
)
from sandbox import class_flow
from sandbox.budgets import budget_spent
from sandbox.errors import KeyReused
from sandbox.models import Run, RunPayload, Trigger
from sandbox.packs.marks import as_json
from sandbox.plain_json import NotPlain, require_plain
from sandbox.redaction import Modes, redacted, stricter, workspace_key
from sandbox.services.asking import blocked, seek_approval
from sandbox.services.binding import input_digest
from sandbox.services.calls import Call, changes, made_up, question
from sandbox.services.doorbells import doorbell
from sandbox.services.ending import end
from sandbox.services.taking import versions_for
from sandbox.stopping import refusal_of
from sandbox.tracing import Tracer, outlives_its_spans
from sandbox.transforms.classes import Classes
from sandbox.upgrades.carrying import carried_inputs

MAX_INPUT_BYTES = 256 * 1024
MAX_KEY_LENGTH = 255


@dataclass(frozen=True)
class Manner:
    """How a run is wanted: simulated, partly so, with which samples, step by step, and dry."""

    simulate: bool = False
    partly: bool = False
    scenario: str = Run.Scenario.HAPPY
    scenarios: dict[str, str] = field(default_factory=dict)
    is_stepped: bool = False
    is_dry: bool = False


@outlives_its_spans
def invoke(
    workspace: Workspace,
    *,
    actor: User,
    target: str,
    inputs: dict[str, Any],
    simulate: bool = False,
    scenario: str = Run.Scenario.HAPPY,
    idempotency_key: str | None = None,
    agent: Agent | None = None,
    trigger: Trigger | None = None,
    carried: Classes | None = None,
    partly: bool = False,
    scenarios: dict[str, str] | None = None,
    stepwise: bool = False,
    dry: bool = False,
) -> Run:
    """Ask for one execution; the only way in. Returns the run: queued, waiting for approval, or failed by policy.

    ``agent`` is who acts for ``actor``, its owner; a run beyond its budget of the day fails with the category quota.
    ``trigger`` is what starts it by itself, in the name of ``actor``, its owner; ``carried`` are the data classes that
    its event brings into which inputs.

    ``scenario`` picks the sample that a simulated run answers with, ``scenarios`` those of single steps of a pack by
    their ids. A pack may run ``partly``, live where it is connected and simulated elsewhere, and simulated
    ``stepwise``: it pauses after each step. ``dry`` reads live and simulates whatever writes, in a pack also what reads
    by a made-up value. The same ``idempotency_key`` with the same inputs
    answers the first run; with others it raises KeyReused. Raises NotInstalled, RequirementsMissing, or Invalid whose
    ``fields`` names what is wrong with the inputs.
    """
    manner = Manner(simulate, partly, scenario, scenarios or {}, stepwise, dry and not simulate)
    call = resolve_call(workspace, actor, target, inputs, manner, idempotency_key, agent, trigger, carried)
    refuse_unplain(call)
    earlier = _earlier(call)
    if earlier:
        return earlier
    validate_inputs(call)
    try:
        with transaction.atomic():
            return admit(call)
    except IntegrityError:
        earlier = _earlier(call)  # somebody used the same key a moment ago
        if earlier:
            return earlier
        raise


@outlives_its_spans
def invoke_check(connection: Connection, target: str, *, user: User, chain: Actor) -> Run:
    """The run of a check of ``connection``, through the same gate: live, without inputs, and asking no one for a yes.

    Raises NotInstalled, Altered or Invalid, or IntegrityError while another check of it is under way.
    """
    call = Call(
        workspace=connection.workspace,
        user=user,
        chain=chain,
        resolved=resolve(connection.workspace, target),
        inputs={},
        mode=Run.Mode.LIVE,
        scenario="",
        connection=connection,
        is_check=True,
    )
    validate_inputs(call)
    with transaction.atomic():
        return admit(call)


def resolve_call(
    workspace: Workspace,
    user: User,
    target: str,
    inputs: dict[str, Any],
    manner: Manner,
    idempotency_key: str | None,
    agent: Agent | None = None,
    trigger: Trigger | None = None,
    carried: Classes | None = None,
) -> Call:
    """Step 1. The mode is fixed here, enters decision and approval, and never changes within a run."""
    key, run_id = _key(idempotency_key), uuid4()
    found = resolve(workspace, target, key=key or str(run_id))
    kind = found.manifest.kind
    if kind not in {Kind.PACK, Kind.TRANSFORM} and found.action is None:
        raise Invalid(f"{target} is a {kind}; name one of its actions, such as {target}.{_some_action(found)}.")
    held = versions_for(found, key or str(run_id)) if kind == Kind.PACK else {}
    connection = outgoing_connection(found, user)
    mode = _mode(manner, found, is_simulation_forced(found, user, connection))
    inputs, carried = carried_inputs(found, inputs, carried)
    _check(manner, found, mode)
    return Call(
        workspace=workspace,
        user=user,
        chain=_chain(user, agent, trigger),
        resolved=found,
        inputs=inputs,
        mode=mode,
        scenario=manner.scenario if mode != Run.Mode.LIVE else "",
        scenarios=manner.scenarios if mode != Run.Mode.LIVE else {},
        is_stepped=manner.is_stepped,
        is_dry=manner.is_dry,
        idempotency_key=key,
        carried=carried,
        agent=agent,
        trigger=trigger,
        connection=connection,
        run_id=run_id,
        held=held,
    )


def _mode(manner: Manner, found: Resolved, is_forced: bool) -> str:
    kind = found.manifest.kind
    if manner.simulate:
        return Run.Mode.SIMULATED.value
    if manner.is_dry and kind == Kind.PACK:
        return Run.Mode.PARTIAL.value
    if manner.is_dry and found.action and changes(found.action):
        return Run.Mode.SIMULATED.value
    if not is_forced:
        return Run.Mode.LIVE.value
    return (Run.Mode.PARTIAL if manner.partly and kind == Kind.PACK else Run.Mode.SIMULATED).value


def _check(manner: Manner, found: Resolved, mode: str) -> None:
    """Raises Invalid for a manner in which it cannot run."""
    is_pack = found.manifest.kind == Kind.PACK
    if manner.scenario not in Run.Scenario.values:
        raise Invalid("There is no such sample.", {"scenario": "Choose one of the samples."})
    steps = {step["id"] for step in found.manifest.steps} if is_pack else set()
    if not isinstance(manner.scenarios, dict) or not manner.scenarios.keys() <= steps:
        raise Invalid("There is no such step.", {"scenarios": "Name steps of the pack by their ids."})
    if any(one not in Run.Scenario.values for one in manner.scenarios.values()):
        raise Invalid("There is no such sample.", {"scenarios": "Choose one of the samples for each step."})
    if manner.partly and not is_pack:
        raise Invalid("Only a pack can be partly simulated.", {"mode": "Run it live, or simulate it."})
    if manner.is_stepped and not (is_pack and mode == Run.Mode.SIMULATED):
        raise Invalid("Only a simulated pack goes step by step.", {"stepwise": "Simulate it, or leave this out."})


def _chain(user: User, agent: Agent | None, trigger: Trigger | None) -> Actor:
    """Who asks, through what."""
    if trigger:
        return Actor.of(user).through("trigger", str(trigger.pk), f"{trigger.get_kind_display()} “{trigger}”")
    return Actor.of_agent(agent) if agent else Actor.of(user)


def _key(given: str | None) -> str | None:
    """The idempotency key, None where there is none. Raises Invalid for what cannot be one."""
    if given and not (isinstance(given, str) and len(given) <= MAX_KEY_LENGTH and given.isprintable()):
        advice = f"Send at most {MAX_KEY_LENGTH} printable characters."
        raise Invalid("This cannot be an idempotency key.", {"idempotency_key": advice})
    return given or None


def refuse_unplain(call: Call) -> None:
    """Before anything reads the inputs: what no schema can say. Raises Invalid."""
    try:
        require_plain(call.inputs, max_bytes=MAX_INPUT_BYTES)
    except NotPlain as error:
        raise Invalid("The inputs cannot be taken.", {"": str(error)}) from error


def validate_inputs(call: Call) -> None:
    """Step 2, by the validator that checks outputs too. Raises Invalid with a sentence for each field."""
    problems = misfits(call.inputs, call.inputs_schema)
    if problems:
        field, sentence = next(iter(problems.items()))
        raise Invalid(f"{field or 'The inputs'}: {sentence}", problems)


def admit(call: Call) -> Run:
    """Steps 3 and 4 with the run they are about, in the caller's transaction."""
    resolved = call.resolved
    run = fresh(
        Run,
        tied={
            "workspace": call.workspace,
            "installation": resolved.installation,
            "version": resolved.version,
            "connection": call.connection if call.mode == Run.Mode.LIVE else None,
            "requested_by": call.user,
            "agent": call.agent,
            "trigger": call.trigger,
            "parent": call.parent,
            "resumes": call.resumes,
            "undoes": call.undoes,
            "rehearses": call.rehearses,
        },
        id=call.run_id or uuid4(),
        version_digest=resolved.version.digest,
        kind=call.kind,
        target=resolved.target,
        mode=call.mode,
        is_check=call.is_check,
        scenario=call.scenario,
        chain=call.chain.as_list(),
        step_id=call.step_id,
        item=call.item,
        scenarios=call.scenarios,
        is_stepped=call.is_stepped,
        is_dry=call.is_dry,
        idempotency_key=call.idempotency_key,
        input_digest=input_digest(call.inputs),
        data_classes=call.data_classes,
        instead_of_id=call.again.subject_id if call.again else None,
        seed=call.parent.seed if call.parent else secrets.randbits(62),
        **_trace_of(call),
    )
    tracer = Tracer(run)
    decision = run.decision = decision_on(call, tracer)
    run.obligations = obligations_of(call.modes, decision.obligations)
    run.inputs = shown_inputs(call, run)
    asks, is_refused = _meaning(call, decision)
    stopped = refusal_of(call.resolved.version, call.resolved.installation, call.workspace) or made_up(call)
    if asks and not stopped:
        run.state = Run.State.WAITING
    error = blocked(decision) if is_refused else stopped
    if error is None and call.agent and not call.asks_nobody:
        error = budget_spent(call.agent, but=run)
    event = audit.entry(
        "run.requested",
        actor=call.chain,
        target=run,
        simulated=run.is_simulated,
        after={"mode": run.mode, "version": run.version_digest, "state": run.state, "effect": decision.effect}
        | ({"connection": str(run.connection_id)} if run.connection_id else {})
        | ({"rehearses": str(call.rehearses.pk)} if call.rehearses else {}),
    )
    payload = fresh(RunPayload, workspace_id=run.workspace_id, run_id=run.pk, data=payload_for(call))
    goes = not error and not asks and not run.parent_id
    insert(decision, run, payload, *tracer.take(), event, *([doorbell(run)] if goes else []))
    if error:
        end(run, error=error, tracer=tracer)
    elif asks:
        run.approval = seek_approval(call, run, decision, again=call.again)
        run.save(update_fields=["approval"])
        rehearse(call, run)
    return run


def _trace_of(call: Call) -> dict[str, str]:
    """The trace of a run: its pack's, the one that the call of the API continues, or a new one."""
    if call.parent:
        return {"trace_id": call.parent.trace_id}
    if (continued := incoming()) and not call.asks_nobody:
        return {"trace_id": continued.trace_id, "trace_parent": continued.parent_id}
    return {"trace_id": secrets.token_hex(16)}


def rehearse(call: Call, run: Run) -> Run | None:
    """Let the call that ``run`` waits with be tried in Sim Mode, for whoever decides about it; in the caller's
    transaction, for a worker to take up. None where trying it would tell nothing: a pack's steps are asked for one by
    one, and a transform changes nothing."""
    if call.action is None or run.approval is None or run.approval.status != Approval.Status.PENDING:
        return None
    return admit(
        replace(
            call,
            mode=Run.Mode.SIMULATED,
            scenario=Run.Scenario.HAPPY,
            parent=None,
            step_id="",
            item=0,
            undoes=None,
            idempotency_key=None,
            run_id=None,
            rehearses=run,
            again=None,
        )
    )


def _meaning(call: Call, decision: Decision) -> tuple[bool, bool]:
    """Whether a person is asked, and whether the call is refused.

    Whatever Galaxy makes by itself asks nobody: where it would reach another system it is refused instead, and what
    is simulated for an approver goes on. What is asked for once more, or narrowed, is asked in any case.
    """
    asks = decision.effect == Effect.REQUIRE_APPROVAL
    if decision.effect == Effect.DENY:
        return False, True
    if call.asks_nobody:
        return False, asks and (call.is_check or call.mode == Run.Mode.LIVE)
    return asks or call.again is not None, False


def obligations_of(inherited: Modes, decided: dict[str, Any]) -> dict[str, Any]:
    """What has to be done with a call: what was decided, and data classes hidden no milder than ``inherited`` says."""
    redact = stricter(inherited, decided.get("redact", {}))
    return ({"redact": redact} if redact else {}) | ({"rate": decided["rate"]} if decided.get("rate") else {})


def shown_inputs(call: Call, run: Run) -> dict[str, Any]:
    """The inputs as they are stored and shown, hidden as the run's obligations say."""
    modes, key = run.obligations.get("redact"), workspace_key(run.workspace_id)
    return redacted(call.inputs, call.inputs_schema, call.carried, modes=modes, key=key)


def payload_for(call: Call) -> dict[str, Any]:
    more = {"modes": call.modes, "held": call.held, "marks": as_json(call.marks)} | call.progress
    return {"inputs": call.inputs, "carried": class_flow.as_json(call.carried)} | {
        name: value for name, value in more.items() if value
    }


def decide(call: Call, tracer: Tracer) -> Decision:
    """Step 3 for a run that is there already. The decision is stored with its whole input."""
    decision = decision_on(call, tracer)
    insert(decision)
    return decision


def decision_on(call: Call, tracer: Tracer) -> Decision:
    """Step 3. The decision holds its whole input; whoever asks writes it, a new run with itself."""
    with tracer.span("policy.evaluate", "policy") as span:
        decision = answered(call.workspace, **question(call), subject_id=tracer.run_id)
        span.attributes = {"effect": decision.effect, "policy_version": decision.policy_version}
    return decision


def _earlier(call: Call) -> Run | None:
    """The run that used this idempotency key before. Raises KeyReused where it asked for something else."""
    if not call.idempotency_key:
        return None
    found = _with_key.one(workspace=call.workspace.pk, key=call.idempotency_key)
    if found is None:
        return None
    asked = (found.target, found.requested_by_id, found.agent_id, found.trigger_id)
    manner = (found.scenario, found.scenarios, found.is_stepped, found.is_dry)
    same = manner == (call.scenario, call.scenarios, call.is_stepped, call.is_dry) and asked == (
        call.resolved.target,
        call.user.pk,
        call.agent.pk if call.agent else None,
        call.trigger.pk if call.trigger else None,
    )
    digest = input_digest(call.inputs)
    if not same or (found.input_digest != digest and not _was_asked_with(found, digest)):
        raise KeyReused("This idempotency key was used before, for something else.")
    return found


def _was_asked_with(run: Run, digest: str) -> bool:
    """Whether these were its inputs before a reviewer made them smaller."""
    wider = Approval.objects.filter(workspace=run.workspace_id, subject_kind="run", subject_id=run.pk)
    return wider.filter(bound__inputs=digest).exists()


@prepared
def _with_key(workspace: UUID, key: str) -> QuerySet[Run]:
    return Run.objects.filter(workspace=workspace, idempotency_key=key).order_by()


def _some_action(found: Resolved) -> str:
    return next(iter(found.manifest.actions), "action")
