"""Steps 1 to 4 of the gate: resolve, validate, decide, seek approval. What passes is a queued run."""

import secrets
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.db.prepared import prepared
from galaxy.core.db.writing import insert
from galaxy.core.errors import Invalid
from galaxy.core.models import Agent, User, Workspace
from policies.engine import Evaluation, Reason
from policies.models import Approval, Decision, Effect
from policies.services.approvals import request_approval
from policies.services.decisions import decide as decide_and_store
from registry.errors import RequirementsMissing
from registry.manifests.misfits import misfits
from registry.models import Connection, Kind
from registry.services import (
    Resolved,
    connection_for,
    is_simulation_forced,
    missing_requirements,
    outgoing_connection,
    resolve,
)
from sandbox import class_flow
from sandbox.budgets import budget_spent
from sandbox.errors import KeyReused, RunError
from sandbox.models import Category, Run, RunPayload
from sandbox.plain_json import NotPlain, require_plain
from sandbox.redaction import redacted
from sandbox.services.calls import Call, approval_digest, input_digest, question
from sandbox.services.leases import end, queue
from sandbox.tracing import Tracer
from sandbox.transforms.classes import Classes

MAX_INPUT_BYTES = 256 * 1024
MAX_KEY_LENGTH = 255


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
) -> Run:
    """Ask for one execution; the only way in. Returns the run: queued, waiting for approval, or failed by policy.

    ``agent`` is who acts for ``actor``, its owner; a run beyond its budget of the day fails with the category quota.

    ``scenario`` picks the sample that a simulated run answers with. The same ``idempotency_key`` with the same inputs
    answers the first run; with others it raises KeyReused. Raises NotInstalled, RequirementsMissing, or Invalid whose
    ``fields`` names what is wrong with the inputs.
    """
    call = resolve_call(workspace, actor, target, inputs, simulate, scenario, idempotency_key, agent)
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


def invoke_step(pack_run: Run, step_id: str, target: str, inputs: dict[str, Any], carried: Classes) -> Run:
    """The run of one step of a pack, in the pack's mode: the one there is, or a new one through the same gate."""
    found = pack_run.steps.filter(step_id=step_id).select_related("workspace", "requested_by").first()
    if found:
        return found
    called = resolve(pack_run.workspace, target)
    if called.action is None and called.manifest.kind != Kind.TRANSFORM:
        raise Invalid(f"{target} is a {called.manifest.kind}, and steps call actions and transforms.")
    call = Call(
        workspace=pack_run.workspace,
        user=pack_run.requested_by,
        chain=Actor.from_list(pack_run.chain).through("version", pack_run.version_digest, str(pack_run.version)),
        resolved=called,
        inputs=inputs,
        mode=pack_run.mode,
        scenario=pack_run.scenario,
        parent=pack_run,
        step_id=step_id,
        carried=carried,
        agent=pack_run.agent,
        connection=connection_for(called.installation, pack_run.requested_by),
    )
    refuse_unplain(call)
    validate_inputs(call)
    with transaction.atomic():
        return admit(call)


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
    simulate: bool,
    scenario: str,
    idempotency_key: str | None,
    agent: Agent | None = None,
) -> Call:
    """Step 1. The mode is fixed here, enters decision and approval, and never changes within a run."""
    found = resolve(workspace, target)
    kind = found.manifest.kind
    if kind not in {Kind.PACK, Kind.TRANSFORM} and found.action is None:
        raise Invalid(f"{target} is a {kind}; name one of its actions, such as {target}.{_some_action(found)}.")
    missing = missing_requirements(workspace, found.manifest) if kind == Kind.PACK else []
    if missing:
        words = ", ".join(f"{slug} {wanted}" for slug, wanted in missing)
        raise RequirementsMissing(f"{found.manifest.name} needs {words}, which is not installed here.")
    connection = outgoing_connection(found, user)
    mode = Run.Mode.SIMULATED if simulate or is_simulation_forced(found, user, connection) else Run.Mode.LIVE
    if scenario not in Run.Scenario.values:
        raise Invalid("There is no such sample.", {"scenario": "Choose one of the samples."})
    return Call(
        workspace=workspace,
        user=user,
        chain=Actor.of_agent(agent) if agent else Actor.of(user),
        resolved=found,
        inputs=inputs,
        mode=mode,
        scenario=scenario if mode == Run.Mode.SIMULATED else "",
        idempotency_key=_key(idempotency_key),
        agent=agent,
        connection=connection,
    )


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
    run = Run(
        workspace=call.workspace,
        installation=call.resolved.installation,
        version=call.resolved.version,
        version_digest=call.resolved.version.digest,
        kind=call.kind,
        target=call.resolved.target,
        mode=call.mode,
        connection=call.connection if call.mode == Run.Mode.LIVE else None,
        is_check=call.is_check,
        scenario=call.scenario,
        requested_by=call.user,
        agent=call.agent,
        chain=call.chain.as_list(),
        parent=call.parent,
        step_id=call.step_id,
        idempotency_key=call.idempotency_key,
        input_digest=input_digest(call.inputs),
        inputs=redacted(call.inputs, call.inputs_schema, call.carried),
        data_classes=call.data_classes,
        seed=call.parent.seed if call.parent else secrets.randbits(62),
        trace_id=call.parent.trace_id if call.parent else secrets.token_hex(16),
    )
    tracer = Tracer(run)
    decision = run.decision = decide(call, tracer)
    asks = decision.effect == Effect.REQUIRE_APPROVAL and not call.is_check  # nobody is asked again every few minutes
    if asks:
        run.state = Run.State.WAITING
    values = {"inputs": call.inputs, "carried": class_flow.as_json(call.carried)}
    insert(run, RunPayload(workspace=run.workspace, run=run, data=values), *tracer.take())
    audit.record(
        "run.requested",
        actor=call.chain,
        target=run,
        simulated=run.is_simulated,
        after={"mode": run.mode, "version": run.version_digest, "state": run.state, "effect": decision.effect}
        | ({"connection": str(run.connection_id)} if run.connection_id else {}),
    )
    if decision.effect == Effect.DENY or (call.is_check and decision.effect == Effect.REQUIRE_APPROVAL):
        end(run, error=blocked(decision), tracer=tracer)
        return run
    if call.agent and (spent := budget_spent(call.agent, but=run)):
        end(run, error=spent, tracer=tracer)
        return run
    if asks:
        run.approval = seek_approval(call, run, decision)
        run.save(update_fields=["approval"])
    elif not run.parent_id:
        queue(run)
    return run


