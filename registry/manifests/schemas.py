"""Full JSON Schema 2020-12 inside manifests: what is accepted of it, and the one way to make a validator."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import jsonschema_rs

from .findings import Findings
from .nodes import Map, Node, Seq, Text, plain_json, shown
from .suggest import nearest
from .types import DATA_CLASSES, compile_fields, could_be_fields

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MOST_KEYWORDS = 64  # of a map that is taken for JSON Schema with a slip in it; more keys are fields
MAX_PATTERN = 200
MAX_EXPANDED = 10_000
JSON_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})

_SCHEMA_MAPS = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
_SCHEMA_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMAS = frozenset({
    "items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else",
    "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
_PLAIN = frozenset({
    "$schema", "$ref", "$comment", "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum",
    "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains",
    "minContains", "maxProperties", "minProperties", "required", "dependentRequired", "title", "description",
    "default", "deprecated", "readOnly", "writeOnly", "examples", "format", "contentEncoding", "contentMediaType",
    "x-data-class",
})  # fmt: skip
KEYWORDS = _SCHEMA_MAPS | _SCHEMA_LISTS | _SCHEMAS | _PLAIN
# Identifiers and dynamic references let one schema mean another; nothing a manifest needs uses them.
_REFUSED = frozenset({"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"})
# The regex crate: linear time, and this bounds what one pattern may compile to.
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=200_000)


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """A validator by the rules of manifests: formats are checked, patterns run in linear time, nothing is fetched."""
    return jsonschema_rs.Draft202012Validator(
        schema, validate_formats=True, pattern_options=_PATTERNS, retriever=_refuse_retrieval
    )


def read_schema(node: Node, findings: Findings, path: str, *, closed: bool) -> dict[str, Any]:
    """The schema of an action's inputs or outputs: the shorthand's map of fields, or full JSON Schema of an object."""
    if not isinstance(node, Map):
        findings.add("wrong-shape", node, path, "A map of fields is expected.", "Write { name: type, ... }.")
        return {}
    if "$schema" in node.names() or _is_object_schema(node):
        before = findings.count
        schema = read_json_schema(node, findings, path)
        if schema.get("type") != "object" and findings.count == before:
            findings.add("bad-schema", node, path, "Inputs and outputs are objects.", "Say type: object at the top.")
    else:
        schema = compile_fields(node, findings, path, closed=closed)
    return {"$schema": DIALECT, **schema}


def is_json_schema(node: Map) -> bool | None:
    """Whether a map behind a field name is JSON Schema; None where it could be a map of fields just as well."""
    names = node.names()
    if "$schema" in names or "$ref" in names:
        return True
    kind = node.get("type")
    kinds = [kind] if isinstance(kind, Text) else list(kind.items) if isinstance(kind, Seq) else []
    is_typed = bool(kinds) and all(isinstance(item, Text) and item.value in JSON_TYPES for item in kinds)
    is_untyped = kind is None and any(name in ("enum", "const", "anyOf", "oneOf", "allOf") for name in names)
    if not (is_typed or is_untyped):
        return False
    if not all(name in KEYWORDS for name in names):
        # A slip in a keyword is told as such, unless the map makes sense as fields.
        is_slip = len(names) <= MOST_KEYWORDS and all(name in KEYWORDS or nearest(name, KEYWORDS) for name in names)
        return is_slip and not could_be_fields(node)
    return None if could_be_fields(node) else True


def read_field_schema(node: Map, findings: Findings, path: str) -> dict[str, Any]:
    """Full JSON Schema of one field among shorthand ones. References lead to the root, which is not the author's."""
    if "$defs" in node.names() or next(_refs(node), None) is not None:
        fix = "Describe all fields by one schema with type: object and properties, or write the part out."
        findings.add("bad-schema", node, path, "References are for whole schemas, and this is one field.", fix)
        return {}
    return read_json_schema(node, findings, path)


