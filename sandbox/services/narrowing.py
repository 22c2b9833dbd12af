"""A reviewer makes a waiting call smaller: fewer entries, lower numbers, less said. Never another call, never a larger.

What may become less the manifest says: the list that ``bulk`` counts, and what ``narrow`` names. Of everything else
only its author knows whether less of it does less: without a filter a deletion reaches further.
"""

import dataclasses
from typing import Any

from django.db import transaction

from galaxy.core import audit
from galaxy.core.db.writing import insert
from galaxy.core.errors import Invalid
from galaxy.core.models import User
from policies.models import Approval, Effect
from policies.subjects import Narrowable
from sandbox.errors import RunError
from sandbox.models import Run, RunPayload, RunQuerySet
from sandbox.services.admission import (
    decide,
    obligations_of,
    payload_for,
    refuse_unplain,
    rehearse,
    shown_inputs,
    validate_inputs,
)
from sandbox.services.asking import blocked, seek_approval
from sandbox.services.binding import input_digest
from sandbox.services.calls import Call
from sandbox.services.lifecycle import drop_rehearsals
from sandbox.services.stored import call_of
from sandbox.shown import shown_value
from sandbox.tracing import Tracer, outlives_its_spans
from sandbox.transforms.classes import classes_at

WITHOUT, LOWER, LEAVE_OUT = "without", "lower", "leave_out"


def narrowable(approval: Approval) -> tuple[Narrowable, ...]:
    """What of the waiting call may be made smaller; values are shown as they are in the request, hidden or not."""
    run = _waiting(approval).first()
    if run is None:
        return ()
    try:
        call = call_of(run)
    except RunError:
        return ()
    return tuple(_shown(name, call, run) for name in _names(call))


@outlives_its_spans
@transaction.atomic
def narrow(approval: Approval, reviewer: User, values: dict[str, Any]) -> Approval:
    """Replace what ``approval`` asks for by the same call made smaller; returns the new request, not yet decided.

    ``values`` is {without: {name: [positions]}, lower: {name: number}, leave_out: [names]}. The run stays the one it
    was, of whoever asked for it; what they wrote first stays on the first request. Raises Invalid for what is not less,
    for what may not be made less, or where policy refuses what is left.
    """
    run = _waiting(approval).select_for_update(of=("self",)).first()
    if run is None:
        raise Invalid("It does not wait for this answer any more.", next_step="Reload the page.")
    try:
        wider = call_of(run)
    except RunError as error:
        raise Invalid(error.sentence, next_step=error.next_step) from error
    call = dataclasses.replace(wider, inputs=_smaller(wider, values))
    refuse_unplain(call)
    validate_inputs(call)
    tracer = Tracer(run)
    decision = decide(call, tracer)
    insert(*tracer.take())
    if decision.effect == Effect.DENY:
        refused = blocked(decision)
        raise Invalid(refused.sentence, next_step=refused.next_step)
    before = run.input_digest
    run.decision, run.input_digest, run.data_classes = decision, input_digest(call.inputs), call.data_classes
    run.obligations = obligations_of(call.modes, decision.obligations)
    run.inputs = shown_inputs(call, run)
    RunPayload.objects.filter(run=run).update(data=payload_for(call))
    drop_rehearsals(run)
    run.approval = seek_approval(call, run, decision, narrowed_from=approval)
    run.save(update_fields=["decision", "input_digest", "data_classes", "obligations", "inputs", "approval"])
    rehearse(call, run)
    audit.record(
        "run.narrowed",
        actor=reviewer,
        target=run,
        simulated=run.is_simulated,
        before={"inputs": before},
        after={"inputs": run.input_digest},
    )
    return run.approval


def _waiting(approval: Approval) -> RunQuerySet:
    rows = Run.objects.in_workspace(approval.workspace).filter(
        pk=approval.subject_id, approval=approval, state=Run.State.WAITING
    )
    related = ("workspace", "version__extension", "installation__extension", "installation__workspace", "requested_by")
    return rows.select_related(*related, "agent", "connection", "parent")


def _names(call: Call) -> list[str]:
    """The inputs that may become less, in the order of the schema."""
    spec = call.action
    if spec is None:
        return []
    declared = {*spec.raw.get("narrow", ()), *([spec.bulk["field"]] if spec.bulk else ())}
    known = [*spec.inputs.get("properties", {}), *sorted(declared)]
    return [name for name in dict.fromkeys(known) if name in declared and call.inputs.get(name) is not None]


def _shown(name: str, call: Call, run: Run) -> Narrowable:
    value, shown = call.inputs[name], run.inputs.get(name)
    is_optional = name not in call.inputs_schema.get("required", [])
    if isinstance(value, list):
        entries = shown if isinstance(shown, list) and len(shown) == len(value) else [None] * len(value)
        words = tuple("hidden" if entry is None else shown_value(entry) for entry in entries)
        return Narrowable(name, name.replace("_", " "), entries=words, optional=is_optional)
    number = value if _is_number(value) and not classes_at((name,), call.tagged) else None
    return Narrowable(name, name.replace("_", " "), value=number, optional=is_optional)


def _smaller(call: Call, values: dict[str, Any]) -> dict[str, Any]:
    """The inputs with less of them. Raises Invalid with a sentence for each field that is not less."""
    allowed = set(_names(call))
    without, lower, leave_out = values.get(WITHOUT, {}), values.get(LOWER, {}), values.get(LEAVE_OUT, [])
    unknown = sorted((values.keys() - {WITHOUT, LOWER, LEAVE_OUT}) | (({*without, *lower, *leave_out}) - allowed))
    if unknown:
        raise Invalid(
            "Only some parts of a call can be made smaller.",
            dict.fromkeys(unknown, "This cannot be changed here. Reject it, and say what you would agree to."),
        )
    inputs = dict(call.inputs)
    problems: dict[str, str] = {}
    for name, positions in without.items():
        problems |= _take_out(inputs, name, positions)
    for name, number in lower.items():
        problems |= _lower(inputs, name, number)
    for name in leave_out:
        if name in call.inputs_schema.get("required", []):
            problems[name] = "It is needed, so it cannot be left out."
        inputs.pop(name, None)
    if problems:
        raise Invalid("That is not less than was asked for.", problems)
    if inputs == call.inputs:
        raise Invalid("That changes nothing.", {"": "Take something out, or approve it as it is."})
    return inputs


def _take_out(inputs: dict[str, Any], name: str, positions: Any) -> dict[str, str]:
    entries = inputs[name]
    gone = set(positions) if isinstance(positions, list) and all(type(one) is int for one in positions) else None
    if not isinstance(entries, list) or gone is None or not gone <= set(range(len(entries))):
        return {name: "Name entries of the list by their positions."}
    if len(gone) == len(entries):
        return {name: "Nothing would be left. Reject it instead."}
    inputs[name] = [entry for at, entry in enumerate(entries) if at not in gone]
    return {}


def _lower(inputs: dict[str, Any], name: str, number: Any) -> dict[str, str]:
    before = inputs[name]
    if not _is_number(before) or not _is_number(number):
        return {name: "Give a number."}
    if abs(number) > abs(before) or number * before < 0:
        return {name: f"It may become smaller than {before:,}, and not larger or of another sign."}
    inputs[name] = number
    return {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
