"""What a step of a pack can be pointed at: inputs, what the steps before it gave, and in a loop its item.

Each with its type, its data classes, and what stands there when the pack's sample goes through the simulations.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from registry.manifests import ActionSpec, Manifest, load
from registry.manifests.flow_types import scope_at
from registry.manifests.functions import EvaluationFailed, evaluate, evaluate_fields
from registry.manifests.value_shapes import ANY, NOTHING, WORDS, Shape, joined
from registry.services.mapping import schemas_of, slug_of
from sandbox import class_flow
from sandbox.errors import RunError
from sandbox.runners.simulated import answered
from sandbox.transforms import TransformError, apply
from sandbox.transforms.classes import Classes, classes_at

MOST = 120  # places that are offered at one step
DEEPEST = 4  # names of a place
ITEMS = 3  # of a loop that are tried for samples
LONGEST = 60
_NOW = "2026-01-01T00:00:00+00:00"  # samples are the same whenever somebody looks
_WORDS = {"string": "text", "number": "number", "boolean": "true or false", "array": "list", "object": "object"}


@dataclass(frozen=True)
class Place:
    """Something to point at. ``group`` is where it comes from, ``type`` a word, ``sample`` a short text or ""."""

    expression: str
    group: str
    type: str
    classes: tuple[str, ...] = ()
    sample: str = ""
    shape: Shape = field(default=ANY, compare=False, repr=False)

    @property
    def label(self) -> str:
        """All of it in a line, for a list of choices."""
        about = ", ".join([self.type, *self.classes])
        return f"{self.expression} ({about}){f': {self.sample}' if self.sample else ''}"


class Flow:
    """A pack while it is written, with what it calls. ``called`` is {slug: manifest}.

    ``pack`` is a manifest's values, canonical as far as they can be read.
    """

    def __init__(self, pack: Mapping[str, Any], called: Mapping[str, Manifest]) -> None:
        self.pack, self.called = pack, called
        self.schemas = schemas_of(called.values())
        self.steps: list[dict[str, Any]] = list(pack.get("steps", ()))

    def manifest_of(self, use: str) -> Manifest | None:
        slug = slug_of(use, self.called)
        return self.called[slug] if slug else None

    def action_of(self, use: str) -> ActionSpec | None:
        manifest = self.manifest_of(use)
        if manifest is None:
            return None
        return manifest.actions.get(use) or manifest.actions.get(use.removeprefix(f"{manifest.id}."))

    def places(self, at: int) -> list[Place]:
        """What the step in place ``at`` can be pointed at, the nearest first; ``len(steps)`` is the outcome."""
        scope = scope_at(self.pack, at, self.schemas)
        seen = self.samples[min(at, len(self.samples) - 1)]
        known = self.classes[min(at, len(self.classes) - 1)]
        found: list[Place] = []
        if "item" in scope.fields:
            seen = {**seen, "item": self._first_item(at, seen), "index": 0}
            found += self._below("item", scope.fields["item"], "The item of the loop", seen, {})
            found += self._below("index", scope.fields["index"], "The item of the loop", seen, {})
        for step in reversed(self.steps[:at]):
            name = step.get("id", "")
            shape = scope.fields["steps"].fields.get(name, ANY)
            group = f"{name}: {self.name_of(step.get('use', ''))}"
            found += self._below(f"steps.{name}", shape, group, seen, known)
        given = scope.fields["inputs"]
        for name, shape in given.fields.items():
            found += self._below(f"inputs.{name}", _maybe(name, shape, given), "What the pack begins with", seen, known)
        return found[:MOST]

    def name_of(self, use: str) -> str:
        action, manifest = self.action_of(use), self.manifest_of(use)
        if action is not None and action.name:
            return action.name
        return manifest.name if manifest is not None and manifest.name else use

    def _below(self, path: str, shape: Shape, group: str, seen: Any, known: Classes) -> Iterator[Place]:
        """A place and the fields of it, as far as they are declared."""
        is_step = path.startswith("steps.") and path.count(".") == 1
        if not is_step:
            yield Place(path, group, word_of(shape), self._classes_at(path, known), shown(_at(path, seen)), shape)
        elif shape.kinds >= {"array"}:
            yield Place(path, group, "list", (), shown(_at(path, seen)), shape)
        if path.count(".") < DEEPEST:
            for name, part in shape.fields.items():
                if name.isidentifier():
                    yield from self._below(f"{path}.{name}", _maybe(name, part, shape), group, seen, known)

    def _classes_at(self, path: str, known: Classes) -> tuple[str, ...]:
        parts = tuple(path.split("."))
        return tuple(sorted(classes_at(parts, known)))

    def _first_item(self, at: int, seen: dict[str, Any]) -> Any:
        items = _evaluated(self.steps[at].get("each", ""), seen)
        return items[0] if isinstance(items, list) and items else None

    @cached_property
    def classes(self) -> list[Classes]:
        """What is carried before each step, and behind the last."""
        known = class_flow.of_inputs(load({"kind": "pack", **self.pack}))
        found = [known]
        for step in self.steps:
            manifest = self.manifest_of(step.get("use", ""))
            if manifest is not None:
                carried = class_flow.into_step(step, known)
                known = known | class_flow.out_of_step(step["id"], manifest, self.action_of(step["use"]), carried)
            found.append(known)
        return found

    @cached_property
    def samples(self) -> list[dict[str, Any]]:
        """What each step sees when the pack's sample goes through the simulations: {inputs, steps}, and behind the
        last one. What cannot be told is left out."""
        seen: dict[str, Any] = {"inputs": self.pack.get("sample", {}).get("inputs", {}), "steps": {}}
        found = [seen]
        for step in self.steps:
            seen = {"inputs": seen["inputs"], "steps": {**seen["steps"], step.get("id", ""): self._answer(step, seen)}}
            found.append(seen)
        return found

    def _answer(self, step: dict[str, Any], seen: dict[str, Any]) -> Any:
        if not step.get("each"):
            return self._once(step, seen)
        items = _evaluated(step["each"], seen)
        if not isinstance(items, list):
            return None
        return [self._once(step, {**seen, "item": item, "index": at}) for at, item in enumerate(items[:ITEMS])]

    def _once(self, step: dict[str, Any], seen: dict[str, Any]) -> Any:
        use = step.get("use", "")
        manifest, action = self.manifest_of(use), self.action_of(use)
        if manifest is None:
            return None
        try:
            inputs = evaluate_fields(step.get("with", {}), seen, now=_NOW)
            if action is not None:
                return answered(action, inputs, seed=0, now=_NOW).outputs
            if "code_file" not in manifest.canonical:
                return apply(
                    list(manifest.steps), inputs, inputs_schema=manifest.inputs, outputs_schema=manifest.outputs
                )
        except (EvaluationFailed, RunError, TransformError, KeyError, TypeError, ValueError):
            pass
        return manifest.canonical.get("fixtures", {}).get("happy", {}).get("outputs")


def _maybe(name: str, part: Shape, whole: Shape) -> Shape:
    """With nothing among what it can be, where it need not be there."""
    return part if name in whole.required else joined([part, NOTHING])


def word_of(shape: Shape) -> str:
    """The type in a word or two: text, list, anything."""
    told = [word for kind, word in _WORDS.items() if kind in shape.kinds]
    if not told or len(told) == len(_WORDS):
        return "anything" if told else WORDS["null"]
    return " or ".join(told) + (", may be missing" if "null" in shape.kinds else "")


def shown(value: Any) -> str:
    """A sample in a few signs."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _at(path: str, seen: Any) -> Any:
    for name in path.split("."):
        seen = seen.get(name) if isinstance(seen, dict) else None
    return seen


def _evaluated(expression: str, seen: Any) -> Any:
    try:
        return evaluate(expression, seen, now=_NOW)
    except (EvaluationFailed, ValueError):
        return None
