"""What a value can be, read from its JSON Schema: always all that the schema takes, at times more, never less.

So what is told of a shape holds for every value: a field that no value of it can have, a schema that none can fit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jsonschema_rs import ReferencingError, ValidationError

from .schemas import validator
from .suggest import nearest

Schema = dict[str, Any]
SCALARS = frozenset({"null", "boolean", "number", "string"})
KINDS = SCALARS | {"array", "object"}
WORDS = {
    "null": "nothing",
    "boolean": "true or false",
    "number": "a number",
    "string": "a text",
    "array": "a list",
    "object": "an object",
}
MOST_VALUES = 50  # of an enumeration that is kept value by value
_MOST_LEVELS = 24
_KIND_OF_TYPE = {"integer": "number"}


@dataclass(frozen=True)
class Shape:
    """Values that are possible. ``kinds`` are their JSON types (an integer is a number); none for what cannot be.

    ``values`` are all single values there can be, None where they are not known one by one. Of objects: ``fields``,
    those that are always there in ``required``; with ``is_open`` there may be others, which are ``extra`` (None:
    anything), and with ``is_declared`` none that anybody promised. Of lists: ``items`` (None: anything) and how many
    there are at least. ``why`` says of nothing possible what makes it so.
    """

    kinds: frozenset[str]
    values: tuple[Any, ...] | None = None
    fields: Mapping[str, Shape] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    is_open: bool = True
    is_declared: bool = False
    extra: Shape | None = None
    items: Shape | None = None
    least: int = 0
    why: str = ""

    @property
    def words(self) -> str:
        """For a sentence: a text, a list, or nothing."""
        told = [kind for kind in WORDS if kind in self.kinds and (kind != "null" or self.is_nothing)]
        return " or ".join(WORDS[kind] for kind in told)

    @property
    def is_nothing(self) -> bool:
        """Whether it is always null, as what finds nothing is."""
        return self.kinds == {"null"}


ANY = Shape(KINDS)
NOTHING = Shape(frozenset({"null"}), values=(None,))
BOOLEAN = Shape(frozenset({"boolean"}))
NUMBER = Shape(frozenset({"number"}))
TEXT = Shape(frozenset({"string"}))
OBJECT = Shape(frozenset({"object"}), values=())


def never(why: str) -> Shape:
    return Shape(frozenset(), values=(), why=why)


def list_of(items: Shape | None, least: int = 0) -> Shape:
    return Shape(frozenset({"array"}), values=(), items=items, least=least)


def object_of(fields: Mapping[str, Shape]) -> Shape:
    """An object of exactly these fields."""
    return Shape(frozenset({"object"}), values=(), fields=fields, required=frozenset(fields), is_open=False)


def of_value(value: Any) -> Shape:
    if isinstance(value, dict):
        return object_of({name: of_value(part) for name, part in value.items()})
    if isinstance(value, list):
        return list_of(joined(map(of_value, value)) if value else None, len(value))
    return Shape(frozenset({kind_of(value)}), values=(value,))


def kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def of_schema(schema: Any, root: Schema | None = None, level: int = 0) -> Shape:
    """``root`` is the whole that references lead into; the schema itself when left out."""
    if root is None:
        root = schema if isinstance(schema, dict) else {}
    if schema is False:
        return never("nothing fits it")
    if not isinstance(schema, dict) or level > _MOST_LEVELS:
        return ANY
    shape = _own(schema, root, level)
    if ref := schema.get("$ref"):
        shape = met(shape, of_schema(dereferenced(ref, root), root, level + 1))
    for part in schema.get("allOf", ()):
        shape = met(shape, of_schema(part, root, level + 1))
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            shape = met(shape, joined(of_schema(part, root, level + 1) for part in schema[keyword]))
    return shape


def dereferenced(ref: str, root: Schema) -> Any:
    return root.get("$defs", {}).get(ref.removeprefix("#/$defs/"), {})


def _own(schema: Schema, root: Schema, level: int) -> Shape:
    """By the keywords of the schema itself."""
    said = schema.get("type", list(KINDS))
    given: list[str] = said if isinstance(said, list) else [said]
    kinds = frozenset(_KIND_OF_TYPE.get(one, one) for one in given)
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values is not None:
        return Shape(kinds) if len(values) > MOST_VALUES else met(Shape(kinds), joined(map(of_value, values)))
    properties = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    is_loose = "patternProperties" in schema
    items = schema.get("items") if "prefixItems" not in schema else None
    return Shape(
        kinds,
        values=() if not kinds & SCALARS else (None,) if kinds & SCALARS == {"null"} else None,
        fields={name: of_schema(part, root, level + 1) for name, part in properties.items()},
        required=frozenset(schema.get("required", ())),
        is_open=rest is not False or is_loose,
        is_declared=bool(properties) and rest is None and not is_loose and not _MORE & schema.keys(),
        extra=of_schema(rest, root, level + 1) if isinstance(rest, dict) and not is_loose else None,
        items=of_schema(items, root, level + 1) if items is not None else None,
        least=schema.get("minItems", 0),
    )


_MORE = {"allOf", "anyOf", "oneOf", "$ref", "if", "then", "else", "not", "dependentSchemas", "unevaluatedProperties"}


def joined(shapes: Iterable[Shape]) -> Shape:
    """What is one of them or another."""
    result: Shape | None = None
    for shape in shapes:
        result = shape if result is None else _either(result, shape)
    return result or never("there is nothing to choose from")


def _either(one: Shape, other: Shape) -> Shape:
    if not one.kinds or not other.kinds:
        return other if not one.kinds else one
    objects = [shape for shape in (one, other) if "object" in shape.kinds]
    lists = [shape for shape in (one, other) if "array" in shape.kinds]
    shape = Shape(one.kinds | other.kinds, values=_both_values(one, other))
    if len(objects) == 1:
        whole = objects[0]
        shape = replace(
            shape, fields=whole.fields, required=whole.required, is_open=whole.is_open, is_declared=whole.is_declared,
            extra=whole.extra,
        )  # fmt: skip
    elif objects:
        is_open = one.is_open or other.is_open
        extras = [shape.extra for shape in objects if shape.is_open]
        shape = replace(
            shape,
            fields={name: joined(_at(part, name) for part in objects) for name in {**one.fields, **other.fields}},
            required=one.required & other.required,
            is_open=is_open,
            is_declared=is_open and all(part.is_declared or not part.is_open for part in objects),
            extra=None if None in extras else joined(part for part in extras if part is not None) if extras else None,
        )
    if lists:
        items = [part.items for part in lists]
        known = [part for part in items if part is not None]
        shape = replace(
            shape, items=joined(known) if len(known) == len(items) else None, least=min(part.least for part in lists)
        )
    return shape


def _at(shape: Shape, name: str) -> Shape:
    """The field where it is there at all."""
    if name in shape.fields:
        return shape.fields[name]
    return (shape.extra or ANY) if shape.is_open else never("it is not there")


def _both_values(one: Shape, other: Shape) -> tuple[Any, ...] | None:
    if one.values is None or other.values is None:
        return None
    found = {json.dumps(value): value for value in (*one.values, *other.values)}
    return tuple(found.values()) if len(found) <= MOST_VALUES else None


def met(one: Shape, other: Shape) -> Shape:
    """What is both of them, as far as that is easily told."""
    kinds = one.kinds & other.kinds
    if not kinds:
        return never(one.why or other.why or "no value is of both kinds")
    given = [part for part in (one.values, other.values) if part is not None]
    values = None if not given else tuple(value for value in min(given, key=len) if kind_of(value) in kinds)
    left = frozenset(kind_of(value) for value in values) | (kinds - SCALARS) if values is not None else kinds
    fields = {name: met(_at(one, name), _at(other, name)) for name in {**one.fields, **other.fields}}
    extras = [part.extra for part in (one, other) if part.extra is not None]
    items = [part.items for part in (one, other) if part.items is not None]
    return Shape(
        left,
        values=values,
        fields=fields,
        required=one.required | other.required,
        is_open=one.is_open and other.is_open,
        is_declared=one.is_declared or other.is_declared,
        extra=extras[0] if extras else None,
        items=(met(*items) if len(items) == 2 else items[0]) if items else None,
        least=max(one.least, other.least),
        why="" if left else "no value is of both kinds",
    )


def truthy(shape: Shape) -> Shape:
    """What of it JMESPath takes for true: all but null, false, and what is empty."""
    kinds, values = shape.kinds - {"null"}, shape.values
    if values is not None:
        values = tuple(value for value in values if value is not None and value is not False and value != "")
        kinds = frozenset(kind_of(value) for value in values) | (kinds - SCALARS)
    return replace(shape, kinds=kinds, values=values, least=max(shape.least, 1) if "array" in kinds else shape.least)


def can_be_false(shape: Shape) -> bool:
    if shape.values is None and shape.kinds & SCALARS - {"number"}:
        return True
    if any(value is None or value is False or value == "" for value in shape.values or ()):
        return True
    return ("array" in shape.kinds and not shape.least) or ("object" in shape.kinds and not shape.required)


def falsy(shape: Shape) -> Shape:
    """What of it JMESPath takes for false."""
    values = (None, False, "") if shape.values is None else shape.values
    kept = tuple(
        value for value in values if kind_of(value) in shape.kinds and (value is None or value is False or value == "")
    )
    kinds = {kind_of(value) for value in kept}
    kinds |= {"array"} if "array" in shape.kinds and not shape.least else set()
    kinds |= {"object"} if "object" in shape.kinds and not shape.required else set()
    return Shape(frozenset(kinds), values=kept, items=shape.items)


@dataclass(frozen=True)
class Mismatch:
    """Why no value of a shape fits a schema: the dotted place, "" for the whole, and a sentence with what to do."""

    place: str
    sentence: str
    fix: str = ""
    code: str = "wrong-type"


def mismatch(shape: Shape, schema: Any, root: Schema, *, filled: bool = False) -> Mismatch | None:
    """Why nothing of ``shape`` can fit ``schema``; None where something does, or nobody can tell.

    With ``filled`` lists count as not empty: what is told then is wrong as soon as there is an entry.
    """
    return next(_mismatches(shape, schema, root, filled, 0), None)


def _mismatches(shape: Shape, schema: Any, root: Schema, filled: bool, level: int) -> Iterator[Mismatch]:
    if not shape.kinds or not isinstance(schema, dict) or level > _MOST_LEVELS:
        return
    if ref := schema.get("$ref"):
        yield from _mismatches(shape, dereferenced(ref, root), root, filled, level + 1)
    for part in schema.get("allOf", ()):
        yield from _mismatches(shape, part, root, filled, level + 1)
    for keyword in ("anyOf", "oneOf"):
        reasons = [next(_mismatches(shape, part, root, filled, level + 1), None) for part in schema.get(keyword, ())]
        if reasons and reasons[0] and all(reasons):
            yield reasons[0] if len(reasons) == 1 else _other_than(shape, of_schema(schema, root))
    wanted = _own(schema, root, level)
    reasons = []
    if scalars := shape.kinds & SCALARS:
        reasons.append(_of_scalars(replace(shape, kinds=scalars), wanted, schema, root))
    if "array" in shape.kinds:
        reasons.append(_of_list(shape, wanted, schema, root, filled, level))
    if "object" in shape.kinds:
        reasons.append(_of_object(shape, wanted, schema, root, filled, level))
    told = [reason for reason in reasons if reason is not None]
    if len(told) == len(reasons):
        yield told[0] if len(told) == 1 else _other_than(shape, wanted)


def _of_scalars(shape: Shape, wanted: Shape, schema: Schema, root: Schema) -> Mismatch | None:
    if shape.values is None:
        return None if shape.kinds & wanted.kinds else _other_than(shape, wanted)
    if not any(kind_of(value) in wanted.kinds for value in shape.values):
        return _other_than(shape, wanted)
    own = {key: part for key, part in schema.items() if key != "$ref"}
    try:
        judge = validator({**own, "$defs": root.get("$defs", {})})
    except (ValidationError, ReferencingError, ValueError):
        return None
    if any(judge.is_valid(value) for value in shape.values):
        return None
    choices = [value for value in wanted.values or () if value is not None]
    demand = f"one of {', '.join(map(str, choices))[:200]}" if choices else "another one"
    return Mismatch("", f"This is {_shown(shape.values)}, and {demand} is expected.", "Choose a value that is taken.")


def _of_list(shape: Shape, wanted: Shape, schema: Schema, root: Schema, filled: bool, level: int) -> Mismatch | None:
    if "array" not in wanted.kinds:
        return _other_than(shape, wanted)
    if (shape.least or filled) and shape.items is not None and "prefixItems" not in schema:
        reason = next(_mismatches(shape.items, schema.get("items"), root, filled, level + 1), None)
        if reason:
            return replace(reason, place=f"[].{reason.place}".rstrip("."))
    return None


def _of_object(shape: Shape, wanted: Shape, schema: Schema, root: Schema, filled: bool, level: int) -> Mismatch | None:
    if "object" not in wanted.kinds:
        return _other_than(shape, wanted)
    properties = schema.get("properties", {})
    for name in sorted(wanted.required):
        if name not in shape.fields and not shape.is_open:
            sentence = "This field is needed, and nothing is given for it."
            return Mismatch(name, sentence, "Say what it takes.", "missing-input")
    is_closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
    for name in sorted(shape.required & shape.fields.keys()):
        if name in properties:
            reason = next(_mismatches(shape.fields[name], properties[name], root, filled, level + 1), None)
            if reason:
                return replace(reason, place=f"{name}.{reason.place}".rstrip("."))
        elif is_closed:
            return Mismatch(name, "There is no such field.", closest(name, properties), "unknown-input")
    return None


def _other_than(shape: Shape, wanted: Shape) -> Mismatch:
    sentence = f"This is {shape.words}, and {wanted.words or 'something else'} is expected."
    return Mismatch("", sentence, f"Choose {wanted.words or 'something else'}.")


def closest(name: str, known: Iterable[str]) -> str:
    """What to do about a name that is none of ``known``."""
    names = list(known)
    if close := nearest(name, names):
        return f"Did you mean {close}?"
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"There are: {listed}." if names else "There are none."


def _shown(values: tuple[Any, ...]) -> str:
    """The value of a single choice; what a manifest says is no secret."""
    return json.dumps(values[0], ensure_ascii=False)[:80] if len(values) == 1 else "one of several values"
