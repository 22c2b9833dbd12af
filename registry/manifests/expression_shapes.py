"""What a JMESPath expression can give, by the shapes of what it reads; and the fields it reads that are not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jmespath

from .functions import GalaxyFunctions
from .value_shapes import (
    ANY,
    BOOLEAN,
    NOTHING,
    NUMBER,
    OBJECT,
    TEXT,
    WORDS,
    Shape,
    can_be_false,
    closest,
    falsy,
    joined,
    list_of,
    never,
    object_of,
    of_value,
    truthy,
)

Tree = dict[str, Any]


@dataclass(frozen=True)
class Missed:
    """A field that is read and never there. With ``is_promised`` nobody promised that it is not: others may come.

    ``place`` is what it is looked for in, as it is written."""

    place: str
    name: str
    sentence: str
    fix: str
    is_promised: bool = True


def shape_of(expression: str, scope: Shape) -> tuple[Shape, list[Missed]]:
    """What ``expression`` can give over a value of the shape ``scope``, and what it misses there.

    Nothing is possible (no kinds) where it fails whatever the value is; ``why`` of the shape says so. The expression
    is one that ``expressions.parse`` takes.
    """
    reader = _Reader()
    shape, _ = reader.visit(jmespath.compile(expression).parsed, scope, "")
    return shape, list(dict.fromkeys(reader.missed))


def shape_of_tree(tree: Any, scope: Shape) -> tuple[Shape, list[Missed]]:
    """The same of a map or list whose ends are expressions."""
    if isinstance(tree, str):
        return shape_of(tree, scope)
    if not isinstance(tree, dict | list):
        return ANY, []
    parts = [shape_of_tree(part, scope) for part in (tree.values() if isinstance(tree, dict) else tree)]
    missed = [one for _, some in parts for one in some]
    failing = next((shape for shape, _ in parts if not shape.kinds), None)
    if failing is not None:
        return failing, missed
    shapes = [shape for shape, _ in parts]
    if isinstance(tree, dict):
        return object_of(dict(zip(tree, shapes, strict=True))), missed
    return list_of(joined(shapes) if shapes else None, len(shapes)), missed


class _Reader:
    """``visit`` gives the shape of a node over a value, and the node's text where it is a plain path, else ""."""

    def __init__(self) -> None:
        self.missed: list[Missed] = []

    def visit(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        if not value.kinds:
            return value, at
        return getattr(self, f"_{node['type']}", self._unknown)(node, value, at)

    def _unknown(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        return ANY, ""

    def _field(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        name = node["value"]
        found: list[Shape] = []
        if value.kinds - {"object"}:
            found.append(NOTHING)
        if "object" in value.kinds:
            if name in value.fields:
                found.append(value.fields[name])
                if name not in value.required:
                    found.append(NOTHING)
            else:
                found += [value.extra or ANY, NOTHING] if value.is_open else [NOTHING]
                if not value.is_open or value.is_declared:
                    self._miss(at, name, value, is_promised=not value.is_open)
        elif not value.is_nothing:
            sentence = f"{_quoted(at)} is {value.words}, and has no field “{name}”."
            self.missed.append(Missed(at, name, sentence, "Leave the field out, or point at another value."))
        return joined(found), f"{at}.{name}" if at else name

    def _miss(self, at: str, name: str, value: Shape, *, is_promised: bool) -> None:
        verb = "has no" if is_promised else "does not say that it has a"
        sentence = f"{_quoted(at)} {verb} field “{name}”."
        self.missed.append(Missed(at, name, sentence, closest(name, value.fields), is_promised))

    def _subexpression(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        for child in node["children"]:
            value, at = self.visit(child, value, at)
        return value, at

    _index_expression = _subexpression
    _pipe = _subexpression

    def _index(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        found = [NOTHING]
        if "array" in value.kinds:
            found.append(value.items or ANY)
        elif not value.is_nothing:
            self._no_list(at, value)
        return joined(found), f"{at}[{node['value']}]"

    def _slice(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        if "array" not in value.kinds:
            return NOTHING, at
        return self._or_nothing(list_of(value.items), value), at

    def _projection(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        base, place = self.visit(node["children"][0], value, at)
        return self._each(base, node["children"][1], f"{place}[]"), ""

    def _filter_projection(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        base, place = self.visit(node["children"][0], value, at)
        if "array" in base.kinds:
            self.visit(node["children"][2], base.items or ANY, f"{place}[]")
        return self._each(base, node["children"][1], f"{place}[]"), ""

    def _value_projection(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        base, _ = self.visit(node["children"][0], value, at)
        if "object" not in base.kinds:
            return (NOTHING if base.kinds else base), ""
        if base.is_open:
            entries = base.extra if base.extra and not base.fields else ANY
        else:
            entries = joined(base.fields.values()) if base.fields else NOTHING
        element, _ = self.visit(node["children"][1], entries, "")
        return self._or_nothing(_gathered(element), base, "object"), ""

    def _each(self, base: Shape, right: Tree, place: str) -> Shape:
        if not base.kinds:
            return base
        if "array" not in base.kinds:
            if not base.is_nothing:
                self._no_list(place.removesuffix("[]"), base)
            return NOTHING
        element, _ = self.visit(right, base.items or ANY, place)
        return self._or_nothing(_gathered(element), base)

    def _no_list(self, place: str, value: Shape) -> None:
        sentence = f"{_quoted(place)} is {value.words}, and no list."
        self.missed.append(Missed(place, "[]", sentence, "Point at a list."))

    def _or_nothing(self, shape: Shape, base: Shape, kind: str = "array") -> Shape:
        return joined([shape, NOTHING]) if base.kinds - {kind} else shape

    def _flatten(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        base, place = self.visit(node["children"][0], value, at)
        if "array" not in base.kinds:
            if base.kinds and not base.is_nothing:
                self._no_list(place, base)
            return (NOTHING if base.kinds else base), place
        items = base.items or ANY
        inner = []
        if items.kinds - {"array"}:
            inner.append(replace(items, kinds=items.kinds - {"array"}))
        if "array" in items.kinds:
            inner.append(items.items or ANY)
        return self._or_nothing(list_of(joined(inner) if inner else None), base), place

    def _current(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        return value, at

    _identity = _current

    def _literal(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        return of_value(node["value"]), ""

    def _multi_select_list(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        shapes = [self.visit(child, value, at)[0] for child in node["children"]]
        return self._selected(shapes, list_of(joined(shapes), len(shapes)), value), ""

    def _multi_select_dict(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        parts = {child["value"]: self.visit(child["children"][0], value, at)[0] for child in node["children"]}
        return self._selected(list(parts.values()), object_of(parts), value), ""

    def _selected(self, parts: list[Shape], whole: Shape, value: Shape) -> Shape:
        """Over null it is null, without a look at its parts."""
        if value.is_nothing:
            return NOTHING
        failing = next((part for part in parts if not part.kinds), None)
        if failing is None:
            return joined([whole, NOTHING]) if "null" in value.kinds else whole
        return NOTHING if "null" in value.kinds else failing

    def _comparator(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        sides = [self.visit(child, value, at)[0] for child in node["children"]]
        if failing := next((side for side in sides if not side.kinds), None):
            return failing, ""
        if node["value"] in ("eq", "ne"):
            return BOOLEAN, ""
        return joined([BOOLEAN, NOTHING]), ""

    def _or_expression(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        return self._chosen(node, value, at, truthy, can_be_false)

    def _and_expression(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        return self._chosen(node, value, at, falsy, lambda shape: bool(truthy(shape).kinds))

    def _chosen(
        self, node: Tree, value: Shape, at: str, kept: Callable[[Shape], Shape], goes_on: Callable[[Shape], bool]
    ) -> tuple[Shape, str]:
        first, _ = self.visit(node["children"][0], value, at)
        if not first.kinds:
            return first, ""
        second, _ = self.visit(node["children"][1], value, at)
        stays = kept(first)
        if not goes_on(first):
            return stays, ""
        return (joined([stays, second]) if stays.kinds else second), ""

    def _not_expression(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        shape, _ = self.visit(node["children"][0], value, at)
        return (BOOLEAN if shape.kinds else shape), ""

    def _function_expression(self, node: Tree, value: Shape, at: str) -> tuple[Shape, str]:
        name = node["value"]
        arguments: list[Shape | None] = []
        for child in node["children"]:
            if child["type"] == "expref":
                arguments.append(None)
            else:
                arguments.append(self.visit(child, value, at)[0])
        if failing := next((one for one in arguments if one is not None and not one.kinds), None):
            return failing, ""
        return _result(name, arguments) if (why := _refused(name, arguments)) is None else never(why), ""


def _gathered(element: Shape) -> Shape:
    """The list that a projection makes of what it gives for each entry: nulls are left out."""
    kinds = element.kinds - {"null"}
    values = None if element.values is None else tuple(value for value in element.values if value is not None)
    return list_of(replace(element, kinds=kinds, values=values) if kinds else None)


def _refused(name: str, arguments: list[Shape | None]) -> str | None:
    """Why the function cannot be called so, whatever the values are."""
    signature = GalaxyFunctions.FUNCTION_TABLE[name]["signature"]
    is_variadic = bool(signature) and signature[-1].get("variadic")
    if len(arguments) < len(signature) or (len(arguments) > len(signature) and not is_variadic):
        return f"{name}() takes {len(signature)} values, and is given {len(arguments)}."
    for at, argument in enumerate(arguments):
        wanted = {one.partition("-")[0] for one in signature[min(at, len(signature) - 1)]["types"]}
        if wanted and argument is not None and not wanted & argument.kinds:
            taken = " or ".join(WORDS.get(one, one) for one in sorted(wanted - {"null"} or wanted))
            return f"{name}() takes {taken}, and is given {argument.words}."
    return None


def _result(name: str, arguments: list[Shape | None]) -> Shape:
    first = (arguments[0] if arguments else None) or ANY
    if name in _RESULTS:
        return _RESULTS[name]
    match name:
        case "not_null":
            return joined([*(replace(one, kinds=one.kinds - {"null"}) for one in arguments if one), NOTHING])
        case "to_array":
            return joined([list_of(None), replace(first, kinds=first.kinds & {"array"})])
        case "sort" | "sort_by":
            given = first if "array" in first.kinds else ANY
            return list_of(given.items, first.least)
        case "reverse":
            return replace(first, kinds=first.kinds & {"array", "string"}, values=None)
        case "map":
            return list_of(None)
    return ANY


_MAYBE_TEXT = joined([TEXT, NOTHING])
_RESULTS = {
    **dict.fromkeys(("abs", "ceil", "floor", "length", "sum"), NUMBER),
    **dict.fromkeys(("avg", "to_number"), joined([NUMBER, NOTHING])),
    **dict.fromkeys(("max", "min"), joined([NUMBER, TEXT, NOTHING])),
    **dict.fromkeys(("contains", "ends_with", "starts_with"), BOOLEAN),
    **dict.fromkeys(("join", "to_string", "type", "fake_id", "base64url", "email_message", "now"), TEXT),
    **dict.fromkeys(("lower", "upper", "title", "slug"), _MAYBE_TEXT),
    "keys": list_of(TEXT),
    "values": list_of(None),
    "merge": OBJECT,
}


def _quoted(place: str) -> str:
    return f"`{place}`" if place else "This"
