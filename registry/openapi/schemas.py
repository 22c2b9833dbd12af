"""Schemas of OpenAPI as the JSON Schema that manifests take: references written out, circles cut, the rest told."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs

from registry.manifests.schemas import JSON_TYPES, MAX_PATTERN, validator
from registry.manifests.sources import find_forbidden
from registry.manifests.trees import MAX_KEY
from registry.openapi.losses import Losses
from registry.openapi.refs import add_lost, lookup, shown
from registry.openapi.text import plain
from registry.openapi.writing import is_plain_number

MAX_DEPTH = 9  # levels of objects within objects; a manifest's own limit counts two for each
MAX_HOPS = 40  # references within references
MAX_PARTS = 600  # schemas of one action's inputs or outputs, written out
_NUMBERS = ("multipleOf", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum")
_COUNTS = ("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties")
_LISTS = ("allOf", "anyOf", "oneOf")
_CLASS_OF_FORMAT = {"email": "email", "password": "secret"}
_BINARY = ("binary", "byte", "base64")


class SchemaWriter:
    """Converts the schemas of one action. ``is_request``: fields that only answers have are left out; and reversely."""

    def __init__(self, root: dict[str, Any], losses: Losses, *, is_request: bool) -> None:
        self.root = root
        self.losses = losses
        self.is_request = is_request
        self._parts = 0
        self._above: list[str] = []  # references on the way here, so that a circle ends

    def write(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """A JSON Schema without references; {} (anything) with a loss where it cannot be said."""
        if not isinstance(schema, dict):
            return {}
        if isinstance(ref := schema.get("$ref"), str):
            return self._referred(ref, schema, depth)
        self._parts += 1
        if self._parts > MAX_PARTS:
            self.losses.add("too-large", f"Its schema has more than {MAX_PARTS} parts; what goes beyond is any value.")
            return {}
        if depth > MAX_DEPTH:
            self.losses.add("too-deep", f"What lies deeper than {MAX_DEPTH} levels is any value.")
            return {}
        found = self._type(schema)
        found |= self._plain(schema)
        found |= self._object(schema, depth)
        found |= self._combined(schema, depth)
        if isinstance(schema.get("items"), dict):
            found["items"] = self.write(schema["items"], depth + 1)
            found.setdefault("type", "array")
        elif isinstance(schema.get("items"), list):
            self.losses.add("tuple", "A list whose items differ by place is taken as a list of any values.")
        return found

    def _referred(self, ref: str, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        if ref in self._above:
            self.losses.add("recursive-schema", f"{shown(ref)} contains itself; the inner one is any value.")
            return {}
        if len(self._above) == MAX_HOPS:
            self.losses.add("too-deep", f"What lies more than {MAX_HOPS} references away is any value.")
            return {}
        target = lookup(self.root, ref)
        if not isinstance(target, dict):
            add_lost(ref, self.losses)
            return {}
        self._above.append(ref)
        try:
            found = self.write(target, depth)
        finally:
            self._above.pop()
        if about := plain(schema.get("description")):
            found["description"] = about
        return found

    def _type(self, schema: dict[str, Any]) -> dict[str, Any]:
        said = schema.get("type")
        kinds = [said] if isinstance(said, str) else [one for one in _as_list(said) if isinstance(one, str)]
        if "file" in kinds or schema.get("format") in _BINARY:
            self.losses.add("binary", "A file or binary value is taken as text.")
            return {"type": "string"}
        if unknown := [kind for kind in kinds if kind not in JSON_TYPES]:
            self.losses.add("unknown-type", f"The type {shown(unknown[0])} is none of JSON Schema.")
        kinds = [kind for kind in kinds if kind in JSON_TYPES]
        if kinds and schema.get("nullable") is True and "null" not in kinds:
            kinds.append("null")
        return {"type": kinds[0] if len(kinds) == 1 else sorted(set(kinds))} if kinds else {}

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if about := plain(schema.get("description")):
            found["description"] = about
        for name in (*_NUMBERS, *_COUNTS):
            self._bound(name, schema, found)
        form = schema.get("format")
        if isinstance(form, str) and re.fullmatch("[a-z0-9-]{1,40}", form, re.ASCII) and form not in _BINARY:
            found["format"] = form
            if form in _CLASS_OF_FORMAT:
                found["x-data-class"] = _CLASS_OF_FORMAT[form]
        if isinstance(pattern := schema.get("pattern"), str):
            if _is_usable(pattern):
                found["pattern"] = pattern
            else:
                self.losses.add("pattern", f"The pattern {shown(pattern)} is too long or needs another engine.")
        if isinstance(values := schema.get("enum"), list) and values:
            if len(values) <= 200 and is_plain_json(values):
                found["enum"] = values
            else:
                self.losses.add("enum", "A choice with too many or unwritable values takes any value.")
        for name in ("const", "default"):
            if name in schema and is_plain_json(schema[name]):
                found[name] = schema[name]
        example = schema.get("example", next(iter(_as_list(schema.get("examples"))), None))
        if example is not None and is_plain_json(example):
            found["examples"] = [example]
        return found

    def _bound(self, name: str, schema: dict[str, Any], found: dict[str, Any]) -> None:
        value = schema.get(name)
        if isinstance(value, bool):  # 3.0: exclusiveMinimum says whether minimum is exclusive
            plain_name = name.replace("exclusiveM", "m")
            if value and plain_name in found:
                found[name] = found.pop(plain_name)
        elif isinstance(value, int | float):
            is_count = name in _COUNTS
            if not is_plain_number(value) or (is_count and (value < 0 or value != int(value))):
                self.losses.add("bound", f"{name} {value:g} is left out: it is not a number that every reader keeps.")
            else:
                found[name] = int(value) if value == int(value) else value

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        properties = schema.get("properties")
        if isinstance(properties, dict):
            found["properties"] = {}
            for name, part in properties.items():
                if self._is_other_way(part):
                    continue
                if not is_plain_key(name):
                    self.losses.add(
                        "field-name", f"The field {shown(name)} bears a name that a manifest does not take."
                    )
                    continue
                found["properties"][name] = self.write(part, depth + 1)
            found["type"] = "object"
        required = [name for name in _as_list(schema.get("required")) if isinstance(name, str)]
        known = found.get("properties", {})
        if kept := sorted({name for name in required if name in known}):
            found["required"] = kept
        further = schema.get("additionalProperties")
        if isinstance(further, dict) and further:
            found["additionalProperties"] = self.write(further, depth + 1)
        elif further is False:
            found["additionalProperties"] = False
        return found

    def _is_other_way(self, part: Any) -> bool:
        if not isinstance(part, dict):
            return False
        return part.get("readOnly" if self.is_request else "writeOnly") is True

    def _combined(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in _LISTS:
            parts = schema.get(name)
            if isinstance(parts, list) and parts:
                found[name] = [self.write(part, depth + 1) for part in parts[:50]]
        if isinstance(schema.get("not"), dict):
            found["not"] = self.write(schema["not"], depth + 1)
        if isinstance(schema.get("discriminator"), dict):
            name = plain(schema["discriminator"].get("propertyName"), 60)
            self.losses.add(
                "discriminator", f"“{name}” says which of several shapes a value has; any of them is taken instead."
            )
        return found


def merged(schema: dict[str, Any]) -> dict[str, Any]:
    """An object whose ``allOf`` are plain objects as one object, so that its fields can be told one by one."""
    parts = schema.get("allOf")
    if not parts:
        return schema
    whole = [{key: value for key, value in schema.items() if key != "allOf"}, *map(merged, parts)]
    if not all(set(part) <= {"type", "properties", "required", "description", "examples"} for part in whole):
        return schema
    properties: dict[str, Any] = {}
    for part in whole:
        properties |= part.get("properties", {})
    required = sorted({name for part in whole for name in part.get("required", ())})
    found: dict[str, Any] = {"type": "object", "properties": properties}
    return found | ({"required": required} if required else {})


def is_plain_key(name: Any) -> bool:
    """Whether a manifest takes ``name`` as a key."""
    fits = isinstance(name, str) and 0 < len(name) <= MAX_KEY and name not in ("<<", "__proto__")
    return fits and name == plain(name, MAX_KEY)


def is_plain_json(value: Any, most: int = 2_000) -> bool:
    """Whether a manifest keeps ``value`` as it is: short, without signs or numbers that readers disagree about."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return len(text) <= most and _is_plain(value, 0)


def _is_plain(value: Any, depth: int) -> bool:
    match value:
        case bool() | None:
            return True
        case int() | float():
            return is_plain_number(value)
        case str():
            return _is_clean(value)
        case list():
            return depth < MAX_DEPTH and all(_is_plain(part, depth + 1) for part in value)
    if depth >= MAX_DEPTH:
        return False
    return all(is_plain_key(key) and _is_plain(part, depth + 1) for key, part in value.items())


def _is_clean(line: str) -> bool:
    return find_forbidden(line) is None


def _is_usable(pattern: str) -> bool:
    if len(pattern) > MAX_PATTERN or not _is_clean(pattern):
        return False
    try:
        validator({"pattern": pattern})
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
