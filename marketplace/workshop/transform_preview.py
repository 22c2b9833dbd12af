"""A transform tried on its sample while it is written: the record before and behind each operation, with what its
fields carry. It works in this process, as the worker does, within bounds of size and time."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from registry.manifests import Manifest
from registry.manifests.misfits import misfits
from sandbox.redaction import workspace_key
from sandbox.transforms import TransformError
from sandbox.transforms.classes import Classes, classes_at
from sandbox.transforms.pipeline import walk

LONGEST_SAMPLE = 20_000  # characters of JSON
LONGEST_S = 1.0  # after which no further operation begins
LONGEST_VALUE = 160


@dataclass(frozen=True)
class Change:
    """A field around one operation. ``is_changed`` tells new, gone and other values from what stayed."""

    name: str
    before: str
    after: str
    classes: tuple[str, ...]
    is_changed: bool


@dataclass
class Preview:
    """``changes`` are by operation; ``problem`` is why it ends where it does, ``at`` the operation, -1 for the sample.

    ``fields_in`` and ``fields_out`` are pairs of name and data classes; ``result`` is what comes out, None where
    nothing does.
    """

    changes: list[list[Change]] = field(default_factory=list)
    problem: str = ""
    at: int = -1
    fields_in: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    fields_out: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    result: dict[str, Any] | None = None
    is_promised: bool = True  # whether the example that the text has gives exactly that

    @property
    def result_text(self) -> str:
        return json.dumps(self.result, ensure_ascii=False, indent=2)


def preview_of(manifest: Manifest, workspace_id: Any) -> Preview:
    """By the sample of its happy fixture."""
    fixture = manifest.canonical.get("fixtures", {}).get("happy", {})
    sample = fixture.get("inputs")
    if not isinstance(sample, dict):
        return Preview(problem="There is no sample yet: write one record, a field on each line.")
    if len(json.dumps(sample)) > LONGEST_SAMPLE:
        return Preview(problem="The sample is too large to be tried here.")
    wrong = misfits(sample, manifest.inputs)
    found = Preview()
    if wrong:
        name, sentence = next(iter(wrong.items()))
        return Preview(problem=f"The sample does not fit what it takes. {name}: {sentence}")
    begun = time.monotonic()
    before: dict[str, Any] | None = None
    classes: Classes = {}
    steps = list(manifest.steps)
    try:
        for record, known in walk(
            steps,
            sample,
            inputs_schema=manifest.inputs,
            outputs_schema=manifest.outputs,
            key=workspace_key(workspace_id),
        ):
            if before is None:
                found.fields_in = [(name, _classes(name, known)) for name in record]
            else:
                found.changes.append(_changes(before, record, known))
            before, classes = record, known
            if time.monotonic() - begun > LONGEST_S and len(found.changes) < len(steps):
                found.problem, found.at = "It takes too long to be tried here any further.", len(found.changes)
                return found
    except TransformError as error:
        found.problem, found.at = f"{error.sentence}{f' ({error.field})' if error.field else ''}", len(found.changes)
        return found
    declared = manifest.outputs.get("properties")
    found.result = {name: part for name, part in (before or {}).items() if not declared or name in declared}
    found.fields_out = [(name, _classes(name, classes)) for name in found.result]
    found.is_promised = fixture.get("outputs") == found.result
    return found


def _changes(before: dict[str, Any], after: dict[str, Any], classes: Classes) -> list[Change]:
    names = [*before, *(name for name in after if name not in before)]
    return [
        Change(
            name,
            _text(before[name]) if name in before else "",
            _text(after[name]) if name in after else "",
            _classes(name, classes),
            name not in before or name not in after or before[name] != after[name],
        )
        for name in names
    ]


def _classes(name: str, classes: Classes) -> tuple[str, ...]:
    """Of the field and of what lies in it."""
    below = {one for path, names in classes.items() if path[:1] == (name,) for one in names}
    return tuple(sorted(classes_at((name,), classes) | below))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
