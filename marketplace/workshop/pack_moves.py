"""Steps and inputs of a pack in its form: added, moved, removed and put back. Nothing is saved by it."""

import re
from dataclasses import dataclass
from typing import Any

from marketplace.workshop.pack_calls import Calls, range_for
from marketplace.workshop.pack_values import MOST_INPUTS, Values
from registry.manifests.keys import MAX_STEPS
from registry.manifests.suggest import nearest
from registry.services.mapping import slug_of

_MOVE = re.compile(r"(up|down|remove|remove-input)-(\d{1,3})", re.ASCII)
_WORD = re.compile(r"[^a-z0-9]+")


@dataclass
class Moved:
    """What came of a button. ``said`` is a sentence for the person, ``focus`` the id of the field to go to, ``removed``
    what can be put back: {at, step, requires}, or {input, at, ...}."""

    said: str
    focus: str = ""
    removed: dict[str, Any] | None = None
    problem: str = ""


def moved(values: Values, act: str, calls: Calls, *, use: str, removed: Any) -> Moved | None:
    """Do ``act`` to ``values``: add-step, add-input, undo, up-2, down-2, remove-2, remove-input-0. None: no such."""
    steps = values.setdefault("steps", [])
    if act == "add-step":
        return _add_step(values, steps, calls, use.strip())
    if act == "add-input":
        inputs = values.setdefault("inputs", {})
        if not isinstance(inputs, dict) or len(inputs) >= MOST_INPUTS:
            return Moved("", problem=f"A pack begins with at most {MOST_INPUTS} inputs.")
        name = _free("input", inputs)
        inputs[name] = "string"
        return Moved("There is one more input. Give it its name.", f"i{len(inputs) - 1}-name")
    if act == "undo":
        return _put_back(values, steps, removed)
    found = _MOVE.fullmatch(act)
    if not found:
        return None
    what, at = found[1], int(found[2])
    if what == "remove-input":
        return _remove_input(values, at)
    if at >= len(steps):
        return None
    if what == "remove":
        return _remove_step(values, steps, at)
    to = at - 1 if what == "up" else at + 1
    if not 0 <= to < len(steps):
        return None
    steps[at], steps[to] = steps[to], steps[at]
    button = "down" if to == 0 else "up" if to == len(steps) - 1 else what  # the one that was pressed may be gone
    return Moved(f"Step “{steps[to].get('id', '')}” is number {to + 1} now.", f"s{to}-{button}")


def _add_step(values: Values, steps: list[Any], calls: Calls, use: str) -> Moved:
    if len(steps) >= MAX_STEPS:
        return Moved("", problem=f"A pack has at most {MAX_STEPS} steps.", focus="add-use")
    found = calls.offered(use)
    if found is None:
        close = nearest(use, [one.use for one in calls.offers]) if use else None
        fix = f" Did you mean {close}?" if close else " Choose one of the list."
        problem = f"Nothing that is installed is called {use[:80]}.{fix}" if use else "Choose what the step calls."
        return Moved("", problem=problem, focus="add-use")
    slug, manifest = found
    taken = {str(step.get("id", "")): step for step in steps if isinstance(step, dict)}
    steps.append({"id": _free(_id_of(use), taken), "use": use})
    requires = values.setdefault("requires", {})
    if isinstance(requires, dict) and slug not in requires:
        requires[slug] = range_for(manifest)
    at = len(steps) - 1
    return Moved(f"Step {at + 1} calls {use}. Say what it is given.", f"s{at}-id")


def _remove_step(values: Values, steps: list[Any], at: int) -> Moved:
    step = steps.pop(at)
    requires = values.get("requires")
    dropped: dict[str, Any] = {}
    if isinstance(requires, dict):
        slug = slug_of(str(step.get("use", "")), requires)
        if slug and not any(slug_of(str(other.get("use", "")), requires) == slug for other in steps):
            dropped = {slug: requires.pop(slug)}
    said = f"Step “{step.get('id', '')}” is out of the list."
    return Moved(said, "undo", {"at": at, "step": step, "requires": dropped})


def _remove_input(values: Values, at: int) -> Moved | None:
    inputs = values.get("inputs")
    if not isinstance(inputs, dict) or at >= len(inputs):
        return None
    name = list(inputs)[at]
    sample = values.get("sample")
    samples = sample.get("inputs") if isinstance(sample, dict) else None
    bare = name.removesuffix("?")
    kept = samples.pop(bare, None) if isinstance(samples, dict) else None
    removed = {"at": at, "input": name, "written": inputs.pop(name), "sample": kept}
    return Moved(f"The input “{bare}” is out of the list.", "undo", removed)


def _put_back(values: Values, steps: list[Any], removed: Any) -> Moved | None:
    at = removed.get("at") if isinstance(removed, dict) else None
    if not isinstance(removed, dict) or not isinstance(at, int) or isinstance(at, bool) or at < 0:
        return None
    if isinstance(removed.get("step"), dict) and len(steps) < MAX_STEPS:
        steps.insert(at, removed["step"])
        requires = values.setdefault("requires", {})
        if isinstance(requires, dict) and isinstance(removed.get("requires"), dict):
            values["requires"] = {**removed["requires"], **requires}
        where = min(at, len(steps) - 1)
        return Moved(f"Step “{removed['step'].get('id', '')}” is back.", f"s{where}-id")
    if isinstance(removed.get("input"), str):
        inputs = values.get("inputs")
        pairs = list(inputs.items()) if isinstance(inputs, dict) else []
        pairs.insert(at, (removed["input"], removed.get("written")))
        values["inputs"] = dict(pairs)
        if removed.get("sample") is not None:
            sample = values.setdefault("sample", {})
            if isinstance(sample, dict) and isinstance(sample.setdefault("inputs", {}), dict):
                sample["inputs"][removed["input"].removesuffix("?")] = removed["sample"]
        return Moved(f"The input “{removed['input'].removesuffix('?')}” is back.", f"i{min(at, len(pairs) - 1)}-name")
    return None


def _id_of(use: str) -> str:
    """A name for the step: that of its action, `create_task`, or the last word of a transform's."""
    return _WORD.sub("_", use.rpartition(".")[2].lower()).strip("_") or "step"


def _free(name: str, taken: Any) -> str:
    known = {str(one).removesuffix("?") for one in taken}
    if name not in known:
        return name
    return next(f"{name}_{number}" for number in range(2, len(known) + 3) if f"{name}_{number}" not in known)
