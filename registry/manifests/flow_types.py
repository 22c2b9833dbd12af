"""Packs before they run: each mapping against the schemas of what it reads and of what it feeds.

Unknown is allowed, wrong is not. What ``is_certain`` fails whenever its step is reached; the other findings are slips
that need not show in a run: a field that is read and never there, a list whose entries would not be taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .expression_shapes import Missed, shape_of, shape_of_tree
from .value_shapes import (
    ANY,
    NOTHING,
    NUMBER,
    TEXT,
    Shape,
    closest,
    joined,
    list_of,
    mismatch,
    object_of,
    of_schema,
    truthy,
)

Schema = dict[str, Any]
Schemas = Mapping[str, tuple[Schema, Schema]]  # inputs and outputs of what a step uses


@dataclass(frozen=True)
class MappingFinding:
    """What is wrong at ``field`` of a step: ``with.subject``, ``when``, ``each``; step "" is the pack, with
    ``outcome.success``.

    ``code`` is missing-input, unknown-input, wrong-type, cannot-apply, no-list, never (a success that is never
    reached), unknown-field or undeclared-field.
    """

    step: str
    field: str
    code: str
    sentence: str
    fix: str
    is_certain: bool = True


def check_mappings(pack: Mapping[str, Any], schemas: Schemas) -> list[MappingFinding]:
    """What is wrong in the mappings of ``pack`` (canonical), in the order of its steps.

    ``schemas`` is {use: (inputs schema, outputs schema)}; a use that is not in it can take and give anything.
    """
    findings: list[MappingFinding] = []
    done: dict[str, Shape] = {}
    for step in pack.get("steps", ()):
        findings += _of_step(step, scope_of(pack, done), schemas.get(step.get("use", "")))
        done[step.get("id", "")] = outputs_shape(step, schemas)
    success = pack.get("outcome", {}).get("success")
    if success:
        shape, missed = shape_of(success, scope_of(pack, done))
        findings += _misses("", "outcome.success", missed)
        if not shape.kinds:
            findings.append(_failing("", "outcome.success", shape))
        elif not truthy(shape).kinds:
            sentence = "This is never true, so the outcome is never reached."
            findings.append(MappingFinding("", "outcome.success", "never", sentence, "Point at what proves it."))
    return findings


def scope_of(pack: Mapping[str, Any], done: Mapping[str, Shape]) -> Shape:
    """What an expression behind the steps ``done`` reads."""
    inputs = of_schema(pack.get("inputs") or {"type": "object"})
    return object_of({"inputs": inputs, "steps": object_of(done), "seed": TEXT})


def scope_at(pack: Mapping[str, Any], at: int, schemas: Schemas) -> Shape:
    """What the step in place ``at`` (from 0) reads; with a loop its ``item`` and ``index`` too."""
    steps = pack.get("steps", ())
    done = {step.get("id", ""): outputs_shape(step, schemas) for step in steps[:at]}
    scope = scope_of(pack, done)
    return _in_loop(steps[at], scope) if at < len(steps) else scope


def outputs_shape(step: Mapping[str, Any], schemas: Schemas) -> Shape:
    """What stands under ``steps`` for a step that is over: its outputs, a list of them for a loop; nothing where its
    condition or a failure left it out."""
    given = schemas.get(step.get("use", ""))
    shape = of_schema(given[1]) if given else ANY
    may_lack = bool(step.get("when")) or step.get("on_failure") == "skip"
    if may_lack:
        shape = joined([shape, NOTHING])
    if "each" in step:
        shape = list_of(shape)
        shape = joined([shape, NOTHING]) if may_lack else shape
    return shape


def _of_step(step: Mapping[str, Any], scope: Shape, schemas: tuple[Schema, Schema] | None) -> Iterator[MappingFinding]:
    name = step.get("id", "")
    if step.get("each"):
        shape, missed = shape_of(step["each"], scope)
        yield from _misses(name, "each", missed)
        if not shape.kinds:
            yield _failing(name, "each", shape)
        elif "array" not in shape.kinds and not shape.is_nothing:  # nothing is a loop over no items
            sentence = f"This is {shape.words}, and a loop goes over a list."
            yield MappingFinding(name, "each", "no-list", sentence, "Point at a list.", "null" not in shape.kinds)
        scope = _in_loop(step, scope)
    if step.get("when"):
        shape, missed = shape_of(step["when"], scope)
        yield from _misses(name, "when", missed)
        if not shape.kinds:
            yield _failing(name, "when", shape)
    yield from check_inputs(name, step.get("with", {}), scope, schemas and schemas[0])


def check_inputs(
    step: str, mapping: Mapping[str, Any], scope: Shape, schema: Schema | None
) -> Iterator[MappingFinding]:
    """What is wrong in ``mapping``, {input: tree of expressions over ``scope``}, and with what it gives to inputs of
    ``schema`` (None: not known). The expressions are such that ``expressions.parse`` takes."""
    parts = {key: shape_of_tree(tree, scope) for key, tree in mapping.items()}
    for key, (shape, missed) in parts.items():
        yield from _misses(step, f"with.{key}", missed)
        if not shape.kinds:
            yield _failing(step, f"with.{key}", shape)
    if schema is not None:
        yield from _of_inputs(step, {key: shape for key, (shape, _) in parts.items()}, schema)


def _of_inputs(step: str, given: dict[str, Shape], schema: Schema) -> Iterator[MappingFinding]:
    """What the gate would refuse: inputs are checked as a whole, and what finds nothing is left out."""
    wanted = of_schema(schema)
    if "object" not in wanted.kinds:
        return
    for name in sorted(wanted.required):
        if name not in given:
            sentence = f"“{name}” is needed, and nothing is given for it."
            yield MappingFinding(step, f"with.{name}", "missing-input", sentence, "Say what it takes.")
        elif given[name].is_nothing:
            sentence = f"“{name}” is needed, and this finds nothing."
            yield MappingFinding(step, f"with.{name}", "missing-input", sentence, "Point at a value that is there.")
    is_closed = not wanted.is_open
    for name, shape in given.items():
        value = replace(shape, kinds=shape.kinds - {"null"}, values=_without_null(shape))
        if not value.kinds:
            continue
        properties = schema.get("properties", {})
        if name not in wanted.fields and is_closed:
            sentence = f"It takes no input “{name}”."
            fix = closest(name, wanted.fields)
            yield MappingFinding(step, f"with.{name}", "unknown-input", sentence, fix, "null" not in shape.kinds)
        elif name in properties:
            yield from _unfit(step, name, shape, value, properties[name], schema)


def _unfit(step: str, name: str, shape: Shape, value: Shape, schema: Any, root: Schema) -> Iterator[MappingFinding]:
    for filled in (False, True):
        if reason := mismatch(value, schema, root, filled=filled):
            place = f"with.{name}.{reason.place}".rstrip(".")
            is_certain = not filled and ("null" not in shape.kinds or name in root.get("required", ()))
            yield MappingFinding(step, place, reason.code, reason.sentence, reason.fix, is_certain)
            return


def _without_null(shape: Shape) -> tuple[Any, ...] | None:
    return None if shape.values is None else tuple(value for value in shape.values if value is not None)


def _misses(step: str, field: str, missed: list[Missed]) -> Iterator[MappingFinding]:
    for one in missed:
        if one.place == "steps" or (one.place == "inputs" and one.is_promised):
            continue  # the manifest's reader refuses them
        code = "unknown-field" if one.is_promised else "undeclared-field"
        yield MappingFinding(step, field, code, one.sentence, one.fix, is_certain=False)


def _failing(step: str, field: str, shape: Shape) -> MappingFinding:
    return MappingFinding(step, field, "cannot-apply", f"It fails whatever comes: {shape.why}", "Write it otherwise.")


def _in_loop(step: Mapping[str, Any], scope: Shape) -> Shape:
    if not step.get("each"):
        return scope
    each, _ = shape_of(step["each"], scope)
    item = each.items or ANY if "array" in each.kinds else ANY
    return object_of({**scope.fields, "item": item, "index": NUMBER})
