"""The run of a pack: its steps in order, what a failure does, and how it ends."""

from typing import Any

from django.db import transaction

from registry.models import Kind
from registry.services import verified_manifest
from sandbox import class_flow
from sandbox.errors import RunError
from sandbox.models import Run, RunPayload
from sandbox.packs import marks as marking
from sandbox.packs.calling import find_step
from sandbox.packs.loops import go_through
from sandbox.packs.marks import Marks
from sandbox.packs.outcome import outcome_of
from sandbox.packs.progress import Progress
from sandbox.packs.steps import Calls, Flow, PerformStep, StepWaits, flow_into, is_skipped
from sandbox.redaction import Modes
from sandbox.rule_rates import charge_rules
from sandbox.services.ending import end
from sandbox.services.forgetting import forget_steps
from sandbox.services.leases import keep, park, pause
from sandbox.stopping import require_going
from sandbox.tracing import Tracer
from sandbox.transforms.classes import Classes
from sandbox.undoing.compensating import take_back, told


class _Pauses(Exception):
    """A step is over, and the next one begins when somebody says so."""


def perform_pack(run: Run, tracer: Tracer, perform_step: PerformStep) -> None:
    """Run the steps that have not run yet, each by ``perform_step``. What succeeded before a kill is not run again."""
    progress = Progress(run, verified_manifest(run.version_digest))
    try:
        progress.goes_on()
        error = progress.failing or _go_on(run, progress, perform_step)
        if error:
            states = take_back(run, progress.family, perform_step, progress.modes)
            end(run, error=told(error, states), tracer=tracer)
            return
        outcome = outcome_of(run, progress)
    except StepWaits:
        progress.parked()
        park(run)
        return
    except _Pauses:
        progress.parked()
        pause(run)
        return
    except RunError as error:
        end(run, error=error, tracer=tracer)
        return
    with transaction.atomic():
        end(run, outputs=_shown(progress), tracer=tracer, outcome=outcome)
        if earlier := progress.family[1:]:  # whose values were kept for this alone
            RunPayload.objects.filter(run__in=earlier).delete()
            forget_steps(RunPayload.objects.filter(run__parent__in=earlier), keeps_undo=True)


def _go_on(run: Run, progress: Progress, perform_step: PerformStep) -> RunError | None:
    """Run what is left; returns the error for which what was done is to be taken back. Raises RunError for others,
    StepWaits, or _Pauses."""
    charge_rules(run)
    calls = Calls(run, progress, perform_step)
    left = [step for step in progress.manifest.steps if step["id"] not in progress.done]
    for at, step in enumerate(left, 1):
        keep(run)
        require_going(run, run.created_at)
        try:
            has_called = _run_step(calls, step)
        except RunError as error:
            if step.get("on_failure") != "undo":
                raise
            progress.fails(error)
            return error
        if run.is_stepped and has_called and at < len(left):
            raise _Pauses
    return None


def _run_step(calls: Calls, step: dict[str, Any]) -> bool:
    """One step to its end; returns whether it called anything."""
    progress, flow = calls.progress, flow_into(step, calls.progress)
    if step.get("timeout_ms"):
        progress.begins(step)
    if "each" in step:
        try:
            found = go_through(calls, step, flow)
        except RunError as error:
            if not is_skipped(step, error):
                raise
            _, marks = _after(None, False, step, flow)
            progress.finish(step["id"], None, classes={}, marks=marks, modes={}, skipped=1)
            return False
        classes, marks = _after(found.sample, found.is_simulated, step, flow)
        progress.finish(
            step["id"], found.outputs, classes=classes, marks=marks, modes=found.modes, skipped=found.skipped
        )
        return found.sample is not None
    skipped, is_simulated = 0, False
    try:
        child = calls.one(step, flow, progress.seen)
    except RunError as error:
        if not is_skipped(step, error):
            raise
        child, skipped = None, 1
        failed = find_step(calls.run, step["id"])
        is_simulated = failed is not None and failed.is_simulated
    outputs = RunPayload.objects.get(run=child).data.get("outputs") if child else None
    # What a step hides stays hidden in the steps after it, into which its values may flow.
    modes: Modes = child.obligations.get("redact", {}) if child else {}
    classes, marks = _after(child, child.is_simulated if child else is_simulated, step, flow)
    progress.finish(step["id"], outputs, classes=classes, marks=marks, modes=modes, skipped=skipped)
    return child is not None


def _after(child: Run | None, is_simulated: bool, step: dict[str, Any], flow: Flow) -> tuple[Classes, Marks]:
    """What the outputs of a finished step carry, and which of them are marked as simulated."""
    if child is None:  # that there is nothing may be made up too: a made-up condition, or failure
        return {}, frozenset({("steps", step["id"])}) if is_simulated or () in flow.marks else marking.NONE
    manifest = verified_manifest(child.version_digest)
    action = manifest.actions.get(child.target.removeprefix(f"{manifest.id}.")) or manifest.actions.get(child.target)
    is_loop = "each" in step
    classes = class_flow.out_of_step(step["id"], manifest, action, flow.carried, is_loop=is_loop)
    if child.kind == Kind.ACTION:
        # What answers to a made-up question says something of it, however live the answer is.
        return classes, frozenset({("steps", step["id"])}) if is_simulated or flow.marks else marking.NONE
    place = ("steps", step["id"], "*") if is_loop else ("steps", step["id"])
    found = marking.under(place, marking.through(manifest, flow.marks - {()}))
    return classes, found | ({("steps", step["id"])} if () in flow.marks else marking.NONE)


def _shown(progress: Progress) -> dict[str, Any]:
    """The redacted outputs of all steps, those of a loop as a list."""
    loops = {step["id"] for step in progress.manifest.steps if "each" in step}
    shown: dict[str, Any] = {
        id: [None] * len(outputs) if id in loops and outputs is not None else None
        for id, outputs in progress.done.items()
    }
    rows = Run.objects.filter(workspace=progress.run.workspace_id, parent__in=progress.family, undoes=None)
    done = rows.filter(state=Run.State.SUCCEEDED).order_by("created_at")
    for step_id, item, outputs in done.values_list("step_id", "item", "outputs").iterator(chunk_size=100):
        if item and shown.get(step_id):
            shown[step_id][item - 1] = outputs
        elif not item and step_id in shown:
            shown[step_id] = outputs
    return shown
