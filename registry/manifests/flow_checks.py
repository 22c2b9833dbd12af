"""Checks of packs, transforms and triggers that look at more than one key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import expressions
from .cron import BadCron, check_cron
from .findings import Findings
from .nodes import shown

Locate = Callable[..., Any]


def check_pack(canonical: dict[str, Any], locate: Locate, findings: Findings) -> None:
    """Steps see the inputs and the steps before them, so a pack can have no cycle."""
    inputs = canonical.get("inputs")
    required = canonical.get("requires")
    done: list[str] = []
    for at, step in enumerate(canonical.get("steps", [])):
        place = ("steps", at)
        name = step.get("id")
        if name in done:
            findings.add(
                "duplicate-id", locate(*place, "id"), f"steps[{at}].id", f"A second step is called {shown(name)}."
            )
        for steps, expression in [
            *_leaves(step.get("with"), (*place, "with")),
            *_leaves(step.get("when"), (*place, "when")),
        ]:
            _check_references(expression, inputs, done, locate(*steps), f"steps[{at}].{steps[2]}", findings)
            if "each" not in step:
                _check_no_item(expression, locate(*steps), f"steps[{at}].{steps[2]}", findings)
        _check_loop(step, place, inputs, done, locate, findings)
        if required is not None and "use" in step and _extension(step["use"], required) is None:
            close = findings.nearest(step["use"].partition(".")[0], required)
            fix = f"Did you mean {close}?" if close else "Add the extension with its version range to requires."
            findings.add(
                "bad-reference",
                locate(*place, "use"),
                f"steps[{at}].use",
                f"{shown(step['use'])} is not among requires.",
                fix,
            )
        if name and name not in done:
            done.append(name)
    if "success" in canonical.get("outcome", {}):
        where = locate("outcome", "success")
        _check_references(canonical["outcome"]["success"], inputs, done, where, "outcome.success", findings)


def _check_loop(
    step: dict[str, Any], place: tuple[Any, ...], inputs: Any, done: list[str], locate: Locate, findings: Findings
) -> None:
    """A loop says how many items it takes at most, so that nobody's list decides how often a pack calls."""
    path = f"steps[{place[1]}]"
    if "each" in step:
        _check_references(step["each"], inputs, done, locate(*place, "each"), f"{path}.each", findings)
        if "most" not in step:
            findings.add(
                "missing-key",
                locate(*place),
                f"{path}.most",
                "A loop needs most: how many items it goes through.",
                "Add most, such as most: 50.",
            )
    elif "most" in step:
        findings.add(
            "unknown-key", locate(*place, "most"), f"{path}.most", "most means nothing without each.", "Remove it."
        )


def _check_no_item(expression: str, where: Any, path: str, findings: Findings) -> None:
    for name in sorted({one.root for one in expressions.parse(expression)} & {"item", "index"}):
        findings.add(
            "bad-reference",
            where,
            path,
            f"{shown(name)} is known in a loop only.",
            "Give the step each and most, or name what is meant by inputs or steps.",
        )


def check_transform(canonical: dict[str, Any], locate: Locate, findings: Findings) -> None:
    """Operations see the input's fields and those that operations before them made."""
    if "steps" in canonical and "code_file" in canonical:
        findings.add(
            "duplicate-key",
            locate("code_file"),
            "code_file",
            "Both steps and a Python file would transform.",
            "Keep one.",
        )
    for key in ("memory_mb",):
        if key in canonical and "code_file" not in canonical:
            findings.add("unknown-key", locate(key), key, f"{key} means nothing without a Python file.", "Remove it.")
    properties = canonical.get("inputs", {}).get("properties")
    if properties is None or "steps" not in canonical:
        return
    fields = set(properties)
    for at, step in enumerate(canonical["steps"]):
        _check_operation(step, at, fields, locate, findings)
    lacking = [name for name in canonical.get("outputs", {}).get("required", []) if name not in fields]
    for name in lacking:
        where = locate("outputs", name)
        findings.add(
            "bad-reference",
            where,
            f"outputs.{name}",
            f"No operation makes the field {shown(name)}.",
            "Make it with map_fields, or mark it optional.",
        )


def check_trigger(canonical: dict[str, Any], locate: Locate, findings: Findings) -> None:
    source = canonical.get("source", {})
    is_schedule = source.get("type") == "schedule"
    for key in ("cron", "timezone") if not is_schedule else ("signature", "header", "debounce_ms"):
        if key in source:
            message = f"{key} means nothing for a {source.get('type', 'source')}."
            findings.add("unknown-key", locate("source", key), f"source.{key}", message, "Remove it.")
    if is_schedule and "cron" not in source:
        findings.add(
            "missing-key",
            locate("source"),
            "source.cron",
            "A schedule needs cron.",
            "Write five fields, such as 0 8 * * 1.",
        )
    if "cron" in source:
        try:
            check_cron(source["cron"])
        except BadCron as error:
            fix = "Write five fields, such as 0 8 * * 1."
            findings.add("bad-value", locate("source", "cron"), "source.cron", str(error), fix)


def _check_operation(step: dict[str, Any], at: int, fields: set[str], locate: Locate, findings: Findings) -> None:
    """Adds to ``fields`` what the operation makes."""
    operation, args = step["op"], step["args"]

    def where(*steps: str) -> Any:
        return locate("steps", at, operation, *steps)

    if operation == "map_fields":
        for steps, expression in _leaves(args, ()):
            for reference in expressions.parse(expression):
                if reference.root not in fields:
                    _unknown_field(reference.root, fields, where(*steps), f"steps[{at}].map_fields", findings)
        fields |= set(args)
        return
    named = [("field", args["field"])] if "field" in args else []
    named += [("fields", name) for name in args.get("fields", [])]
    for key, name in named:
        if name not in fields:
            _unknown_field(name, fields, where(key), f"steps[{at}].{operation}.{key}", findings)
    if "into" in args:
        fields.add(args["into"])


def _check_references(expression: str, inputs: Any, done: list[str], where: Any, path: str, findings: Findings) -> None:
    known = None if inputs is None or inputs.get("additionalProperties") is not False else inputs.get("properties", {})
    for reference in expressions.parse(expression):
        if reference.root == "steps" and reference.member is not None and reference.member not in done:
            close = findings.nearest(reference.member, done)
            fix = f"Did you mean {close}?" if close else f"Steps before this one: {', '.join(done) or 'none'}."
            findings.add(
                "bad-reference", where, path, f"No step before this one is called {shown(reference.member)}.", fix
            )
        elif (
            reference.root == "inputs"
            and known is not None
            and reference.member is not None
            and reference.member not in known
        ):
            close = findings.nearest(reference.member, known)
            fix = f"Did you mean {close}?" if close else f"Inputs: {', '.join(known) or 'none'}."
            findings.add("bad-reference", where, path, f"There is no input {shown(reference.member)}.", fix)


def _extension(use: str, required: dict[str, str]) -> str | None:
    """The required extension that ``use`` names: itself, or the connector before the last dot."""
    return next((name for name in (use, use.rpartition(".")[0]) if name in required), None)


def _unknown_field(name: str, fields: set[str], where: Any, path: str, findings: Findings) -> None:
    close = findings.nearest(name, sorted(fields))
    fix = f"Did you mean {close}?" if close else f"Fields at this step: {', '.join(sorted(fields)) or 'none'}."
    findings.add("bad-reference", where, path, f"There is no field {shown(name)} at this step.", fix)


def _leaves(value: Any, steps: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, (*steps, key))
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from _leaves(part, (*steps, at))
    elif isinstance(value, str):
        yield steps, value
