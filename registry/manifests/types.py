"""The shorthand for types, compiled to JSON Schema 2020-12."""

from __future__ import annotations

import re
from typing import Any

from .findings import Findings
from .nodes import Literal, Map, Node, Seq, Text, shown

Schema = dict[str, Any]

# Data classes follow a value through mappings and transforms; each is also a type of its own.
DATA_CLASSES: dict[str, str] = {
    "address": "A postal address",
    "birth_date": "A date of birth",
    "email": "An email address",
    "financial": "Income, balances, salaries",
    "government_id": "A number of a passport, tax or identity document",
    "health": "Anything about a person's health",
    "ip_address": "An address of a device",
    "location": "Where somebody is",
    "name": "A person's name",
    "payment": "Card or account numbers",
    "phone": "A telephone number",
    "secret": "A password, token or key",
}
BASE_TYPES: dict[str, Schema] = {
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "email": {"type": "string", "format": "email", "x-data-class": "email"},
    "url": {"type": "string", "format": "uri"},
    "object": {"type": "object"},
    "any": {},
}
TYPES: dict[str, Schema] = {
    **{name: {"type": "string", "x-data-class": name} for name in DATA_CLASSES},
    **BASE_TYPES,
    "birth_date": {"type": "string", "format": "date", "x-data-class": "birth_date"},
}
# What people write who think in another notation; a hint, never taken for the type.
_FOREIGN = {
    "str": "string", "text": "string", "integer": "int", "float": "number", "double": "number", "decimal": "number",
    "boolean": "bool", "timestamp": "datetime", "uri": "url", "dict": "object", "map": "object", "array": "T[]",
    "list": "T[]", "null": "T?",
}  # fmt: skip

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ENUM_VALUE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", re.ASCII)
_EXPRESSION = re.compile(r"(?P<core>\([^()]*\)|[^()\[\]?]+)(?P<lists>(?:\[\])*)(?P<optional>\??)")
MAX_EXPRESSION = 500
MAX_LISTS = 4


class BadType(ValueError):
    """``code`` is of the findings table; the text says why, ``fix`` what to write."""

    def __init__(self, code: str, message: str, fix: str = "", word: str = "") -> None:
        super().__init__(message)
        self.code = code
        self._fix, self._word = fix, word

    def fix(self, findings: Findings) -> str:
        """With the type that comes nearest to the word that is none."""
        close = findings.nearest(self._word, TYPES) if self._word else None
        return f"Did you mean {close}?" if close else self._fix


def compile_type(expression: str) -> tuple[Schema, bool]:
    """One type expression as (schema, is optional): ``string``, ``T[]``, ``T?``, ``a|b``, ``(a|b)[]``.

    Raises BadType.
    """
    match = _EXPRESSION.fullmatch(expression.strip())
    if len(expression) > MAX_EXPRESSION or not match:
        raise BadType("unknown-type", f"{shown(expression)} is not a type.")
    core, lists = match["core"], match["lists"].count("[]")
    if lists > MAX_LISTS:
        raise BadType("unknown-type", f"{shown(expression)} nests more than {MAX_LISTS} lists.")
    if core.startswith("("):
        core = core[1:-1]
        if "|" not in core:
            raise BadType("unknown-type", f"{shown(expression)}: brackets go round a choice, such as (a|b)[].")
    elif "|" in core and lists:
        raise BadType(
            "ambiguous-type",
            f"{shown(expression)} is a choice of lists or a list of choices.",
            "For a list of choices write (a|b)[].",
        )
    schema = _enum(core) if "|" in core else _named(core)
    for _ in range(lists):
        schema = {"type": "array", "items": schema}
    return schema, bool(match["optional"])


