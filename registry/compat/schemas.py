"""Two JSON Schemas compared: does the later one take what the earlier took (inputs), or give what it gave (outputs)?

Keywords whose meaning hangs together (anyOf, if, unevaluatedProperties and their like) are not taken apart: where one
differs, nothing is promised, and the change counts as a break. The promise is tried against a validator in
tests/registry/compat/test_schemas.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from .reasons import Reason, reason

Schema = Any  # an object, or true and false

_NOTES = frozenset({
    "$schema", "$comment", "title", "description", "examples", "default", "deprecated", "readOnly", "writeOnly",
    "x-data-class", "contentEncoding", "contentMediaType",
})  # fmt: skip
# Keywords that bound a value: the smaller, or the larger, the number, the fewer values fit.
_LESS_IS_NARROWER = frozenset({
    "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains",
})  # fmt: skip
_MORE_IS_NARROWER = frozenset({
    "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties",
})  # fmt: skip
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


class Words(NamedTuple):
    """How the differences of one direction are called; each a code, what is said of a place, or both."""

    removed: str
    required: str
    optional: str
    added: str
    retyped: str
    narrowed: str
    widened: str
    closed: str


_IN = Words(
    "input-removed", "input-required", "input-widened", "input-added", "input-retyped", "input-narrowed",
    "input-widened", "input-closed",
)  # fmt: skip
_OUT = Words(
    "output-removed", "output-narrowed", "output-optional", "output-added", "output-retyped", "output-narrowed",
    "output-widened", "output-narrowed",
)  # fmt: skip


def compare_inputs(before: Schema, after: Schema, path: str = "inputs") -> Iterator[Reason]:
    """Why a call that fitted ``before`` may not fit ``after`` (major), and what ``after`` takes besides (minor)."""
    yield from _Comparison(before, after, _IN).at(before, after, path)


def compare_outputs(before: Schema, after: Schema, path: str = "outputs") -> Iterator[Reason]:
    """Why ``after`` may surprise a reader of what ``before`` promised (major), and what comes besides (minor)."""
    yield from _Comparison(before, after, _OUT).at(before, after, path)


class BrokenField(NamedTuple):
    """A field that calls gave or readers read. ``how`` is "gone", "needed" (each call must give it), "optional" (it may
    be missing) or "retyped" (another value is taken, or comes)."""

    is_input: bool
    name: str
    how: str


def breaks_by_name(before: Schema, after: Schema, *, is_input: bool) -> list[BrokenField]:
    """The described names whose difference counts as a major step, in the order ``before`` describes them, then what is
    newly needed. A name that goes from inputs that are open still fits, and so is no break of a call."""
    one = _Comparison(before, after, _IN if is_input else _OUT)
    old, new = one._plain(before, 0), one._plain(after, 1)
    is_open = is_input and new.get("additionalProperties", True) is not False
    described = list(old.get("properties", {}))
    further = sorted({*new.get("properties", {}), *old.get("required", ()), *new.get("required", ())} - {*described})
    found = []
    for name in (*described, *further):
        reasons = [each for each in one.of_name(name, old, new, name) if each.level == "major"]
        own = {each.code for each in reasons if each.path == name}
        hows = [how for code, how in _HOWS.items() if code in own and not (how == "gone" and is_open)]
        if own - _HOWS.keys() or any(each.path != name for each in reasons):
            hows.append("retyped")
        found += [BrokenField(is_input, name, how) for how in hows]
    return found


# Of a name itself; what is within it counts as another value.
_HOWS = {"input-removed": "gone", "output-removed": "gone", "input-required": "needed", "output-optional": "optional"}


class _Comparison:
    def __init__(self, before: Schema, after: Schema, words: Words) -> None:
        self.roots = (before, after)
        self.words = words
        self.is_input = words is _IN

    def at(self, before: Schema, after: Schema, path: str, depth: int = 0) -> Iterator[Reason]:
        old, new = self._plain(before, 0), self._plain(after, 1)
        if depth > 60 or (_bare(old) == _bare(new) and not _has_refs(old)):
            return
        types = _types_of(old), _types_of(new)
        if types[0] != types[1]:
            yield from self._types(*types, path)
            if not (types[0] & types[1] or _covers(*types) or _covers(*reversed(types))):
                return
        yield from self._values(old, new, path)
        yield from self._bounds(old, new, path)
        yield from self._properties(old, new, path, depth)
        yield from self._items(old, new, path, depth)
        yield from self._rest(old, new, path)

    def _plain(self, schema: Schema, which: int) -> dict[str, Any]:
        """As an object, with a bare reference followed; references lead in no circle."""
        if schema is True or not isinstance(schema, dict):
            return {} if schema is not False else {"not": {}}
        root = self.roots[which]
        while set(schema) - _NOTES == {"$ref"}:
            name = schema["$ref"].removeprefix("#/$defs/")
            found = root.get("$defs", {}).get(name, {})
            schema = found if isinstance(found, dict) else {} if found else {"not": {}}
        return {key: value for key, value in schema.items() if key != "$defs"}

    def _types(self, old: frozenset[str], new: frozenset[str], path: str) -> Iterator[Reason]:
        said = f"{path} is {_typed(new)}, before {_typed(old)}."
        holds = _covers(new, old) if self.is_input else _covers(old, new)
        if not holds:
            yield reason(self.words.retyped, path, said)
        else:
            yield reason(self.words.widened if self.is_input else self.words.narrowed, path, said)

    def _values(self, old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Reason]:
        """The lists of values that fit; a const is a list of one."""
        before, after = _listed(old), _listed(new)
        if before == after:
            return
        lost = before - after if before is not None and after is not None else after is not None
        more = after - before if before is not None and after is not None else after is None
        if lost:
            named = f" no more: {_shown(lost)}" if isinstance(lost, frozenset) else " only from a list"
            code = "enum-narrowed" if self.is_input else "output-narrowed"
            yield reason(code, path, f"{path} takes its values{named}.")
        if more:
            named = f"also {_shown(more)}" if isinstance(more, frozenset) else "not only from its list"
            yield reason(self.words.widened, path, f"{path} takes its values {named}.")

    def _bounds(self, old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Reason]:
        for key in sorted(_LESS_IS_NARROWER | _MORE_IS_NARROWER):
            was, now = old.get(key), new.get(key)
            if was == now:
                continue
            tighter = was is None or (now is not None and (now < was if key in _LESS_IS_NARROWER else now > was))
            code = self.words.narrowed if tighter else self.words.widened
            yield reason(code, path, f"{path} has {key} {_or_none(now)}, before {_or_none(was)}.")

    def _properties(self, old: dict[str, Any], new: dict[str, Any], path: str, depth: int) -> Iterator[Reason]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() | after.keys() | needed | needs):
            yield from self.of_name(name, old, new, f"{path}.{name}", depth)
        yield from self._further(old, new, path, depth)

    def of_name(
        self, name: str, old: dict[str, Any], new: dict[str, Any], place: str, depth: int = 0
    ) -> Iterator[Reason]:
        """What differs of one name of two objects."""
        before, after = old.get("properties", {}), new.get("properties", {})
        was_needed, is_needed = (name in one.get("required", ()) for one in (old, new))
        if name in before and name not in after:
            yield reason(self.words.removed, place, f"{place} is gone.")
        elif name not in before and name in after:
            yield from self._added(place, is_required=is_needed and not was_needed)
        else:
            if name in before:
                yield from self.at(before[name], after[name], place, depth + 1)
            if is_needed != was_needed:
                yield from self._requiredness(place, is_needed)

    def _added(self, place: str, *, is_required: bool) -> Iterator[Reason]:
        if self.is_input and is_required:
            yield reason("input-required", place, f"{place} is new, and each call must give it.")
        else:
            yield reason(self.words.added, place, f"{place} is new.")

    def _requiredness(self, place: str, is_required: bool) -> Iterator[Reason]:
        code = self.words.required if is_required else self.words.optional
        if self.is_input:
            said = "must be given, before it could be left out" if is_required else "may be left out"
        else:
            said = "always comes" if is_required else "may be missing, before it always came"
        yield reason(code, place, f"{place} {said}.")

    def _further(self, old: dict[str, Any], new: dict[str, Any], path: str, depth: int) -> Iterator[Reason]:
        """Names that are not described. Closing them breaks calls; opening them no reader, who passes them by."""
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if before == after:
            return
        if before is False or after is False:
            is_closed = after is False
            code = self.words.closed if is_closed else "input-widened" if self.is_input else "output-added"
            said = "takes no further names any more" if is_closed else "takes further names"
            yield reason(code, path, f"{path} {said}.")
        else:
            yield from self.at(before, after, f"{path}.*", depth + 1)

    def _items(self, old: dict[str, Any], new: dict[str, Any], path: str, depth: int) -> Iterator[Reason]:
        if "prefixItems" in old or "prefixItems" in new:
            return  # items stands for what comes behind them; _rest looks at both
        if "items" in old or "items" in new:
            yield from self.at(old.get("items", True), new.get("items", True), f"{path}[]", depth + 1)

    def _rest(self, old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Reason]:
        """Keywords that are compared as they are written: with none of them more values fit, with another fewer may."""
        known = {"type", "enum", "const", "properties", "required", "additionalProperties", "items"}
        known |= _NOTES | _LESS_IS_NARROWER | _MORE_IS_NARROWER
        if "prefixItems" in old or "prefixItems" in new:
            known -= {"items"}
        if _whole(old) or _whole(new):
            known -= {"properties", "additionalProperties", "items"}  # what those leave over hangs on these
        if "patternProperties" in old or "patternProperties" in new:
            known -= {"properties", "additionalProperties"}
        for key in sorted((old.keys() | new.keys()) - known):
            was, now = old.get(key), new.get(key)
            if self._same(was, now):
                continue
            if key in _TWO_SIDED or (key in old and key in new):
                yield reason(self.words.retyped, path, f"{path} has another {key}.")
            elif key in old:
                yield reason(self.words.widened, path, f"{path} is not bound by {key} any more.")
            else:
                yield reason(self.words.narrowed, path, f"{path} is bound by {key}.")

    def _same(self, was: Any, now: Any) -> bool:
        """Equal as written, references written out."""
        return _bare(self._written_out(was, 0)) == _bare(self._written_out(now, 1))

    def _written_out(self, value: Any, which: int, depth: int = 0) -> Any:
        if isinstance(value, list):
            return [self._written_out(one, which, depth + 1) for one in value]
        if not isinstance(value, dict) or depth > 60:
            return value
        if isinstance(value.get("$ref"), str) and set(value) - _NOTES == {"$ref"}:
            return self._written_out(self._plain(value, which), which, depth + 1)
        return {key: self._written_out(one, which, depth + 1) for key, one in value.items()}


# Whether these admit more or fewer values depends on the keywords beside them.
_TWO_SIDED = frozenset({
    "if", "then", "else", "$ref", "properties", "additionalProperties", "items", "prefixItems", "patternProperties",
    "unevaluatedProperties", "unevaluatedItems", "contains", "minContains",
})  # fmt: skip


def _whole(schema: dict[str, Any]) -> bool:
    return "unevaluatedProperties" in schema or "unevaluatedItems" in schema


def _types_of(schema: dict[str, Any]) -> frozenset[str]:
    written = schema.get("type")
    return _TYPES if written is None else frozenset([written] if isinstance(written, str) else written)


def _covers(wide: frozenset[str], narrow: frozenset[str]) -> bool:
    return all(one in wide or (one == "integer" and "number" in wide) for one in narrow)


def _listed(schema: dict[str, Any]) -> frozenset[str] | None:
    """Values as JSON texts, so that 1 and true are two; None where any value fits."""
    found: frozenset[str] | None = None
    for values in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if values is not None:
            texts = frozenset(json.dumps(value, sort_keys=True) for value in values)
            found = texts if found is None else found & texts
    return found


def _bare(schema: Any) -> Any:
    """Without what says nothing about values. Names under properties are names, whatever they are called."""
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NOTES:
            continue
        if key in ("properties", "patternProperties", "dependentSchemas", "$defs") and isinstance(value, dict):
            found[key] = {name: _bare(one) for name, one in value.items()}
        else:
            found[key] = value if key in ("enum", "const") else _bare(value)
    return found


def _has_refs(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_refs, value))
    return isinstance(value, dict) and ("$ref" in value or any(map(_has_refs, value.values())))


def _typed(types: frozenset[str]) -> str:
    return "any value" if types == _TYPES else " or ".join(sorted(types))


def _shown(values: frozenset[str]) -> str:
    first = sorted(values)[:5]
    return ", ".join(value[:60] for value in first) + (" and others" if len(values) > len(first) else "")


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)
