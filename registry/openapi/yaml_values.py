"""YAML text to plain values by libyaml's events: the types of YAML 1.2's core schema, aliases counted in full."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from registry.openapi.text import MAX_DEPTH, MAX_VALUES, Unreadable, plain

_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


def parse_yaml(text: str) -> Any:
    """The one document of the text. Raises Unreadable."""
    try:
        return _Composer().compose(text)
    except yaml.MarkedYAMLError as error:
        place = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise Unreadable(f"This is neither JSON nor YAML: {error.problem or 'it cannot be read'}{place}.") from None
    except yaml.YAMLError:
        raise Unreadable("This is neither JSON nor YAML: it holds characters that YAML does not take.") from None


class _Open:
    """A map or list whose end has not been met yet; ``size`` counts its values, aliases written out."""

    def __init__(self, is_map: bool, anchor: str | None) -> None:
        self.is_map = is_map
        self.anchor = anchor
        self.parts: list[Any] = []
        self.size = 1


class _Composer:
    """A stack of its own, so that nesting costs no recursion. An alias shares the value that it names."""

    def __init__(self) -> None:
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.stack: list[_Open] = []
        self.root: Any = None

    def compose(self, text: str) -> Any:
        documents = 0
        event: Any
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Unreadable(f"A second document begins on line {line}. Keep one.")
            elif isinstance(event, yaml.CollectionStartEvent):
                if len(self.stack) >= MAX_DEPTH:
                    raise Unreadable(f"The document is nested more than {MAX_DEPTH} levels deep, line {line}.")
                self.stack.append(_Open(isinstance(event, yaml.MappingStartEvent), event.anchor))
            elif isinstance(event, yaml.CollectionEndEvent):
                done = self.stack.pop()
                self.put(_map(done.parts, line) if done.is_map else done.parts, done.size, done.anchor)
            elif isinstance(event, yaml.ScalarEvent):
                self.put(_scalar(event), 1, event.anchor)
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self.anchors:  # unknown, or still open: it would contain itself
                    raise Unreadable(f"The alias *{event.anchor:.40} on line {line} leads nowhere or to itself.")
                self.put(*self.anchors[event.anchor], None)
        return self.root

    def put(self, value: Any, size: int, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = (value, size)
        if not self.stack:
            self.root = value
            return
        above = self.stack[-1]
        above.parts.append(value)
        above.size += size
        if above.size > MAX_VALUES:
            raise Unreadable(f"With its aliases written out the document holds more than {MAX_VALUES:,} values.")


def _map(parts: list[Any], line: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        if isinstance(key, dict | list):
            raise Unreadable(f"A key of the map that ends on line {line} is no text.")
        name = key if isinstance(key, str) else "null" if key is None else str(key).lower()
        if name == "<<" and isinstance(value, dict | list):
            raise Unreadable(f"The map that ends on line {line} uses the merge key <<. Write the keys out.")
        if name in found:
            raise Unreadable(f"The key {plain(name, 60)!r} stands twice in the map that ends on line {line}.")
        found[name] = value
    return found


def _scalar(event: Any) -> Any:
    text = event.value
    if event.style:  # quoted or a block: certainly a text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if len(text) <= 40 and _FRACTION.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else text
    return text
