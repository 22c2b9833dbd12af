"""Typed reading of nodes: small readers that take a node to canonical JSON or add a finding.

A reader is called as ``reader(node, findings, path)`` and returns the canonical value, or ``ABSENT`` after a finding.
The tables of keys (keys.py) are made of these, so what is checked and what is documented is one thing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from semantic_version import NpmSpec, Version

from . import expressions, hosts, scopes
from .findings import ABSENT, Findings
from .nodes import Literal, Map, Node, Seq, Text, looks_like_number, parse_number, plain_json, shown
from .schemas import read_schema
from .yaml_text import read_yaml

Reader = Callable[[Node, Findings, str], Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a manifest: how its value is read and what it is for. ``aliases`` are read as the same key."""

    name: str
    read: Reader
    about: str
    aliases: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A map with known keys. ``name`` is how documentation and findings call it."""

    name: str
    keys: tuple[Key, ...]

    def __call__(self, node: Node, findings: Findings, path: str) -> Any:
        node = opened(node, findings, path)
        if node is ABSENT:
            return ABSENT
        if not isinstance(node, Map):
            return findings.add(
                "wrong-shape", node, path, f"A map is expected here ({self.name}).", f"Keys: {self.listed()}."
            )
        by_name = {name: key for key in self.keys for name in (key.name, *key.aliases)}
        values: dict[str, Any] = {}
        seen: set[str] = set()
        for written, value in node.entries:
            place = f"{path}.{written.value}" if path else written.value
            key = by_name.get(written.value)
            if key is None:
                close = findings.nearest(written.value, by_name)
                fix = f"Did you mean {close}?" if close else f"Keys here: {self.listed()}."
                findings.add(
                    "unknown-key", written, place, f"{shown(written.value)} means nothing in {self.name}.", fix
                )
                continue
            if key.name in seen:
                findings.add(
                    "duplicate-key",
                    written,
                    place,
                    f"{shown(written.value)} is another name of {key.name}, which stands here too.",
                )
                continue
            seen.add(key.name)
            result = key.read(value, findings, place)
            if result is not ABSENT:
                values[key.name] = result
        for key in self.keys:
            if key.required and key.name not in seen:
                findings.add(
                    "missing-key", node, f"{path}.{key.name}".lstrip("."), f"{key.name} is missing in {self.name}."
                )
        return values

    def listed(self) -> str:
        return ", ".join(key.name for key in self.keys)


def text(limit: int = 200, *, multiline: bool = False, pattern: str | None = None, expected: str = "") -> Reader:
    def read(node: Node, findings: Findings, path: str) -> Any:
        if isinstance(node, Literal):
            if isinstance(node.value, bool) or node.value is None:
                return findings.add("wrong-shape", node, path, "A text is expected here.", "Write it in quotes.")
            return findings.add(
                "number-for-text", node, path, f"{shown(node.source)} is a number where a text is expected."
            )
        if not isinstance(node, Text):
            return findings.add("wrong-shape", node, path, "A text is expected here.", "Write one text.")
        value = node.value if multiline else node.value.strip()
        if not value:
            return findings.add("bad-value", node, path, "The text is empty.", "Write it or remove the key.")
        if len(value) > limit:
            return findings.add(
                "over-cap", node, path, f"The text has {len(value):,} characters; the most is {limit:,}.", "Shorten it."
            )
        if not multiline and "\n" in value:
            return findings.add("bad-value", node, path, "The text must be one line.", "Put it on one line.")
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            return findings.add("bad-value", node, path, f"{shown(value)} is not {expected}.", f"Write {expected}.")
        return value

    return read


def integer(low: int, high: int, unit: str = "") -> Reader:
    """A whole number. Above ``high`` is over the cap, which no manifest can raise."""

    def read(node: Node, findings: Findings, path: str) -> Any:
        value = number(node, findings, path)
        if value is ABSENT:
            return ABSENT
        if not isinstance(value, int) or value < low:
            return findings.add(
                "bad-value",
                node,
                path,
                f"A whole number from {low:,} is expected here.",
                f"Write {low:,} to {high:,}{unit}.",
            )
        if value > high:
            return findings.add("over-cap", node, path, f"{value:,}{unit} is above the cap of {high:,}{unit}.")
        return value

    return read


def number(node: Node, findings: Findings, path: str) -> Any:
    match node:
        case Literal(value=bool()) | Literal(value=None):
            pass
        case Literal():
            return node.value
        case Text(style="plain" | "form") if re.fullmatch(
            r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", node.value.strip(), re.ASCII
        ):
            return parse_number(node.value.strip(), node, findings, path)
    return findings.add(
        "wrong-shape", node, path, "A number is expected here.", "Write a plain decimal number without quotes."
    )


def flag(node: Node, findings: Findings, path: str) -> Any:
    match node:
        case Literal(value=bool()):
            return node.value
        case Text(value="true" | "false", style="plain" | "form"):
            return node.value == "true"
    return findings.add(
        "wrong-shape",
        node,
        path,
        "true or false is expected here.",
        "Write true or false; yes, no, on and off are texts.",
    )


def choice(*values: str, upper: bool = False) -> Reader:
    def read(node: Node, findings: Findings, path: str) -> Any:
        value = text()(node, findings, path)
        if value is ABSENT:
            return ABSENT
        value = value.upper() if upper else value
        if value not in values:
            close = findings.nearest(value, values)
            fix = f"Did you mean {close}?" if close else f"Write one of {', '.join(values)}."
            return findings.add("bad-value", node, path, f"{shown(value)} is not one of {', '.join(values)}.", fix)
        return value

    return read


def items(read_item: Reader, limit: int = 100, *, unique: bool = False, ordered: bool = True, least: int = 0) -> Reader:
    """A list. ``ordered=False``: the order says nothing, so it is sorted and each value kept once."""

    def read(node: Node, findings: Findings, path: str) -> Any:
        node = _opened_list(node, findings, path)
        if node is ABSENT:
            return ABSENT
        if not isinstance(node, Seq):
            return findings.add(
                "wrong-shape", node, path, "A list is expected here.", "Write [ ... ], also for a single value."
            )
        if len(node.items) > limit:
            return findings.add(
                "over-cap", node, path, f"The list has {len(node.items)} entries; the most is {limit}.", "Shorten it."
            )
        if len(node.items) < least:
            return findings.add("bad-value", node, path, f"The list needs at least {least}.", "Add an entry.")
        results = []
        for at, item in enumerate(node.items):
            value = read_item(item, findings, f"{path}[{at}]")
            if value is ABSENT:
                continue
            if value in results and unique:
                findings.add(
                    "duplicate-id", item, f"{path}[{at}]", f"{value!r:.60} stands twice in the list.", "Keep one."
                )
            elif value not in results or ordered:
                results.append(value)
        return results if ordered else sorted(results, key=_rank)

    return read


def _rank(value: Any) -> tuple[bool, Any]:
    """An order for lists whose own order says nothing: numbers, then the rest by their JSON."""
    is_number = isinstance(value, int)
    return not is_number, value if is_number else json.dumps(value, sort_keys=True)


def mapping(read_value: Reader, key: str, expected: str, limit: int = 100) -> Reader:
    """A map with free keys of one form."""

    def read(node: Node, findings: Findings, path: str) -> Any:
        node = opened(node, findings, path)
        if node is ABSENT:
            return ABSENT
        if not isinstance(node, Map):
            return findings.add("wrong-shape", node, path, "A map is expected here.", "Write { name: value }.")
        if len(node.entries) > limit:
            return findings.add(
                "over-cap", node, path, f"The map has {len(node.entries)} entries; the most is {limit}.", "Shorten it."
            )
        result = {}
        for name, value in node.entries:
            place = f"{path}.{name.value}"
            if not re.fullmatch(key, name.value, re.ASCII):
                findings.add("bad-key", name, place, f"{shown(name.value)} is not {expected}.", f"Write {expected}.")
                continue
            taken = read_value(value, findings, place)
            if taken is not ABSENT:
                result[name.value] = taken
        return result

    return read


def schema(*, closed: bool) -> Reader:
    def read(node: Node, findings: Findings, path: str) -> Any:
        node = opened(node, findings, path)
        return ABSENT if node is ABSENT else read_schema(node, findings, path, closed=closed)

    return read


def free_json(node: Node, findings: Findings, path: str) -> Any:
    return plain_json(node, findings, path)


def expression(*roots: str) -> Reader:
    """A JMESPath expression that begins at one of ``roots``; no roots: any field of the value at hand."""

    def read(node: Node, findings: Findings, path: str) -> Any:
        value = text(expressions.MAX_LENGTH)(node, findings, path)
        if value is ABSENT:
            return ABSENT
        try:
            references = expressions.parse(value)
        except expressions.BadExpression as problem:
            offset = problem.offset + (1 if isinstance(node, Text) and node.style == "quoted" else 0)
            return findings.add("bad-expression", node, path, f"{shown(value)}: {problem}", column_offset=offset)
        for root in {reference.root for reference in references} - set(roots):
            if roots:
                fix = f"Expressions here begin with {' or '.join(roots)}; a plain text is written \"'{root:.20}'\"."
                findings.add("bad-reference", node, path, f"{shown(root)} is not known in {shown(value)}.", fix)
        return value

    return read


def expression_tree(*roots: str) -> Reader:
    """One expression, or a map or list whose ends are expressions: the shape of a body or an answer."""

    def read(node: Node, findings: Findings, path: str) -> Any:
        match node:
            case Map():
                taken = {key.value: read(value, findings, f"{path}.{key.value}") for key, value in node.entries}
                return {key: value for key, value in taken.items() if value is not ABSENT}
            case Seq():
                taken_items = [read(item, findings, f"{path}[{at}]") for at, item in enumerate(node.items)]
                return [value for value in taken_items if value is not ABSENT]
        return expression(*roots)(node, findings, path)

    return read


_PART = r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*"


def name(*, dotted: bool = False, limit: int = 100) -> Reader:
    """An identifier: lower-case words; ``dotted``: parts with dots between, as extensions are called."""

    def read(node: Node, findings: Findings, path: str) -> Any:
        value = text(limit)(node, findings, path)
        if value is ABSENT:
            return ABSENT
        if not re.fullmatch(rf"{_PART}(?:\.{_PART})*" if dotted else _PART, value, re.ASCII):
            return findings.add("bad-name", node, path, f"{shown(value)} is not a permitted name.")
        return value

    return read


# The parser takes digits of every script and a line's end behind the number: two versions would look like one.
_PLAIN_VERSION = re.compile(r"[0-9A-Za-z.+-]+", re.ASCII)
_PLAIN_RANGE = re.compile(r"[ -~]+", re.ASCII)


def version(node: Node, findings: Findings, path: str) -> Any:
    if isinstance(node, Text) and node.style == "plain" and looks_like_number(node.value):
        message = f"{shown(node.value)} reads as a number, so 1.20 and 1.2 would be one version."
        return findings.add("number-for-text", node, path, message, "Write three numbers, such as 1.20.0.")
    value = text(64)(node, findings, path)
    if value is ABSENT:
        return ABSENT
    try:
        parsed = Version(value) if _PLAIN_VERSION.fullmatch(value) else None
    except ValueError:
        parsed = None
    if parsed is None:
        return findings.add(
            "bad-version", node, path, f"{shown(value)} is not a Semantic Version.", _version_fix(value)
        )
    if parsed.build:
        message = f"{shown(value)} carries build metadata, which does not order versions."
        return findings.add("bad-version", node, path, message, f"Write {value.partition('+')[0]}.")
    return value


def version_range(node: Node, findings: Findings, path: str) -> Any:
    value = text(100)(node, findings, path)
    if value is ABSENT:
        return ABSENT
    try:
        is_range = _PLAIN_RANGE.fullmatch(value) is not None and bool(NpmSpec(value))
    except ValueError:
        is_range = False
    if not is_range:
        return findings.add("bad-range", node, path, f"{shown(value)} is not a version range.")
    return value


def scope(node: Node, findings: Findings, path: str) -> Any:
    value = text(200)(node, findings, path)
    if value is ABSENT:
        return ABSENT
    try:
        return scopes.canonical(value)
    except scopes.BadScope as problem:
        return findings.add("bad-scope", node, path, f"{shown(value)}: {problem}")


def https_address(node: Node, findings: Findings, path: str) -> Any:
    """An https address without user, port, query or fragment, in one spelling."""
    value = text(500)(node, findings, path)
    if value is ABSENT:
        return ABSENT
    if "://" not in value:
        return findings.add("bad-url", node, path, f"{shown(value)} is not an https address.")
    try:
        address = hosts.check_address(value)
    except hosts.BadHost as problem:
        return findings.add(problem.code, node, path, str(problem), problem.fix)
    return f"https://{address.host}{address.path.rstrip('/')}"


def opened(node: Node, findings: Findings, path: str) -> Any:
    """A form's text area as the structure its text describes, with lines counted in the text; else the node."""
    if not isinstance(node, Text) or node.style != "form" or not node.value.strip():
        return node
    local = Findings()
    tree = read_yaml(node.value, local)
    for item in local.sorted():
        findings.add(item.code, item, path, item.message, item.fix)
    return ABSENT if tree is None else tree


def _opened_list(node: Node, findings: Findings, path: str) -> Any:
    """In a form a list may also be one entry a line, or entries with commas between."""
    if not isinstance(node, Text) or node.style != "form":
        return node
    if node.value.lstrip().startswith(("[", "- ", "-\n")):
        return opened(node, findings, path)
    parts = (part.strip() for part in re.split(r"[,\n]", node.value))
    return Seq(tuple(Text(part, node.line, node.column, "form") for part in parts if part))


def _version_fix(value: str) -> str:
    numbers = re.fullmatch(r"[vV=]*\s*(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?", value, re.ASCII)
    if not numbers:
        return "Write three numbers, such as 1.2.0, optionally with -alpha.1 behind."
    return f"Write {'.'.join(str(int(part or 0)) for part in numbers.groups())}."