def compile_fields(node: Map, findings: Findings, path: str, *, closed: bool) -> Schema:
    """A map of ``name: type`` as an object schema. ``closed`` refuses further names, as inputs do."""
    properties: Schema = {}
    required: list[str] = []
    for key, value in node.entries:
        name = key.value.removesuffix("?")
        place = f"{path}.{name}"
        if not _FIELD.fullmatch(name):
            fix = "Use letters, digits and `_`; other names need full JSON Schema."
            findings.add("bad-key", key, place, f"{shown(name)} is not a field name.", fix)
            continue
        if name in properties:
            findings.add("duplicate-key", key, place, f"{shown(name)} stands twice, once with a question mark.")
            continue
        schema, optional = compile_field(value, findings, place, closed=closed)
        properties[name] = schema
        if not (optional or key.value.endswith("?")):
            required.append(name)
    result: Schema = {"type": "object", "properties": properties}
    if required:
        result["required"] = sorted(required)
    if closed:
        result["additionalProperties"] = False
    return result


def compile_field(node: Node, findings: Findings, path: str, *, closed: bool) -> tuple[Schema, bool]:
    """What stands behind a field name: a type expression, a nested map, a list of one, or full JSON Schema."""
    from .schemas import is_json_schema, read_field_schema  # the two notations nest in each other

    match node:
        case Text():
            try:
                return compile_type(node.value)
            except BadType as problem:
                findings.add(problem.code, node, path, str(problem), problem.fix(findings))
        case Map():
            verdict = is_json_schema(node)
            if verdict is None:
                findings.add(
                    "ambiguous-type", node, path,
                    "This is either one value described by JSON Schema or an object with a field called type.",
                    "For one value write its shorthand type; for an object write "
                    "{ $schema: \"https://json-schema.org/draft/2020-12/schema\", type: object, properties: {...} }.",
                )  # fmt: skip
            elif verdict:
                return read_field_schema(node, findings, path), False
            else:
                return compile_fields(node, findings, path, closed=closed), False
        case Seq(items=(item,)):
            schema, optional = compile_field(item, findings, f"{path}[]", closed=closed)
            if optional:
                findings.add(
                    "ambiguous-type",
                    item,
                    path,
                    "A list cannot hold optional items.",
                    "Put the ? behind the field's name.",
                )
            return {"type": "array", "items": schema}, False
        case Seq():
            findings.add(
                "unknown-type", node, path, "A list type names exactly one type of item.", "Write type[] or [type]."
            )
        case Literal():
            findings.add("unknown-type", node, path, f"{shown(node.source)} is not a type.")
    return {}, False


def could_be_fields(node: Node) -> bool:
    """Whether the shorthand would accept the node as what stands behind a field name."""
    match node:
        case Text():
            try:
                compile_type(node.value)
            except BadType:
                return False
            return True
        case Map():
            return all(
                _FIELD.fullmatch(key.value.removesuffix("?")) and could_be_fields(value) for key, value in node.entries
            )
        case Seq(items=(item,)):
            return could_be_fields(item)
    return False


def _named(word: str) -> Schema:
    if word in TYPES:
        return dict(TYPES[word])
    if word in _FOREIGN:
        raise BadType("unknown-type", f"{shown(word)} is not a type.", f"Write {_FOREIGN[word]}.")
    fix = f"The types are {', '.join(BASE_TYPES)}, and the data classes {', '.join(DATA_CLASSES)}."
    raise BadType("unknown-type", f"{shown(word)} is not a type.", fix, word)


def _enum(core: str) -> Schema:
    values = [value.strip() for value in core.split("|")]
    if not all(_ENUM_VALUE.fullmatch(value) for value in values):
        raise BadType("unknown-type", f"{shown(core)}: the values of a choice are words of letters, digits, `_ . : -`.")
    if len(set(values)) < len(values):
        raise BadType("unknown-type", f"{shown(core)} names a value twice.")
    if types := [value for value in values if value in BASE_TYPES]:
        message = f"{shown(core)}: {types[0]} is a type, and a choice is between texts."
        raise BadType("ambiguous-type", message, "Use `any`, or JSON Schema's anyOf for a choice of types.")
    return {"type": "string", "enum": values}
