"""Reading untrusted JSON part by part. Whatever is wrong is noted with its place and a sentence for a person."""

import math
from collections.abc import Callable, Collection
from typing import Any

from registry.manifests.suggest import nearest

MAX_ENTRIES = 50
MAX_WORD = 160


class Reader:
    """``problems`` maps a place, such as ``who.roles``, to what is wrong there. What is refused reads as empty."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def refuse(self, place: str, sentence: str) -> None:
        """Note a problem; the first one at a place stays."""
        self.problems.setdefault(place, sentence)

    def table(self, value: Any, place: str, known: Collection[str]) -> dict[str, Any]:
        """A map with no other keys than ``known``; None reads as an empty one."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.refuse(place, "This is a map of names to values.")
            return {}
        for key in value:
            if key not in known:
                close = nearest(key, known) if isinstance(key, str) else None
                hint = f"Did you mean {close}?" if close else f"There are {', '.join(known)}."
                self.refuse(_inside(place, str(key)[:40]), f"There is no such word here. {hint}")
        return value

    def flag(self, table: dict[str, Any], place: str, key: str) -> bool:
        value = table.get(key)
        if value is not None and not isinstance(value, bool):
            self.refuse(_inside(place, key), "This is yes or no: true or false.")
        return value is True

    def whole(self, table: dict[str, Any], place: str, key: str, least: int, most: int) -> int | None:
        """A whole number from ``least`` to ``most``, or None where none is given."""
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.refuse(_inside(place, key), f"Give a whole number from {least:,} to {most:,}.")
            return None
        return value

    def number(self, table: dict[str, Any], place: str, key: str, least: float, most: float) -> float | None:
        """A number from ``least`` to ``most`` with at most four decimals, or None where none is given."""
        value = table.get(key)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            value = math.nan
        if not least <= value <= most or round(value, 4) != value:
            self.refuse(_inside(place, key), f"Give a number from {least:,} to {most:,}, with at most four decimals.")
            return None
        return int(value) if value == int(value) else value

    def choice(self, table: dict[str, Any], place: str, key: str, known: Collection[str], default: str = "") -> str:
        value = table.get(key)
        if value is None or value == "":
            return default
        if not isinstance(value, str) or value not in known:
            self.refuse(_inside(place, key), f"Choose one of {', '.join(known)}.")
            return default
        return value

    def words(
        self, table: dict[str, Any], place: str, key: str, why_not: Callable[[str], str], default: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        """A list of words, sorted and each once. ``why_not`` says what is wrong with one, "" where nothing is."""
        value = table.get(key)
        place = _inside(place, key)
        if value is None:
            return default
        if not isinstance(value, list | tuple):
            self.refuse(place, "This is a list.")
            return default
        if len(value) > MAX_ENTRIES:
            self.refuse(place, f"At most {MAX_ENTRIES} can be named in one rule.")
            return default
        for word in value:
            if not isinstance(word, str) or not 0 < len(word) <= MAX_WORD:
                self.refuse(place, f"Each entry is a text of 1 to {MAX_WORD} characters.")
                return default
            if sentence := why_not(word):
                self.refuse(place, sentence)
                return default
        return tuple(sorted(set(value))) or default


def one_of(known: Collection[str], what: str) -> Callable[[str], str]:
    """A check for ``Reader.words``: the word is among ``known``, which are called ``what``."""

    def why_not(word: str) -> str:
        if word in known:
            return ""
        close = nearest(word, known)
        return f"There is no {what} {word!r}. " + (f"Did you mean {close}?" if close else f"Choose {_any(known)}.")

    return why_not


def _any(known: Collection[str]) -> str:
    *most, last = known
    return f"{', '.join(most)} or {last}" if most else last


def _inside(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
