"""Requests of one shape side by side: where they differ, and which of them stands out and by what.

Pure, and from structured facts alone: numbers, choices, data classes and who asks. No text that an extension wrote is
read as anything but a value to compare.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from django.utils.text import Truncator

FEWEST = 3  # of two, neither is the odd one
SHARED = 0.6  # what so many have in common is the usual
RARE = 0.2  # and what no more than so many have instead is odd
# A modified z-score above 3.5 is an outlier (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
SCORE, TO_SCORE = 3.5, 0.6745
TIMES = 2  # and it has to be so many times the usual: of 10, 10, 11 and 13 nobody would call the last one odd
LONG_CHARS, LONG_TIMES = 200, 4
WORDS_CHARS = 40
MOST_DEEP = 3


@dataclass(frozen=True)
class Item:
    """One request, as it is compared. ``inputs`` are redacted, as the facts are; ``asker`` is who asks, by name."""

    key: Any
    records: int | None = None
    data_classes: tuple[str, ...] = ()
    asker: str = ""
    is_new_asker: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """The plain values by dotted name, what the action is told first."""
        found = dict(_flat(self.inputs)) if isinstance(self.inputs, Mapping) else {}
        if self.records is not None:
            found["records"] = self.records
        return found | {"asked by": self.asker}


def oddities(items: Sequence[Item]) -> dict[Any, tuple[str, ...]]:
    """What is odd about each that is odd, by its key: sentences without a capital, such as "most records: 214"."""
    if len(items) < FEWEST:
        return {}
    found: dict[int, list[str]] = {}
    for name, column in _columns(items).items():
        for place, words in _odd_in(name, column):
            found.setdefault(place, []).append(words)
    for place, words in _odd_classes(items):
        found.setdefault(place, []).append(words)
    is_one_new = not all(item.is_new_asker for item in items)  # where all are, none is the odd one
    for place, item in enumerate(items):
        if item.is_new_asker and is_one_new:
            found.setdefault(place, []).append(f"{item.asker} never asked for this before")
    return {items[place].key: tuple(found[place]) for place in sorted(found)}


def differing(items: Sequence[Item], most: int = 3) -> list[str]:
    """Names of the values in which they differ, at most so many: those by which one can tell them apart."""
    columns = _columns(items).items()
    return [name for name, column in columns if len({_plain(value) for value in column}) > 1][:most]


def _columns(items: Sequence[Item]) -> dict[str, list[Any]]:
    """The values of all by name. One that says in each what another says, as records and their list do, stands once."""
    rows = [item.values for item in items]
    found: dict[str, list[Any]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        column = [row.get(name) for row in rows]
        if column not in found.values():
            found[name] = column
    return found


def _odd_in(name: str, column: list[Any]) -> Iterator[tuple[int, str]]:
    given = [value for value in column if value is not None]
    if given and all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        yield from _odd_numbers(name, column)
        return
    yield from _odd_choices(name, column)
    lengths = [len(value) if isinstance(value, str) else 0 for value in column]
    usual = median(lengths)
    for place, length in enumerate(lengths):
        if length >= LONG_CHARS and length > LONG_TIMES * usual:
            yield place, f"{name} is far longer than the others"


def _odd_numbers(name: str, column: list[Any]) -> Iterator[tuple[int, str]]:
    numbers = [value for value in column if value is not None]
    usual = median(numbers)
    spread = median(abs(value - usual) for value in numbers)
    for place, value in enumerate(column):
        if value is None or abs(value) <= abs(usual) * TIMES:
            continue
        # Where most are equal the spread is nothing, and any other value lies beyond it.
        if spread == 0 or TO_SCORE * abs(value - usual) / spread > SCORE:
            most = f"most {name}: " if value == max(numbers) else f"{name}: "
            yield place, f"{most}{shown(value)}, usually {shown(usual)}"


def _odd_choices(name: str, column: list[Any]) -> Iterator[tuple[int, str]]:
    counts = Counter(_plain(value) for value in column)
    usual, shared = counts.most_common(1)[0]
    if shared < SHARED * len(column):
        return
    for place, value in enumerate(column):
        plain = _plain(value)
        if plain != usual and counts[plain] <= max(1, RARE * len(column)):
            yield place, f"{name} is {shown(value)}, usually {usual or 'nothing'}"


def _odd_classes(items: Sequence[Item]) -> Iterator[tuple[int, str]]:
    counts = Counter(name for item in items for name in set(item.data_classes))
    for place, item in enumerate(items):
        rare = [name for name in item.data_classes if counts[name] <= max(1, RARE * len(items))]
        if rare:
            yield place, f"carries {', '.join(rare)}, which the others do not"


def _flat(value: Mapping[str, Any], under: str = "", deep: int = 1) -> Iterator[tuple[str, Any]]:
    """Plain values by dotted name; a list counts by its length, which is what grows with it."""
    for name, inner in value.items():
        path = f"{under}{name}"
        if isinstance(inner, Mapping) and deep < MOST_DEEP:
            yield from _flat(inner, f"{path}.", deep + 1)
        elif isinstance(inner, list):
            yield path, len(inner)
        else:
            yield path, inner


def _plain(value: Any) -> str:
    """A value as one of several, told apart from its like."""
    return "" if value is None else shown(value)


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float):
        return f"{value:,}"
    text = str(value)
    if text.isascii() and len(text) <= WORDS_CHARS:  # as most are: nothing to shorten, and letters of one form
        return text
    return Truncator(text).chars(WORDS_CHARS)
