"""Made-up values that fit a schema: for fixtures and simulated answers, where the document brings no example."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs

from registry.manifests.schemas import validator

MAX_DEPTH = 6
MOST_FIELDS = 25
_BY_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:00:00Z",
    "time": "09:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/sample",
    "url": "https://example.com/sample",
    "uuid": "3f1d2c6a-5b7e-4c80-9a41-0f2e6d8b1c35",
    "hostname": "example.com",
    "ipv4": "192.0.2.10",
    "ipv6": "2001:db8::10",
}


def sample(schema: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """One value by ``schema``, as written by registry.openapi.schemas. ``name`` is the field's, for texts."""
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("oneOf", "anyOf"):
        if schema.get(key) and "properties" not in schema:
            return sample(schema[key][0], name, depth)
    if schema.get("allOf") and "properties" not in schema:
        parts = [sample(part, name, depth) for part in schema["allOf"]]
        whole = [part for part in parts if isinstance(part, dict)]
        return {key: value for part in whole for key, value in part.items()} if whole else parts[0]
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    match kind:
        case "object":
            return _object(schema, depth)
        case "array":
            count = max(1, schema.get("minItems", 1)) if depth < MAX_DEPTH else schema.get("minItems", 0)
            return [sample(schema.get("items", {}), name, depth + 1) for _ in range(min(count, 5))]
        case "boolean":
            return True
        case "integer" | "number":
            return _number(schema)
        case "null":
            return None
    return _text(schema, name)


def fits(value: Any, schema: dict[str, Any]) -> bool:
    try:
        return bool(validator(schema).is_valid(value))
    except (jsonschema_rs.ValidationError, ValueError):
        return False


def literal(value: Any) -> str:
    """The value as a JMESPath expression."""
    if isinstance(value, str) and "'" not in value and "\\" not in value and value.isprintable():
        return f"'{value}'"
    text = json.dumps(value, ensure_ascii=False).replace("`", "\\`")
    return f"`{text}`"


def _object(schema: dict[str, Any], depth: int) -> dict[str, Any]:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    names = (
        list(required) if depth >= MAX_DEPTH // 2 else [*required, *(one for one in properties if one not in required)]
    )
    return {name: sample(properties.get(name, {}), name, depth + 1) for name in names[:MOST_FIELDS]}


def _number(schema: dict[str, Any]) -> int | float:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = schema.get("multipleOf")
    value = low + 1 if low is not None else min(1, high - 1) if high is not None else 1
    if high is not None and value > high:
        value = high
    return step if step and low is None else value


def _text(schema: dict[str, Any], name: str) -> str:
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    text = (name.replace("_", "-").strip("-") or "sample")[: schema.get("maxLength", 200)]
    return text.ljust(min(schema.get("minLength", 0), 500), "x")