def read_json_schema(node: Map, findings: Findings, path: str) -> dict[str, Any]:
    """The schema without its ``$schema``; empty after a finding."""
    before = findings.count
    _check(node, node, findings, path)
    schema = plain_json(node, findings, path)
    if findings.count > before:
        return {}
    schema = normalised(schema)
    try:
        validator(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        findings.add("bad-schema", node, path, f"This is not valid JSON Schema: {_first_line(error)}")
        return {}
    return {key: value for key, value in schema.items() if key != "$schema"}


def normalised(schema: Any) -> Any:
    """Lists whose order says nothing are sorted, so that equal schemas have one digest."""
    if isinstance(schema, list):
        return [normalised(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _SCHEMA_MAPS and isinstance(value, dict):
            result[key] = {name: normalised(part) for name, part in value.items()}
        elif key in _SCHEMAS or key in _SCHEMA_LISTS:
            result[key] = normalised(value)
        elif key in ("required", "type") and isinstance(value, list) and all(isinstance(item, str) for item in value):
            result[key] = sorted(value)
        else:
            result[key] = value
    return result


def data_classes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Pairs of (path, class): ``/to/*`` is every item of the list ``to``. References are followed; none is circular.

    In names ``~`` and ``/`` are written as in a JSON pointer (RFC 6901). A class of the whole is that of every part.
    """
    yield from _classes(schema, schema, path, 0)


def _classes(schema: Any, root: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, str]]:
    if not isinstance(schema, dict) or depth > 40:
        return
    if "x-data-class" in schema:
        yield path or "/*", schema["x-data-class"]
    if ref := schema.get("$ref"):
        yield from _classes(_resolve(ref, root), root, path, depth + 1)
    for name, part in schema.get("properties", {}).items():
        yield from _classes(part, root, f"{path}/{name.replace('~', '~0').replace('/', '~1')}", depth + 1)
    for keyword in ("items", "additionalProperties", "contains", "unevaluatedItems", "unevaluatedProperties"):
        if keyword in schema:
            yield from _classes(schema[keyword], root, f"{path}/*", depth + 1)
    for part in schema.get("prefixItems", []):
        yield from _classes(part, root, f"{path}/*", depth + 1)
    for part in schema.get("patternProperties", {}).values():
        yield from _classes(part, root, f"{path}/*", depth + 1)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(keyword, []):
            yield from _classes(part, root, path, depth + 1)
    for part in schema.get("dependentSchemas", {}).values():
        yield from _classes(part, root, path, depth + 1)
    for keyword in ("if", "then", "else"):
        if keyword in schema:
            yield from _classes(schema[keyword], root, path, depth + 1)


def _check(node: Node, root: Map, findings: Findings, path: str) -> None:
    """What the meta-schema does not refuse, with the place: unknown keywords, references, patterns, data classes."""
    if not isinstance(node, Map):
        return
    for key, value in node.entries:
        name, place = key.value, f"{path}.{key.value}"
        if name in _REFUSED:
            findings.add(
                "bad-schema",
                key,
                place,
                f"The keyword {name} is not accepted.",
                "Put shared parts under $defs and refer to them by $ref.",
            )
        elif name not in KEYWORDS:
            close = findings.nearest(name, KEYWORDS)
            fix = f"Did you mean {close}?" if close else "Remove it; notes go under $comment."
            findings.add("unknown-key", key, place, f"{shown(name)} is no keyword of JSON Schema 2020-12.", fix)
        elif name == "$schema":
            if not isinstance(value, Text) or value.value.removesuffix("#") != DIALECT:
                findings.add(
                    "bad-schema", value, place, "Another dialect than draft 2020-12 is named.", f"Write {DIALECT}."
                )
        elif name == "$ref":
            _check_ref(value, root, findings, place)
        elif name == "pattern":
            _check_pattern(value, findings, place)
        elif name == "x-data-class":
            if not isinstance(value, Text) or value.value not in DATA_CLASSES:
                findings.add("unknown-class", value, place, fix=f"The classes are {', '.join(DATA_CLASSES)}.")
        elif name in _SCHEMA_MAPS and isinstance(value, Map):
            for inner, part in value.entries:
                if name == "patternProperties":
                    _check_pattern(inner, findings, f"{place}.{inner.value}")
                _check(part, root, findings, f"{place}.{inner.value}")
        elif name in _SCHEMA_LISTS and isinstance(value, Seq):
            for at, part in enumerate(value.items):
                _check(part, root, findings, f"{place}[{at}]")
        elif name in _SCHEMAS:
            _check(value, root, findings, place)
    if node is root:
        _check_cycles(root, findings, path)


def _check_ref(value: Node, root: Map, findings: Findings, path: str) -> None:
    name = value.value.removeprefix("#/$defs/") if isinstance(value, Text) else ""
    definitions = root.get("$defs")
    if not isinstance(value, Text) or not value.value.startswith("#/$defs/") or "/" in name or "~" in name:
        findings.add(
            "bad-schema",
            value,
            path,
            "A reference may only lead to #/$defs/NAME of the same schema.",
            "Copy the part under $defs.",
        )
    elif not isinstance(definitions, Map) or definitions.get(name) is None:
        findings.add("bad-reference", value, path, f"There is no {shown(name)} under $defs.")


def _check_pattern(value: Node, findings: Findings, path: str) -> None:
    if not isinstance(value, Text):
        return
    if len(value.value) > MAX_PATTERN:
        findings.add(
            "bad-pattern", value, path, f"The pattern has {len(value.value)} characters; the most is {MAX_PATTERN}."
        )
        return
    try:
        jsonschema_rs.Draft202012Validator({"pattern": value.value}, pattern_options=_PATTERNS)
    except (jsonschema_rs.ValidationError, ValueError):
        findings.add(
            "bad-pattern",
            value,
            path,
            f"The pattern {shown(value.value)} is broken, too large, or needs a backtracking engine.",
        )


def _check_cycles(root: Map, findings: Findings, path: str) -> None:
    """Definitions that lead back to themselves would let a validator run without end on some inputs."""
    definitions = root.get("$defs")
    if not isinstance(definitions, Map):
        return
    leads_to = {key.value: list(_refs(value)) for key, value in definitions.entries}
    try:
        order = list(TopologicalSorter({name: set(refs) for name, refs in leads_to.items()}).static_order())
    except CycleError as error:
        name = error.args[1][0]
        key = next((key for key, _ in definitions.entries if key.value == name), root)
        message = f"{shown(name)} refers to itself, directly or by others."
        findings.add("bad-schema", key, f"{path}.$defs.{name}", message, "Describe the levels that are used.")
        return
    # What a reference stands for counts in full, as YAML's exploding aliases would.
    sizes: dict[str, int] = {}
    for name in order:
        own = _count(definitions.get(name)) if name in leads_to else 1
        sizes[name] = own + sum(sizes[ref] for ref in leads_to.get(name, ()))
    total = sum(sizes[name] for name in _refs(root) if name in sizes)
    if total > MAX_EXPANDED:
        message = f"Written out, its references stand for {total:,} parts; the most is {MAX_EXPANDED:,}."
        findings.add(
            "bad-schema", root, f"{path}.$defs", message, "Refer to fewer definitions from within definitions."
        )


def _count(node: Node | None) -> int:
    match node:
        case Map():
            return 1 + sum(_count(value) for _, value in node.entries)
        case Seq():
            return 1 + sum(_count(item) for item in node.items)
    return 1


def _refs(node: Node) -> Iterator[str]:
    if isinstance(node, Map):
        for key, value in node.entries:
            if key.value == "$ref" and isinstance(value, Text):
                yield value.value.removeprefix("#/$defs/")
            else:
                yield from _refs(value)
    elif isinstance(node, Seq):
        for item in node.items:
            yield from _refs(item)


def _is_object_schema(node: Map) -> bool:
    kind = node.get("type")
    return isinstance(kind, Text) and kind.value == "object" and isinstance(node.get("properties"), Map)


def _resolve(ref: str, root: dict[str, Any]) -> Any:
    return root.get("$defs", {}).get(ref.removeprefix("#/$defs/"))


def _first_line(error: Exception) -> str:
    return (getattr(error, "message", None) or str(error)).splitlines()[0][:200]


def _refuse_retrieval(uri: str) -> Any:
    raise ValueError(f"{uri} would have to be fetched")
