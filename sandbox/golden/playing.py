"""Playing a pack on one case, each step answered by its version's own simulation. Pure: no Django, no database, no
network. What the engine does live (sandbox.packs) this does on samples: conditions, loops, mappings, outcome."""

from collections.abc import Iterator, Mapping
from typing import Any

from registry.manifests import ActionSpec, Manifest
from registry.manifests.functions import EvaluationFailed, evaluate, evaluate_fields
from sandbox.upgrades.answering import answer

MOST_ITEMS = 20  # of one loop: enough to see that it works
BY_SANDBOX = "by_sandbox"  # the code of a step that only the sandbox runs, asked for by the parent

Case = dict[str, Any]  # {id, title, inputs, seed, now}
Given = dict[str, Any]  # by "step" or "step/item", answers of steps in Python
Played = dict[str, Any]  # {id, steps: [Step], outcome: {name, is_reached} or None, fails, needs}


class _Stopped(Exception):
    """Why it goes no further, in a sentence."""


class _Needed(Exception):
    def __init__(self, key: str, slug: str, inputs: dict[str, Any]):
        super().__init__(key)
        self.wanted = {"key": key, "slug": slug, "inputs": inputs}


def play(pack: Manifest, parts: Mapping[str, Manifest], case: Case, given: Given | None = None) -> Played:
    """``parts`` are the manifests of what the pack requires, by slug. Of each step that was called: {step, item, use,
    inputs, outputs, fails, hosts, scopes}; of one that was left out {step, item, use, is_left_out}.

    ``fails`` is a sentence, "" where it came to its end. ``needs`` is a step in Python whose answer is to be ``given``.
    """
    played: Played = {"id": case["id"], "steps": [], "outcome": None, "fails": "", "needs": None}
    data: dict[str, Any] = {"inputs": case["inputs"], "steps": {}}
    how = {"seed": case["seed"], "now": case["now"]}
    try:
        for step in pack.steps:
            data["steps"][step["id"]] = _result(step, parts, data, how, given or {}, played["steps"])
        played["outcome"] = _outcome(pack, data, how)
    except _Needed as needed:
        played["needs"] = needed.wanted
    except (_Stopped, EvaluationFailed) as error:
        played["fails"] = str(error)
    return played


def part_of(use: str, parts: Mapping[str, Manifest]) -> tuple[str, Manifest | None, ActionSpec | None]:
    """What a step calls: the slug, its manifest, and the action; None where it is not there."""
    connector, _, action = use.rpartition(".")
    owner = parts.get(connector)
    if owner and owner.kind == "connector" and action in owner.actions:
        return connector, owner, owner.actions[action]
    manifest = parts.get(use)
    alone = manifest.actions.get(use) if manifest and manifest.kind == "action" else None
    return use, manifest, alone


def is_python(manifest: Manifest) -> bool:
    return manifest.kind == "transform" and bool(manifest.canonical.get("code_file"))


def _result(
    step: dict[str, Any],
    parts: Mapping[str, Manifest],
    data: dict[str, Any],
    how: dict[str, Any],
    given: Given,
    told: list[dict[str, Any]],
) -> Any:
    """The outputs of a step, a list for a loop; None where it was left out or may fail."""
    if "each" not in step:
        return _one(step, parts, data, 0, how, given, told)
    return [_one(step, parts, seen, item, how, given, told) for item, seen in _items(step, data, how)]


def _items(step: dict[str, Any], data: dict[str, Any], how: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    found = evaluate(step["each"], data, **how)
    if found is None:
        return
    if not isinstance(found, list):
        raise _Stopped(f"Step “{step['id']}” goes through something that is no list.")
    if len(found) > step.get("most", MOST_ITEMS):
        raise _Stopped(f"Step “{step['id']}” has {len(found)} items, more than the {step.get('most')} it allows.")
    for index, item in enumerate(found[:MOST_ITEMS]):
        yield index + 1, data | {"item": item, "index": index}


def _one(
    step: dict[str, Any],
    parts: Mapping[str, Manifest],
    seen: dict[str, Any],
    item: int,
    how: dict[str, Any],
    given: Given,
    told: list[dict[str, Any]],
) -> Any:
    named = {"step": step["id"], "item": item, "use": step["use"]}
    if step.get("when") and not evaluate(step["when"], seen, **how):
        told.append(named | {"is_left_out": True})
        return None
    inputs = evaluate_fields(step.get("with", {}), seen, **how)
    slug, manifest, action = part_of(step["use"], parts)
    if manifest is None or (manifest.kind == "connector" and action is None):
        raise _Stopped(f"Step “{step['id']}” calls {step['use']}, which is not there in these versions.")
    key = f"{step['id']}/{item}"
    if is_python(manifest):
        if key not in given:
            raise _Needed(key, slug, inputs)
        found = given[key]
    else:
        found = answer(manifest, action.id if action else "", inputs, **how)
    fails = _failure(found)
    told.append(
        named
        | {"inputs": inputs, "outputs": found["outputs"], "fails": fails, "hosts": found["hosts"]}
        | {"scopes": sorted(action.scopes) if action else []}
    )
    if not fails:
        return found["outputs"]
    if step.get("on_failure") == "skip":
        return None
    raise _Stopped(f"Step “{step['id']}” ({step['use']}) fails. {fails}")


def _failure(found: dict[str, Any]) -> str:
    for place, sentence in found["unfit"].items():
        return f"It does not take {place or 'its inputs'}: {sentence}"
    if found["fails"]:
        return str(found["fails"])
    return f"Its answer is not what it declares. {found['misfit']}" if found["misfit"] else ""


def _outcome(pack: Manifest, data: dict[str, Any], how: dict[str, Any]) -> dict[str, Any] | None:
    declared = pack.canonical.get("outcome")
    if not declared:
        return None
    return {"name": declared["name"], "is_reached": bool(evaluate(declared["success"], data, **how))}
