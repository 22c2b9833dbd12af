"""Step 4 of the gate: a person is asked for a yes to exactly one call."""

from galaxy.core.models import User
from policies.engine import Ask
from policies.models import Approval, Decision
from policies.services.approvals import request_approval
from policies.services.decisions import snapshot_of
from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.services.binding import bound_of, shape_of
from sandbox.services.calls import Call


def seek_approval(
    call: Call,
    run: Run,
    decision: Decision,
    *,
    again: Approval | None = None,
    narrowed_from: Approval | None = None,
) -> Approval:
    """Ask for a yes to exactly this call, which ``run`` waits for; in the caller's transaction.

    ``again`` is the request that this one repeats, ``narrowed_from`` the wider one whose place it takes: where the
    rules ask nobody about this call by itself, whoever was asked about that one is. May come back approved, by an
    Auto-Approve grant.
    """
    spec = call.action
    snapshot = snapshot_of(call.workspace)
    reasons = [(reason["code"], reason.get("rule", 0)) for reason in decision.reasons]
    return request_approval(
        call.workspace,
        subject_kind="run",
        subject_id=run.pk,
        bound=bound_of(call, snapshot, decision.effect, reasons),
        shape=shape_of(call),
        summary=_summary(call),
        facts=_facts(call, run, decision),
        requested_by=call.user,
        version_author=_author(call),
        decision=decision,
        ask=_ask(decision, narrowed_from or again),
        installation=call.resolved.installation,
        target=call.resolved.target,
        effect=spec.effect if spec else "read",
        agent=call.agent,
        records=call.bulk_count,
        is_bulk=call.is_bulk,
        data_classes=call.data_classes,
        simulated=run.mode == Run.Mode.SIMULATED,  # what is partly live is decided as what is live
        actor=call.chain,
        again=again,
        narrowed_from=narrowed_from,
    )


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


def _ask(decision: Decision, earlier: Approval | None) -> Ask | None:
    """Whom the decision asks, or else whom the earlier request did; None for the usual ones."""
    told = decision.ask or (earlier.decision.ask if earlier and earlier.decision else {})
    return Ask.from_json(told) if told else None


def _facts(call: Call, run: Run, decision: Decision) -> dict[str, object]:
    spec = call.action
    return {
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
        "pack": call.pack or None,
        "trigger": str(call.trigger) if call.trigger else None,
        "simulated": run.mode == Run.Mode.SIMULATED,
        "inputs": run.inputs,
        "effect": spec.effect if spec else "read",
    } | ({"dry": True} if run.is_dry else {})


def _author(call: Call) -> User | None:
    """Who published what would run and so does not decide: of the callee, or else of the pack that calls it."""
    return call.resolved.version.published_by or (call.parent.version.published_by if call.parent else None)


def _summary(call: Call) -> str:
    name = call.action.name if call.action else call.resolved.manifest.name
    where = call.resolved.installation.extension.name
    many = f" for {call.bulk_count} records" if call.bulk_count else ""
    return f"{name} in {where}{many}"
