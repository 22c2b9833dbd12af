"""What a pack's values are called in a form, and back: a mapping, a condition, an input.

A value that nobody touched stays as it is written: each field goes with the expression that it was made of, and what is
typed counts only where it says something else than that expression does.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from marketplace.workshop.field_values import as_notation, of_notation
from registry.manifests.types import BASE_TYPES, DATA_CLASSES, TYPES

LEFT_OUT, FIXED, EXPRESSION, FIELDS = "", "=fixed", "=expression", "=fields"
ALWAYS = ""
TESTS = {
    "there": "is there",
    "missing": "is not there",
    "equals": "is",
    "differs": "is not",
    "above": "is greater than",
    "below": "is less than",
}
_SIGNS = {"equals": "==", "differs": "!=", "above": ">", "below": "<"}
_COMPARED = re.compile(r"(?P<of>[A-Za-z_][\w.]*) (?P<sign>==|!=|>|<) (?P<value>.+)", re.DOTALL | re.ASCII)
_MISSING = re.compile(r"!\((?P<of>[A-Za-z_][\w.]*)\)", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z_][\w.]*(?:\[\d\])?", re.ASCII)

# Types of a pack's own inputs, as the form offers them.
INPUT_TYPES = {
    "string": "Text",
    "int": "Whole number",
    "number": "Number",
    "bool": "True or false",
    "date": "Date",
    "datetime": "Date and time",
    "email": "Email address",
    "url": "Web address",
    "string[]": "List of texts",
    "object[]": "List of objects",
    "object": "Object",
    "any": "Anything",
}
AS_WRITTEN = "=written"
_INPUT = re.compile(r"(?P<type>[a-z_]+)(?P<lists>(?:\[\])?)(?P<optional>\??)", re.ASCII)


@dataclass(frozen=True)
class Said:
    """A mapping in two fields: ``how`` is LEFT_OUT, FIXED, EXPRESSION, FIELDS or the expression of a place."""

    how: str = LEFT_OUT
    text: str = ""


def said_of(value: Any, places: set[str]) -> Said:
    """``value`` is an expression, or a map or list of them; None where there is none."""
    if value is None:
        return Said()
    if isinstance(value, dict | list):
        return Said(FIELDS, as_notation(value))
    if value in places:
        return Said(value)
    fixed = fixed_of(value)
    return Said(EXPRESSION, value) if fixed is None else Said(FIXED, fixed)


def value_of(said: Said, kinds: frozenset[str], was: Any = None, places: set[str] | None = None) -> Any:
    """The expression (or map of them) that says it; ``kinds`` are the JSON types that are expected there."""
    if was is not None and said_of(was, places or set()) == said:
        return was
    match said.how:
        case "":
            return None
        case "=fixed":
            return literal_of(said.text, kinds)
        case "=expression":
            return said.text.strip() or None
        case "=fields":
            return of_notation(said.text)
    return said.how


def literal_of(text: str, kinds: frozenset[str]) -> str:
    """A fixed value as an expression: `'#sales'`, `` `5` ``, a list of what stands on each line."""
    if "string" not in kinds or len(kinds) > 3:  # where a text may stand it is meant as one
        plain = text.strip()
        if "boolean" in kinds and plain in ("true", "false"):
            return f"`{plain}`"
        if "number" in kinds and re.fullmatch(r"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?", plain, re.ASCII):
            return f"`{plain}`"
        if "array" in kinds and "string" not in kinds:
            return _quoted([line.strip() for line in text.splitlines() if line.strip()])
    return _quoted(text) if "\\" in text else "'" + text.replace("'", "\\'") + "'"


def fixed_of(expression: str) -> str | None:
    """The text of a fixed value, None where the expression is none."""
    try:
        tree = jmespath.compile(expression).parsed
    except (JMESPathError, ValueError, RecursionError):
        return None
    if tree["type"] != "literal":
        return None
    value = tree["value"]
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, str) and one.strip() == one and one for one in value):
        return "\n".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | int | float) else None


def _quoted(value: Any) -> str:
    return "`" + json.dumps(value, ensure_ascii=False).replace("`", "\\`") + "`"


@dataclass(frozen=True)
class Condition:
    """A condition in three fields: ``of`` is ALWAYS, EXPRESSION or the expression of a place, ``test`` of TESTS."""

    of: str = ALWAYS
    test: str = "there"
    value: str = ""


def condition_of(expression: str | None) -> Condition:
    if not expression:
        return Condition()
    if _PLAIN.fullmatch(expression):
        return Condition(expression)
    if found := _MISSING.fullmatch(expression):
        return Condition(found["of"], "missing")
    if found := _COMPARED.fullmatch(expression):
        fixed = fixed_of(found["value"])
        if fixed is not None:
            test = next(name for name, sign in _SIGNS.items() if sign == found["sign"])
            return Condition(found["of"], test, fixed)
    return Condition(EXPRESSION, value=expression)


def expression_of(condition: Condition, kinds: frozenset[str], was: str | None = None) -> str | None:
    """``kinds`` are the JSON types of the place that is looked at."""
    if was and condition_of(was) == condition:
        return was
    if condition.of == EXPRESSION:
        return condition.value.strip() or None
    if not condition.of:
        return None
    if condition.test == "missing":
        return f"!({condition.of})"
    if condition.test not in _SIGNS:
        return condition.of
    wanted = frozenset({"number"}) if condition.test in ("above", "below") else kinds - {"null"}
    return f"{condition.of} {_SIGNS[condition.test]} {literal_of(condition.value, wanted)}"


@dataclass(frozen=True)
class Input:
    """An input of a pack in its fields. ``type`` is of INPUT_TYPES, or AS_WRITTEN for what has no such name."""

    name: str
    type: str = "string"
    data_class: str = ""
    is_needed: bool = True


def input_of(name: str, written: Any) -> Input:
    is_needed = not name.endswith("?")
    name = name.removesuffix("?")
    if isinstance(written, str):
        found = _INPUT.fullmatch(written.strip())
        if found and found["type"] in TYPES:
            is_needed = is_needed and not found["optional"]
            kind, lists = found["type"], found["lists"]
            if kind in BASE_TYPES and f"{kind}{lists}" in INPUT_TYPES:
                return Input(name, f"{kind}{lists}", "", is_needed)
            if kind in DATA_CLASSES and f"string{lists}" in INPUT_TYPES and kind != "birth_date":
                return Input(name, f"string{lists}", kind, is_needed)
    if isinstance(written, dict):
        for kind in INPUT_TYPES:
            for data_class in ("", *DATA_CLASSES):
                if _written(kind, data_class) == written:
                    return Input(name, kind, data_class, is_needed)
    return Input(name, AS_WRITTEN, "", is_needed)


def written_of(one: Input) -> Any:
    """As the manifest's text has it: ``string``, ``name[]?``, or JSON Schema where the short form has no word."""
    written = _written(one.type, one.data_class)
    return written if one.is_needed or not isinstance(written, str) else f"{written}?"


def _written(kind: str, data_class: str) -> Any:
    if not data_class or (kind, data_class) == ("email", "email"):
        return kind
    if kind in ("string", "string[]") and data_class not in ("birth_date", "email"):
        return kind.replace("string", data_class)
    base = kind.removesuffix("[]")
    if base != kind:
        return {"type": "array", "items": {**TYPES[base], "x-data-class": data_class}}
    return {"type": "string", **TYPES[base], "x-data-class": data_class}


def sample_of(text: str, kind: str) -> Any:
    """A sample as it is typed, as the type of its input has it; the text itself where it can be none."""
    if text == "":
        return None
    if kind in ("string", "date", "datetime", "email", "url"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return of_notation(text) if kind != "any" else text


def shown_sample(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
