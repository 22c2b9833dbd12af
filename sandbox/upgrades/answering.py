"""What one version answers to one recorded call, by its own simulation. Pure: no Django, no database, no network."""

from typing import Any
from urllib.parse import urlsplit

from registry.manifests import ActionSpec, Manifest
from registry.manifests.functions import EvaluationFailed, evaluate_fields
from registry.manifests.misfits import misfits
from sandbox import rest
from sandbox.samples import made, varied
from sandbox.transforms import TransformError, apply

NOT_REPLAYED = "not_replayed"
_KEY = b"replay"  # by which transforms hash and tokenise here: the workspace's own is a secret
MOST_FALLBACKS = 5

Answer = dict[str, Any]  # {outputs, fails, code, unfit: {place: sentence}, misfit, hosts: [], latency_ms}


def answer(manifest: Manifest, action: str, inputs: dict[str, Any], *, seed: int, now: str) -> Answer:
    """``action`` is its id, "" for a transform or a pack as a whole. ``fails`` is a sentence, "" where it answers;
    ``unfit`` names the inputs that it does not take, ``misfit`` an output that is not what it declares."""
    found: Answer = {
        "outputs": None, "fails": "", "code": "", "unfit": {}, "misfit": "", "hosts": [], "latency_ms": 0,
    }  # fmt: skip
    if manifest.kind == "transform":
        return found | _transformed(manifest, inputs)
    if manifest.kind not in ("connector", "action"):
        note = {"code": NOT_REPLAYED, "fails": "Its steps are not replayed, each calls something else."}
        return found | note | {"unfit": misfits(inputs, manifest.inputs)}
    spec = manifest.actions.get(action or manifest.id)
    if spec is None:
        return found | {"code": "action_gone", "fails": f"There is no action {action} any more."}
    found |= {"unfit": misfits(inputs, spec.inputs), "hosts": hosts_of(manifest, spec)}
    found["latency_ms"] = int(spec.fixtures.get("happy", {}).get("latency_ms", spec.simulation.get("latency_ms", 0)))
    try:
        found["outputs"] = _simulated(spec, inputs, seed=seed, now=now)
    except (EvaluationFailed, rest.BadCall) as error:
        return found | {"code": "simulation_failed", "fails": f"Its simulation cannot answer: {error}"}
    return found | {"misfit": first_of(misfits(found["outputs"], spec.outputs))}


def hosts_of(manifest: Manifest, spec: ActionSpec) -> list[str]:
    """Where a live call of ``spec`` may go: the API's host and those of its fallbacks; of Python, all declared."""
    if spec.runner == "python":
        return list(manifest.hosts)
    bases = [manifest.canonical.get("base_url", "")]
    bases += [other.get("base_url", "") for other in spec.raw.get("fallbacks", ())[:MOST_FALLBACKS]]
    return sorted({urlsplit(base).hostname or base for base in bases if base})


def _simulated(spec: ActionSpec, inputs: dict[str, Any], *, seed: int, now: str) -> Any:
    """As the simulated runner answers the happy path."""
    if expressions := spec.simulation.get("answer"):
        return evaluate_fields(expressions, {"inputs": inputs, "seed": str(seed)}, seed=seed, now=now)
    if "happy" not in spec.fixtures:
        return made(spec.outputs, inputs, seed=seed)
    sample = spec.fixtures["happy"]
    body, headers = sample.get("body", {}), {name.lower(): str(one) for name, one in sample.get("headers", {}).items()}
    pagination = spec.raw.get("pagination")
    items = rest.items_of(pagination, body) if pagination else None
    status = int(sample.get("status", 200))
    outputs = rest.outputs_of(spec.raw, status=status, headers=headers, body=body, items=items)
    return varied(outputs, spec.outputs, inputs, seed=seed)


def _transformed(manifest: Manifest, inputs: dict[str, Any]) -> Answer:
    if manifest.canonical.get("code_file"):
        return {"code": NOT_REPLAYED, "fails": "A transform in Python is run by the sandbox alone."}
    unfit = misfits(inputs, manifest.inputs)
    try:
        outputs = apply(
            list(manifest.steps), inputs, inputs_schema=manifest.inputs, outputs_schema=manifest.outputs, key=_KEY
        )
    except TransformError as error:
        return {"unfit": unfit, "code": error.code, "fails": error.sentence}
    return {"unfit": unfit, "outputs": outputs, "misfit": first_of(misfits(outputs, manifest.outputs))}


def first_of(problems: dict[str, str]) -> str:
    """The first of ``problems`` {place: sentence}, "" where there is none."""
    place, sentence = next(iter(problems.items()), ("", ""))
    return f"{place or 'It'}: {sentence}" if sentence else ""
