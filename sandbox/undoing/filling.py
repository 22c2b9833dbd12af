"""What takes a call back, and with what: the inputs of the declared undo, by the names of what the action gave, else of
what it was given."""

from dataclasses import dataclass
from typing import Any

from registry.errors import Altered
from registry.manifests import ActionSpec, Manifest
from registry.manifests.schemas import data_classes
from registry.models import Kind
from registry.services import verified_manifest
from sandbox.models import Run, RunPayload
from sandbox.packs import flowing
from sandbox.services.binding import input_digest
from sandbox.transforms.classes import read_paths


@dataclass(frozen=True)
class Undo:
    """The call that takes a run back. ``hidden`` names inputs whose values nobody knows any more: they carry a data
    class, and were hidden when the run ended."""

    target: str
    inputs: dict[str, Any]
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
    return _filled(run, spec, undo, target)


def _filled(run: Run, spec: ActionSpec, undo: ActionSpec, target: str) -> Undo:
    payload = RunPayload.objects.filter(run=run).first()
    if payload and "outputs" in payload.data:
        gave, given, hides = payload.data["outputs"], payload.data.get("inputs", {}), False
    else:
        gave, given, hides = run.outputs, run.inputs, True
    outputs = gave if isinstance(gave, dict) else {}
    classed = {path[0] for path in read_paths(dict(data_classes(spec.outputs, "")))} if hides else set()
    # Nothing of the inputs was hidden where what is shown of them has their digest still.
    inputs_are_whole = not hides or input_digest(given) == run.input_digest
    values = flowing.undo_inputs(undo, gave, given)
    hidden: list[str] = []
    for name in undo.inputs.get("properties", {}):
        if outputs.get(name) is not None:
            is_hidden = name in classed or "*" in classed
        else:
            is_hidden = not inputs_are_whole if name in given else name in classed
        if is_hidden:
            hidden.append(name)
            values.pop(name, None)
    lacking = [name for name in hidden if name in undo.inputs.get("required", [])]
    return Undo(target, values, tuple(lacking))
