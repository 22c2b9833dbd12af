"""A transform as a chain of operations: their arguments as fields, what was typed into them, and the chain again.

Operations that nobody touched stay as they are written, short forms and all.
"""

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketplace.workshop.field_values import as_notation, as_words, of_notation, of_words, put, taken
from marketplace.workshop.pack_values import json_of
from registry.manifests.operations import OPERATIONS, REDACTION_MODES
from registry.manifests.shapes import Shape

Values = dict[str, Any]
MOST_OPERATIONS = 50
TITLES = {
    "normalize_date": "Bring a date into one form",
    "normalize_phone": "Bring a telephone number into one form",
    "normalize_text": "Put a text in order",
    "normalize_number": "Read a number",
    "map_fields": "Make fields",
    "enrich": "Look a value up in a table",
    "dedupe": "Leave out what is there twice",
    "detect_pii": "Find personal data",
    "redact": "Hide personal data",
    "validate": "Check against a schema",
}
# What kind of field each argument has: name, words, choice, flag, number, text or notation.
_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "field": ("name", ()),
    "into": ("name", ()),
    "fields": ("words", ()),
    "by": ("words", ()),
    "classes": ("words", ()),
    "timezone": ("text", ()),
    "region": ("text", ()),
    "order": ("choice", ("year_first", "day_first", "month_first")),
    "to": ("choice", ("date", "datetime")),
    "case": ("choice", ("keep", "lower", "upper", "title")),
    "trim": ("flag", ("true", "false")),
    "collapse": ("flag", ("true", "false")),
    "form": ("choice", ("NFC", "NFKC")),
    "decimal_sign": ("choice", (".", ",")),
    "decimals": ("number", ()),
    "table": ("notation", ()),
    "default": ("text", ()),
    "keep": ("choice", ("first", "last")),
    "mode": ("choice", REDACTION_MODES),
    "against": ("choice", ("inputs", "outputs")),
}
WHOLE = "whole"  # the argument of map_fields, which is a map of fields itself
_ACT = re.compile(r"(up|down|remove)-(\d{1,2})", re.ASCII)


@dataclass(frozen=True)
class Argument:
    """One argument of an operation, and the field that it has."""

    name: str
    kind: str
    choices: tuple[str, ...]
    about: str
    is_needed: bool


def arguments_of(op: str) -> list[Argument]:
    reader = OPERATIONS.get(op)
    if not isinstance(reader, Shape):
        about = "A line each: the field that is made, and the expression over the record, such as full_name: name."
        return [Argument(WHOLE, "notation", (), about, True)]
    return [
        Argument(key.name, *_KINDS[key.name], key.about, key.required)
        for key in sorted(reader.keys, key=lambda one: not one.required)
    ]


def step_of(written: Any) -> tuple[str, Any]:
    """An entry of ``steps`` as (operation, arguments), however it is written."""
    if not isinstance(written, dict) or not written:
        return "", {}
    if sorted(written) == ["args", "op"]:
        return str(written["op"]), written["args"]
    op, args = next(iter(written.items()))
    return str(op), {"against": args} if op == "validate" and isinstance(args, str) else args


