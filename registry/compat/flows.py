"""Two releases of a transform, a pack or a trigger compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from semantic_version import NpmSpec, Version

from registry.manifests import Manifest
from registry.manifests.model import DEFAULT_MAX_CALLS

from .reasons import Reason, reason
from .schemas import compare_inputs, compare_outputs

# What holds where a pack says nothing.
_UNSAID = {"timeout_ms": float("inf"), "most": float("inf"), "max_calls": DEFAULT_MAX_CALLS}
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}", re.ASCII)


def compare_transform(before: Manifest, after: Manifest) -> Iterator[Reason]:
    yield from compare_inputs(before.inputs, after.inputs)
    yield from compare_outputs(before.outputs, after.outputs)
    hidden, still = _redactions(before), _redactions(after)
    for classes, mode, where in sorted(hidden - still, key=repr):
        said = f"It does not {mode} {classes} {'in ' + ', '.join(where) if where else 'everywhere'} any more."
        yield reason("redaction-weakened", "steps", said)
    recorded = after.canonical.get("fixtures", {})
    for name, was in before.canonical.get("fixtures", {}).items():
        now = recorded.get(name, {})
        if "outputs" in now and now.get("inputs") == was.get("inputs") and now["outputs"] != was.get("outputs"):
            said = f"The example {name} gives something else of the same inputs."
            yield reason("behaviour-changed", f"fixtures.{name}", said)


def _redactions(manifest: Manifest) -> set[tuple[str, str, tuple[str, ...]]]:
    found = set()
    for step in manifest.steps:
        if step.get("op") == "redact":
            args = step["args"]
            found |= {(one, args["mode"], tuple(sorted(args.get("fields", ())))) for one in args["classes"]}
    return found


def compare_pack(before: Manifest, after: Manifest) -> Iterator[Reason]:
    yield from compare_inputs(before.inputs, after.inputs)
    yield from _requirements(before.requires, after.requires)
    uses = [step["use"] for step in after.steps]
    for use in dict.fromkeys(step["use"] for step in before.steps):
        if use not in uses:
            yield reason("step-removed", "steps", f"It does not call {use} any more.")
    yield from _loops_and_failures(before, after)
    yield from _tighter(before.canonical, after.canonical, "timeout_ms", "max_calls", at="", name="A run")
    was, now = before.canonical.get("outcome", {}), after.canonical.get("outcome", {})
    for key in ("name", "signal"):
        if was.get(key) != now.get(key):
            said = f"Its outcome has another {key}: {now.get(key)}, before {was.get(key)}."
            yield reason("outcome-changed", f"outcome.{key}", said)


def _loops_and_failures(before: Manifest, after: Manifest) -> Iterator[Reason]:
    """Steps that both have, by their ids: what becomes of their outputs, of their items and of their failure."""
    steps = {step["id"]: (at, step) for at, step in enumerate(after.steps)}
    for was in before.steps:
        if was["id"] not in steps:
            continue
        at, now = steps[was["id"]]
        place, name = f"steps.{at}", f"The step {was['id']}"
        if ("each" in was) != ("each" in now):
            said = "goes through a list" if "each" in now else "does not go through a list any more"
            yield reason("loop-changed", f"{place}.each", f"{name} {said}, so its outputs have another shape.")
        yield from _tighter(was, now, "timeout_ms", *(["most"] if "most" in was else []), at=f"{place}.", name=name)
        old, new = was.get("on_failure", "stop"), now.get("on_failure", "stop")
        if old == "undo" != new:
            yield reason("compensation-dropped", f"{place}.on_failure", f"{name} takes nothing back when it fails.")
        elif old != new:
            yield reason("failure-changed", f"{place}.on_failure", f"When it fails, {name.lower()} does {new}.")


def _tighter(was: dict[str, Any], now: dict[str, Any], *keys: str, at: str, name: str) -> Iterator[Reason]:
    for key in keys:
        bound = now.get(key, _UNSAID[key])
        if bound < was.get(key, _UNSAID[key]):
            yield reason("limits-tightened", f"{at}{key}", f"{name} has a lower {key}: {bound}.")


def _requirements(before: dict[str, str], after: dict[str, str]) -> Iterator[Reason]:
    for slug in sorted(before.keys() | after.keys()):
        was, now = before.get(slug), after.get(slug)
        if was == now:
            continue
        place = f"requires.{slug}"
        if was is None:
            yield reason("requirement-added", place, f"It needs {slug}, which it did not.")
        elif now is None:
            yield reason("requirement-dropped", place, f"It does not need {slug} any more.")
        elif takes_all_of(now, was):
            yield reason("requirement-widened", place, f"It takes {slug} {now}, before {was}.")
        else:
            yield reason("requirement-narrowed", place, f"It needs {slug} {now}, before {was}.")


def takes_all_of(wide: str, narrow: str) -> bool:
    """Whether every release within the range ``narrow`` lies within ``wide`` too.

    A range is made of intervals that begin and end at the numbers it names, so it is enough to try those of both, and
    what comes right before and after each.
    """
    outer, inner = NpmSpec(wide), NpmSpec(narrow)
    return all(number in outer for number in _probes(wide, narrow) if number in inner)


def _probes(*ranges: str) -> Iterator[Version]:
    top = 10**6  # above any number that a range names in practice: stands for "the last of its kind"
    for text in _NUMBER.findall(" ".join(ranges)):
        major, minor, patch = (*map(int, text.split(".")), 0, 0)[:3]
        for one in (
            (major, minor, patch), (major, minor, patch + 1), (major, minor, top), (major, minor + 1, 0),
            (major, top, top), (major + 1, 0, 0), (major + 1, top, top),
        ):  # fmt: skip
            yield Version(".".join(map(str, one)))
        for one in ((major, minor, patch - 1), (major, minor - 1, top), (major - 1, top, top)):
            if min(one) >= 0:
                yield Version(".".join(map(str, one)))
    yield Version("0.0.0")
    yield Version(f"{top}.0.0")


def compare_trigger(before: Manifest, after: Manifest) -> Iterator[Reason]:
    yield from compare_outputs(before.outputs, after.outputs)
    was: dict[str, Any] = before.canonical.get("source", {})
    now: dict[str, Any] = after.canonical.get("source", {})
    for key in ("type", "signature", "header"):
        if was.get(key) != now.get(key):
            said = f"Its source has another {key}: {now.get(key)}, before {was.get(key)}."
            yield reason("source-changed", f"source.{key}", said)
    for key in ("cron", "timezone", "debounce_ms"):
        if was.get(key) != now.get(key):
            yield reason("schedule-changed", f"source.{key}", f"It starts at other times: {now.get(key)}.")
