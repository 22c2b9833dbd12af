"""A form's data to nodes: plain Python values, flat or nested, where types may be written in shorthand."""

from __future__ import annotations

from typing import Any

from .findings import Findings
from .nodes import MAX_DEPTH, MAX_NODES, NOWHERE, Literal, Map, Node, Seq, Text, shown
from .sources import MAX_BYTES, describe_forbidden, find_forbidden
from .trees import Unreadable, make_map


def read_form(data: dict[str, Any], findings: Findings) -> Node | None:
    """The tree of a form. Empty texts and None count as not filled in; ``auth.type`` is a nested key."""
    try:
        reader = _FormReader(findings)
        return reader.map(_nest(data), 1, top=True)
    except Unreadable as problem:
        findings.add(problem.code, problem, message=problem.message, fix=problem.fix)
        return None


class _FormReader:
    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.count = 0
        self.size = 0

    def node(self, value: Any, depth: int) -> Node:
        self.count += 1
        if self.count > MAX_NODES:
            raise Unreadable("too-many-values", NOWHERE)
        if depth > MAX_DEPTH:
            raise Unreadable("too-deep", NOWHERE)
        match value:
            case dict():
                return self.map(value, depth)
            case list() | tuple():
                return Seq(tuple(self.node(item, depth + 1) for item in value))
            case bool() | int() | float() | None:
                return Literal(value, str(value).lower() if isinstance(value, bool) else f"{value}"[:60])
            case str():
                return self.text(value)
        raise Unreadable("wrong-shape", NOWHERE, f"A form holds no {type(value).__name__}.")

    def map(self, value: dict[Any, Any], depth: int, *, top: bool = False) -> Map:
        pairs = []
        for key, part in value.items():
            if top and (part is None or (isinstance(part, str) and not part.strip())):
                continue
            name = Text(key) if isinstance(key, str) else Literal(None, "null")
            pairs.append((name, self.node(part, depth + 1)))
        return make_map(pairs, NOWHERE, self.problem)

    def text(self, value: str) -> Node:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
        self.size += len(value)
        if self.size > MAX_BYTES:
            raise Unreadable("too-large", NOWHERE)
        if bad := find_forbidden(value):
            self.problem("encoding", NOWHERE, describe_forbidden(bad))
            return Text("")
        return Text(value, style="form")

    def problem(self, code: str, where: Any, message: str) -> None:
        self.findings.add(code, where, message=message)


def _nest(data: dict[Any, Any]) -> dict[Any, Any]:
    """``auth.type`` and ``actions.0.id`` as nested values; only the keys of the form itself are split."""
    whole: dict[Any, Any] = {}
    split: dict[str, Any] = {}
    for key, value in data.items():
        if not isinstance(key, str) or "." not in key:
            whole[key] = value
        elif not isinstance(value, str) or value.strip():
            _put(split, key, value)
    if both := sorted(whole.keys() & split.keys()):
        raise Unreadable("duplicate-key", NOWHERE, f"{shown(both[0])} is given as a whole and in parts.")
    return whole | {key: _as_lists(value) for key, value in split.items()}


class _Split(dict[str, Any]):
    """A map made of dotted names, and so never one that the caller gave."""


def _put(place: dict[str, Any], key: str, value: Any) -> None:
    *parts, last = key.split(".")
    if len(parts) > MAX_DEPTH:
        raise Unreadable("too-deep", NOWHERE)
    for part in parts:
        below = place.setdefault(part, _Split())
        if not isinstance(below, _Split):
            raise Unreadable("duplicate-key", NOWHERE, f"{shown(part)} is given as a whole and in parts.")
        place = below
    if last in place:
        raise Unreadable("duplicate-key", NOWHERE, f"{shown(key)} is given twice.")
    place[last] = value


def _as_lists(value: Any) -> Any:
    """Split maps whose keys count from 0 without a gap are lists; statuses such as 401 stay keys."""
    if not isinstance(value, _Split):
        return value
    count = len(value)
    if value.keys() == {str(at) for at in range(count)}:
        return [_as_lists(value[str(at)]) for at in range(count)]
    return {key: _as_lists(part) for key, part in value.items()}
