"""Changes of a text by place, so that everything else in it stays as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ..nodes import Literal, Text


@dataclass(frozen=True, order=True)
class Edit:
    """``length`` characters from ``start`` become ``text``."""

    start: int
    length: int
    text: str


def written(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits, which do not overlap."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.start + edit.length :]
    return text


def place(text: str, node: Text | Literal) -> int:
    """Where the word of a node begins in the text, behind its quotation mark."""
    lines = text.split("\n")
    at = sum(len(line) + 1 for line in lines[: node.line - 1]) + node.column - 1
    return at + 1 if text[at : at + 1] in ("'", '"') else at


def replaced(text: str, node: Text | Literal, word: str) -> list[Edit]:
    """The node's word as ``word``; nothing where it is written in escapes, which nobody but its author understands."""
    was, at = node.value if isinstance(node, Text) else node.source, place(text, node)
    return [Edit(at, len(was), word)] if text[at : at + len(was)] == was else []


def nested(text: str, key: Text, outer: str, inner: str, kind: str) -> list[Edit]:
    """``key: value`` as ``outer: {inner: value}``, in the notation of the text; the key stands at the top."""
    at = place(text, key)
    if kind == "json":
        begins = text.index(":", at + len(key.value)) + 1
        begins += len(text[begins:]) - len(text[begins:].lstrip())
        _, ends = json.JSONDecoder().raw_decode(text, begins)
        renamed = [Edit(at, len(key.value), outer)]
        return [*renamed, Edit(begins, 0, f'{{"{inner}": '), Edit(ends, 0, "}")]
    if key.style == "quoted" or text[at - key.column + 1 : at].strip():
        return []  # within braces or quotes; its author brings it over by hand
    edits = [Edit(at, len(key.value), f"{outer}:\n{' ' * (key.column + 1)}{inner}")]
    below = text.find("\n", at) + 1
    while below and below < len(text):
        end = text.find("\n", below)
        line = text[below : end if end >= 0 else len(text)]
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent < key.column and not line.lstrip().startswith(("- ", "]")):
            break
        if line.strip():
            edits.append(Edit(below, 0, "  "))
        below = end + 1
    return edits