def shown(argument: Argument, args: Any) -> str:
    """An argument as its field has it."""
    value = args if argument.name == WHOLE else args.get(argument.name) if isinstance(args, dict) else None
    if value is None:
        return ""
    match argument.kind:
        case "words":
            return as_words(value)
        case "flag":
            return "true" if value is True else "false" if value is False else str(value)
        case "notation":
            return as_notation(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return value if isinstance(value, str) else as_notation(value)


def _value(argument: Argument, text: str) -> Any:
    match argument.kind:
        case "words":
            words = of_words(text)
            return [str(word) for word in words] if words else None
        case "flag":
            return {"true": True, "false": False}.get(text, text or None)
        case "number":
            return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else text or None
        case "notation":
            return of_notation(text)
        case "text" if argument.name == "default":
            return of_notation(text)
    return text.strip() or None


def read_chain(base: Values, data: Mapping[str, str]) -> Values:
    """``base`` with what was typed: the operations, fields in and out, and the sample."""
    values = copy.deepcopy(base)
    given = values.get("steps") if isinstance(values.get("steps"), list) else []
    steps = []
    for at in range(min(_number(data.get("ops-total", "")) or 0, MOST_OPERATIONS)):
        op = data.get(f"o{at}-op", "")
        was = data.get(f"o{at}-was", "")
        written = (
            given[int(was)] if was.isdecimal() and was.isascii() and len(was) < 4 and int(was) < len(given) else None
        )
        steps.append(_step(op, data, at, written))
    values["steps"] = steps
    for key in ("inputs", "outputs"):
        if key in data:
            typed = data[key].replace("\r\n", "\n")
            if typed.strip() != as_notation(taken(base, [key])).strip():
                put(values, [key], of_notation(typed))
    if "sample" in data:
        typed = data["sample"].replace("\r\n", "\n")
        if typed.strip() != as_notation(taken(base, ["fixtures", "happy", "inputs"])).strip():
            put(values, ["fixtures", "happy", "inputs"], of_notation(typed))
    if isinstance(example := json_of(data.get("example", "")), dict):  # a result that was taken for the example
        put(values, ["fixtures", "happy", "outputs"], example)
    return values


def _step(op: str, data: Mapping[str, str], at: int, written: Any) -> Any:
    arguments = arguments_of(op)
    typed = {one.name: data.get(f"o{at}-arg-{one.name}", "").replace("\r\n", "\n") for one in arguments}
    if written is not None:
        old_op, old = step_of(written)
        if old_op == op and all(shown(one, old).strip() == typed[one.name].strip() for one in arguments):
            return written
    args = {one.name: value for one in arguments if (value := _value(one, typed[one.name])) is not None}
    if WHOLE in typed:
        return {op: args.get(WHOLE, {})}
    if op == "validate" and "against" in args:
        return {op: args["against"]}
    return {op: args}


@dataclass
class Changed:
    """What came of a button: a sentence, the id to go to, and what can be put back."""

    said: str = ""
    focus: str = ""
    problem: str = ""
    removed: dict[str, Any] | None = None


def changed(values: Values, act: str, *, op: str, removed: Any) -> Changed | None:
    """Do ``act``: add, undo, up-1, down-1, remove-1. None where there is no such."""
    steps = values["steps"]
    if act == "add":
        if op not in OPERATIONS:
            return Changed(problem="Choose an operation.", focus="add-op")
        if len(steps) >= MOST_OPERATIONS:
            return Changed(problem=f"A transform has at most {MOST_OPERATIONS} operations here.", focus="add-op")
        steps.append({op: {}})
        return Changed(
            f"“{TITLES[op]}” is the last operation now.", f"o{len(steps) - 1}-arg-{arguments_of(op)[0].name}"
        )
    if act == "undo":
        at = removed.get("at") if isinstance(removed, dict) else None
        if not isinstance(at, int) or isinstance(at, bool) or at < 0 or not isinstance(removed.get("step"), dict):
            return None
        steps.insert(at, removed["step"])
        return Changed("The operation is back.", f"o{min(at, len(steps) - 1)}-remove")
    found = _ACT.fullmatch(act)
    if not found or int(found[2]) >= len(steps):
        return None
    what, at = found[1], int(found[2])
    if what == "remove":
        step = steps.pop(at)
        return Changed(f"Operation {at + 1} is out of the chain.", "undo", removed={"at": at, "step": step})
    to = at - 1 if what == "up" else at + 1
    if not 0 <= to < len(steps):
        return None
    steps[at], steps[to] = steps[to], steps[at]
    button = "down" if to == 0 else "up" if to == len(steps) - 1 else what
    return Changed(f"It is number {to + 1} now.", f"o{to}-{button}")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 4 else None
