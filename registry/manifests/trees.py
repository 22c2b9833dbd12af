"""What the text readers share: the way a reading stops, and maps whose keys are texts that stand once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .findings import CODES
from .nodes import Map, Mark, Node, Text, shown

MAX_KEY = 128


class Unreadable(Exception):
    """Reading stops here: a code of the findings table, a place, what is wrong and how to fix it."""

    def __init__(self, code: str, where: Mark, message: str = "", fix: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.line = where.line
        self.column = where.column
        self.message = message or CODES[code].about
        self.fix = fix or CODES[code].fix


def make_map(pairs: Iterable[tuple[Node, Node]], where: Mark, problem: Callable[[str, Mark, str], None]) -> Map:
    """A map of text keys, each once. ``problem(code, where, message)`` is told of keys that are not that."""
    entries: list[tuple[Text, Node]] = []
    seen: dict[str, Text] = {}
    for key, value in pairs:
        place = Mark(key.line, key.column)
        if not isinstance(key, Text) or not key.value or len(key.value) > MAX_KEY or "\n" in key.value:
            problem("bad-key", place, f"A key is one line of 1 to {MAX_KEY} characters.")
        elif key.value == "<<" and key.style == "plain":
            problem("alias", place, "The merge key << is not accepted.")
        elif key.value == "__proto__":
            problem("bad-key", place, "The key __proto__ has a meaning in JavaScript and is not accepted.")
        elif first := seen.get(key.value):
            problem(
                "duplicate-key",
                place,
                f"{shown(key.value)} stands twice in one map; the first is on line {first.line}.",
            )
        else:
            seen[key.value] = key
            entries.append((key, value))
    return Map(tuple(entries), where.line, where.column)
