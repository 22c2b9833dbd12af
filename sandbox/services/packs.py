"""Packs: steps in order, each through the gate, resumed where they stopped after any kill."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction

from galaxy.core.errors import DomainError
from registry.manifests.functions import EvaluationFailed, evaluate, evaluate_fields
from registry.models import Kind
from registry.services import verified_manifest
from sandbox import class_flow
from sandbox.errors import RunError
from sandbox.models import Category, Run, RunPayload
from sandbox.redaction import Modes, redacted, stricter
from sandbox.rule_rates import charge_rules
from sandbox.services.admission import invoke_step
from sandbox.services.leases import end, keep, park
from sandbox.stopping import require_going
from sandbox.tracing import Tracer
from sandbox.transforms.classes import Classes

TAKE_OVER_POLL_S = 0.25


class StepWaits(Exception):
    """A step waits for a person, so the pack does too."""


def perform_pack(run: Run, tracer: Tracer, perform_step: Callable[[UUID], Run | None]) -> None:
    """Run the steps that have not run yet, each by ``perform_step``. What succeeded before a kill is not run again."""
    manifest = verified_manifest(run.version_digest)
    payload = RunPayload.objects.get(run=run)
    done: dict[str, Any] = payload.data.setdefault("steps", {})
    known = class_flow.of_inputs(manifest)
    modes: Modes = run.obligations.get("redact", {})
    try:
        charge_rules(run)
        for step in manifest.steps:
            carried = class_flow.into_step(step, known)
            if step["id"] not in done:
                keep(run)
                require_going(run)
                done[step["id"]] = _outputs_of(run, step, payload.data, carried, modes, perform_step)
                with transaction.atomic():  # the sign of life locks the run, so a worker that lost it writes nothing
                    keep(run)
                    payload.save(update_fields=["data"])
            child = run.steps.filter(step_id=step["id"]).first()
            if child:  # nothing where its condition left it out
                known |= _classes_after(child, carried)
                # What a step hides stays hidden in the steps after it, into which its values may flow.
                modes = stricter(modes, child.obligations.get("redact", {}))
        outcome = _outcome(run, manifest.canonical.get("outcome"), payload.data)
    except StepWaits:
        park(run)
        return
    except RunError as error:
        end(run, error=error, tracer=tracer)
        return
    shown = {child.step_id: child.outputs for child in run.steps.all()}
    end(run, outputs={step_id: shown.get(step_id) for step_id in done}, tracer=tracer, outcome=outcome)


def _classes_after(child: Run, carried: Classes) -> Classes:
    """What the outputs of a finished step carry."""
    manifest = verified_manifest(child.version_digest)
    action = manifest.actions.get(child.target.removeprefix(f"{manifest.id}.")) or manifest.actions.get(child.target)
    return class_flow.out_of_step(child.step_id, manifest, action, carried)


def _outputs_of(
    run: Run,
    step: dict[str, Any],
    data: dict[str, Any],
    carried: Classes,
    modes: Modes,
    perform_step: Callable[[UUID], Run | None],
) -> Any:
    """The raw outputs of one step; None where its condition says to leave it out. Raises StepWaits or RunError."""
    seen = {"inputs": data["inputs"], "steps": data["steps"]}
    try:
        if step.get("when") and not evaluate(step["when"], seen, seed=run.seed, now=run.created_at.isoformat()):
            return None
        inputs = evaluate_fields(step.get("with", {}), seen, seed=run.seed, now=run.created_at.isoformat())
    except EvaluationFailed as error:
        raise RunError(Category.VALIDATION, "mapping_failed", sentence=f"Step “{step['id']}”: {error}") from error
    try:
        child = invoke_step(run, step["id"], step["use"], inputs, carried, modes)
    except DomainError as error:
        raise RunError(
            Category.VALIDATION,
            error.code,
            sentence=redacted(f"Step “{step['id']}”: {error}", {}),
            next_step=error.next_step,
        ) from error
    child = performed(run, child, perform_step)
    if child.state == Run.State.SUCCEEDED:
        return RunPayload.objects.get(run=child).data.get("outputs")
    if child.state == Run.State.WAITING:
        raise StepWaits
    raise _error_of(child)


def performed(run: Run, child: Run, perform_step: Callable[[UUID], Run | None]) -> Run:
    """The run ``child`` of ``run`` once it is over or waits. Raises LostLease, or NotYet."""
    while child.state in {Run.State.QUEUED, Run.State.RUNNING}:
        # Running means that a worker which lost its parent may still be at it: wait for its end or its lease's.
        child = perform_step(child.pk) or Run.objects.get(pk=child.pk)
        if child.state == Run.State.RUNNING:
            keep(run)
            time.sleep(TAKE_OVER_POLL_S)
    return child


def _error_of(child: Run) -> RunError:
    """The pack fails as its step did, saying which step."""
    error = child.error or {}
    return RunError(
        child.error_category or Category.TRANSIENT,
        error.get("error_code", child.state),
        sentence=f"Step “{child.step_id}” ({child.target}): {error.get('sentence', child.get_state_display())}",
        next_step=error.get("next_step", ""),
        status=error.get("status"),
        attempts=error.get("attempts", 0),
        last_endpoint=error.get("last_endpoint", ""),
        field=error.get("field", ""),
        ambiguous=child.state == Run.State.UNKNOWN,
    )


def _outcome(run: Run, declared: dict[str, Any] | None, data: dict[str, Any]) -> dict[str, Any] | None:
    """Whether the pack reached what it is for: {name, is_success, signal}, or None where it declares nothing."""
    if not declared:
        return None
    try:
        reached = evaluate(declared["success"], data, seed=run.seed, now=run.created_at.isoformat())
    except EvaluationFailed as error:
        raise RunError(
            Category.VALIDATION, "outcome_failed", sentence=f"The outcome cannot be told: {error}"
        ) from error
    is_success = bool(reached) and _has_signal(run, declared["signal"])
    return {"name": declared["name"], "is_success": is_success, "signal": declared["signal"]}


def _has_signal(run: Run, signal: str) -> bool:
    """Whether something of this run can have given the signal that the pack claims; an expression proves nothing."""
    done = run.steps.filter(state=Run.State.SUCCEEDED)
    if signal == "downstream_state":
        return done.filter(kind=Kind.ACTION).exists()
    if signal == "approved":
        return done.filter(approval__consumed_at__isnull=False).exists()
    return True
