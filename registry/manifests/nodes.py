"""The tree every way in produces: texts, literals, maps and lists that remember where they stood.

Nothing is typed by how it looks. A YAML scalar stays a ``Text`` until the place where it stands asks for a number, a
flag or free JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from .findings import Findings

MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_SAFE_INTEGER = 2**53 - 1  # RFC 7493 section 2.2
MAX_NUMBER_CHARS = 40


@dataclass(frozen=True, slots=True)
class Mark:
    line: int = 0
    column: int = 0


NOWHERE = Mark()


@dataclass(frozen=True, slots=True)
class Text:
    """``style``: plain (a bare YAML scalar), quoted (certainly a text), form (typed into a form field). ``is_folded``:
    it stands on several lines, so that where a sign of the value stands cannot be counted from where it begins."""

    value: str
    line: int = 0
    column: int = 0
    style: str = "quoted"
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    """A JSON number, boolean or null; ``source`` is how it was written."""

    value: int | float | bool | None
    source: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Map:
    entries: tuple[tuple[Text, Node], ...]
    line: int = 0
    column: int = 0

    def get(self, name: str) -> Node | None:
        return next((value for key, value in self.entries if key.value == name), None)

    def names(self) -> list[str]:
        return [key.value for key, _ in self.entries]


@dataclass(frozen=True, slots=True)
class Seq:
    items: tuple[Node, ...]
    line: int = 0
    column: int = 0


Node: TypeAlias = Text | Literal | Map | Seq

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
# Forms that YAML 1.1, YAML 1.2 or JSON take for a number while another of them does not.
_DISPUTED = re.compile(
    r"[-+]?(?:0[0-9_]+|0[xob][0-9a-fA-F_]+|[0-9][0-9_]*_[0-9_]*|[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?"
    r"|[0-9]*\.?[0-9]*[eE][-+]?[0-9]+|\.[0-9][0-9_]*|[0-9]+\.|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
    r"|\+[0-9][0-9_]*(?:\.[0-9]*)?|-\.[0-9]+",
    re.ASCII,
)
_WORDS = {"true": True, "false": False, "null": None}


def looks_like_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text) or _DISPUTED.fullmatch(text))


def plain_json(node: Node, findings: Findings, path: str = "") -> Any:
    """The node as free JSON, for places where a manifest carries data (bodies of fixtures, schema values).

    Bare ``true``, ``false``, ``null`` and decimal numbers are what they say; ``no``, ``on`` and dates are texts.
    Numbers that are whole become integers, so that 1.0 and 1 have one digest.
    """
    match node:
        case Map():
            return {key.value: plain_json(value, findings, f"{path}.{key.value}") for key, value in node.entries}
        case Seq():
            return [plain_json(item, findings, f"{path}[{at}]") for at, item in enumerate(node.items)]
        case Literal():
            return exact_number(node.value, node, findings, path)
        case Text(style="plain"):
            if node.value in _WORDS:
                return _WORDS[node.value]
            if not node.value:
                return None
            if _NUMBER.fullmatch(node.value):
                return parse_number(node.value, node, findings, path)
            if _DISPUTED.fullmatch(node.value):
                findings.add(
                    "ambiguous-value",
                    node,
                    path,
                    f"YAML versions disagree whether {shown(node.value)} is a number or a text.",
                )
            return node.value
        case Text():
            return node.value


def parse_number(source: str, where: Any, findings: Findings, path: str = "") -> int | float:
    """A decimal number by JSON's grammar; beyond what a double holds exactly it becomes a finding and 0."""
    # int() of a very long text is refused by Python itself, so the length is looked at first.
    if len(source) > MAX_NUMBER_CHARS:
        findings.add("number-range", where, path)
        return 0
    value = float(source) if any(letter in source for letter in ".eE") else int(source)
    return exact_number(value, where, findings, path)


def exact_number(value: Any, where: Any, findings: Findings, path: str = "") -> Any:
    if isinstance(value, bool) or value is None:
        return value
    # A comparison with NaN is always false, so NaN lands here as well.
    if not abs(value) <= MAX_SAFE_INTEGER:
        findings.add("number-range", where, path)
        return 0
    return int(value) if value == int(value) else value


def shown(text: str, limit: int = 60) -> str:
    """A value quoted for a message: one line, cut short, nothing unprintable."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text[: limit + 1])
    return f"'{clean[:limit]}…'" if len(text) > limit else f"'{clean}'"