def decide(call: Call, tracer: Tracer) -> Decision:
    """Step 3. The decision is stored with its whole input."""
    with tracer.span("policy.evaluate", "policy") as span:
        decision = decide_and_store(call.workspace, **question(call))
        span.attributes = {"effect": decision.effect, "policy_version": decision.policy_version}
    return decision


def blocked(decision: Decision) -> RunError:
    """The error of a call that policy denies: the first reason, and what would pass."""
    first = decision.reasons[0] if decision.reasons else {}
    return RunError(
        Category.POLICY_BLOCK,
        first.get("code", "denied"),
        sentence=first.get("text", ""),
        next_step=_way_out(first),
    )


def _way_out(reason: dict[str, str]) -> str:
    if not reason.get("passes_if"):
        return ""
    return f"It passes if: {reason['passes_if']}. {reason['who']} can see to it."


def seek_approval(call: Call, run: Run, decision: Decision) -> Approval:
    """Step 4. Ask for a person's yes to exactly this call; the run waits."""
    evaluation = Evaluation(
        Effect(decision.effect), tuple(Reason(**reason) for reason in decision.reasons), decision.obligations
    )
    spec = call.action
    return request_approval(
        call.workspace,
        subject_kind="run",
        subject_id=run.pk,
        digest=approval_digest(call, evaluation, decision.policy_version),
        summary=_summary(call),
        facts={
            "what": call.resolved.target,
            "where": str(call.resolved.installation),
            "connection": run.connection.label if run.connection else None,
            "records": call.bulk_count,
            "data_classes": call.data_classes,
            "version": f"{call.resolved.version} ({call.resolved.version.short_digest})",
            "rule": [reason["text"] for reason in decision.reasons],
            "undo": spec.undo if spec else None,
            "agent": str(call.agent) if call.agent else None,
            "agent_id": str(call.agent.pk) if call.agent else None,
            "simulated": run.is_simulated,
            "inputs": run.inputs,
            "effect": spec.effect if spec else "read",
        },
        requested_by=call.user,
        version_author=_author(call),
        decision=decision,
        agent=call.agent,
        actor=call.chain,
    )


def _author(call: Call) -> User | None:
    """Who published what would run and so does not decide: of the callee, or else of the pack that calls it."""
    return call.resolved.version.published_by or (call.parent.version.published_by if call.parent else None)


def _earlier(call: Call) -> Run | None:
    """The run that used this idempotency key before. Raises KeyReused where it asked for something else."""
    if not call.idempotency_key:
        return None
    found = _with_key.one(workspace=call.workspace.pk, key=call.idempotency_key)
    if found is None:
        return None
    same = (found.target, found.input_digest, found.requested_by_id, found.agent_id) == (
        call.resolved.target,
        input_digest(call.inputs),
        call.user.pk,
        call.agent.pk if call.agent else None,
    )
    if not same or found.scenario != call.scenario:
        raise KeyReused("This idempotency key was used before, for something else.")
    return found


@prepared
def _with_key(workspace: UUID, key: str) -> QuerySet[Run]:
    return Run.objects.filter(workspace=workspace, idempotency_key=key).order_by()


def _summary(call: Call) -> str:
    name = call.action.name if call.action else call.resolved.manifest.name
    where = call.resolved.installation.extension.name
    many = f" for {call.bulk_count} records" if call.bulk_count else ""
    return f"{name} in {where}{many}"


def _some_action(found: Resolved) -> str:
    return next(iter(found.manifest.actions), "action")
