"""What takes a call back, and with what: the inputs of the declared undo, by the names of what the action gave, else of
what it was given."""

from dataclasses import dataclass, field
from typing import Any

from registry.errors import Altered
from registry.manifests import ActionSpec, Manifest
from registry.manifests.schemas import data_classes
from registry.models import Kind
from registry.services import verified_manifest
from sandbox import class_flow
from sandbox.models import Run, RunPayload
from sandbox.packs import flowing
from sandbox.services.binding import input_digest
from sandbox.services.calls import Call
from sandbox.transforms.classes import Classes, read_paths
from sandbox.transforms.redaction import bears_signs

KEPT = "undo"  # the key of a payload under which the inputs of an undo outlive their run


@dataclass(frozen=True)
class Undo:
    """The call that takes a run back. ``carried`` are data classes that its inputs bring along. ``hidden`` names inputs
    whose values nobody knows any more: they were hidden when the run ended, and what was kept of them for this is gone.
    """

    target: str
    inputs: dict[str, Any]
    carried: Classes = field(default_factory=dict)
    hidden: tuple[str, ...] = ()


def spec_of(run: Run) -> tuple[Manifest, ActionSpec] | None:
    """The action that ``run`` called, as its version declares it; None for what is no action, or is altered."""
    if run.kind != Kind.ACTION:
        return None
    try:
        manifest = verified_manifest(run.version_digest)
    except Altered:
        return None
    spec = manifest.actions.get(run.target) or manifest.actions.get(run.target.removeprefix(f"{manifest.id}."))
    return (manifest, spec) if spec else None


def changes_something(run: Run) -> bool:
    found = spec_of(run)
    return found is not None and flowing.changes_something(found[1])


def undo_of(run: Run) -> Undo | None:
    """What takes the succeeded call ``run`` back; None where its action declares nothing."""
    found = spec_of(run)
    if found is None or not found[1].undo:
        return None
    manifest, spec = found
    undo = manifest.actions.get(spec.undo or "")
    if undo is None:
        return None
    target = f"{run.target.removesuffix(spec.id)}{undo.id}" if manifest.kind == Kind.CONNECTOR else undo.id
    return _filled(run, manifest, spec, undo, target)


def _filled(run: Run, manifest: Manifest, spec: ActionSpec, undo: ActionSpec, target: str) -> Undo:
    payload = RunPayload.objects.filter(run=run).first()
    data = payload.data if payload else {}
    if "outputs" in data:
        carried = class_flow.from_json(data.get("carried", []))
        return Undo(target, *_told(manifest, spec, undo, data["outputs"], data.get("inputs", {}), carried))
    if KEPT in data:
        return Undo(target, data[KEPT]["inputs"], class_flow.from_json(data[KEPT]["carried"]))
    hidden = _hidden(run, spec, undo, run.outputs)
    values = flowing.undo_inputs(undo, run.outputs, run.inputs)
    values = {name: value for name, value in values.items() if name not in hidden}
    lacking = [name for name in hidden if name in undo.inputs.get("required", [])]
    return Undo(target, values, hidden=tuple(lacking))


def kept_for_undo(run: Run, call: Call, outputs: Any, shown: Any) -> dict[str, Any] | None:
    """What the declared undo of ``call`` that succeeded is to be called with, {inputs, carried}, where that cannot be
    told any more from what is ``shown`` of its raw ``outputs`` and its inputs; None where it can, where there is no
    undo, and where a rule says that values of some class are dropped."""
    spec, manifest = call.action, call.resolved.manifest
    undo = manifest.actions.get(spec.undo or "") if spec else None
    if spec is None or undo is None or "drop" in run.obligations.get("redact", {}).values():
        return None
    stays = flowing.undo_inputs(undo, outputs, call.inputs) == flowing.undo_inputs(undo, shown, run.inputs)
    if stays and not _hidden(run, spec, undo, shown):
        return None
    values, carried = _told(manifest, spec, undo, outputs, call.inputs, call.carried)
    return {"inputs": values, "carried": class_flow.as_json(carried)}


def _told(
    manifest: Manifest, spec: ActionSpec, undo: ActionSpec, gave: Any, given: dict[str, Any], carried: Classes
) -> tuple[dict[str, Any], Classes]:
    """What raw values say that ``undo`` is called with, and the data classes that they bring along."""
    values = flowing.undo_inputs(undo, gave, given)
    outputs = gave if isinstance(gave, dict) else {}
    out = class_flow.of_outputs(manifest, spec, carried)
    into = class_flow.joined(read_paths(dict(data_classes(spec.inputs, ""))), carried)
    found: Classes = {}
    for name in values:
        classes = out if outputs.get(name) is not None else into
        found |= {(name, *path[1:]): names for path, names in classes.items() if path[0] in {name, "*"}}
    return values, found


def _hidden(run: Run, spec: ActionSpec, undo: ActionSpec, shown: Any) -> list[str]:
    """Inputs of ``undo`` that what is shown of ``run`` does not tell."""
    outputs = shown if isinstance(shown, dict) else {}
    classed = {path[0] for path in read_paths(dict(data_classes(spec.outputs, "")))}
    # Nothing of the inputs was hidden where what is shown of them has their digest still.
    inputs_are_whole = input_digest(run.inputs) == run.input_digest
    hidden: list[str] = []
    for name in undo.inputs.get("properties", {}):
        if outputs.get(name) is not None:
            is_hidden = name in classed or "*" in classed or bears_signs(outputs[name])
        else:
            is_hidden = not inputs_are_whole if name in run.inputs else name in classed
        if is_hidden:
            hidden.append(name)
    return hidden
