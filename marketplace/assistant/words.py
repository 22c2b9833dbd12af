"""Sentences of the assistant: written here, with values from facts put in. Nothing else is ever part of one.

A name that a publisher or a member chose is a value like a number: it is stripped of whatever is no plain name, cut,
and never read. So no text of the marketplace can say anything in the assistant's voice.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse

LONGEST_NAME = 60
_PLAIN = re.compile(r"[^\w .,&+'()^*~%–-]")
_PLACE = re.compile(r"\{(\w+)\}")


class Words(str):
    """A text made here, of plain names and numbers, which is not to be cut."""

    __slots__ = ()


def plain(value: object) -> str:
    """A value as it stands in a sentence: numbers with commas, names in one line of plain characters."""
    if isinstance(value, Words):
        return value
    if isinstance(value, bool):
        raise TypeError("A sentence has no place for yes and no.")
    if isinstance(value, int):
        return f"{value:,}"
    text = unicodedata.normalize("NFKC", str(value))
    text = " ".join(_PLAIN.sub("", text).split())
    return f"{text[: LONGEST_NAME - 1]}…" if len(text) > LONGEST_NAME else text or "unnamed"


@dataclass(frozen=True)
class Said:
    """A sentence apart from its values. ``values`` are pairs of a place in ``template`` and a text."""

    template: str
    values: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.filled(dict(self.values))

    def filled(self, values: dict[str, str]) -> str:
        """The template with ``values`` in its places, each put in once and none read."""
        return _PLACE.sub(lambda place: values[place[1]], self.template)

    @property
    def places(self) -> list[str]:
        return _PLACE.findall(self.template)

    def as_json(self) -> dict[str, Any]:
        return {"template": self.template, "values": dict(self.values)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Said":
        return cls(value["template"], tuple(value["values"].items()))


def say(template: str, **values: object) -> Said:
    """A sentence with each of its places filled. Raises KeyError where a value is missing."""
    places = _PLACE.findall(template)
    return Said(template, tuple((place, plain(values[place])) for place in dict.fromkeys(places)))


@dataclass(frozen=True)
class Link:
    """A page of Galaxy itself, within the workspace: the name of its route and what stands in its address."""

    route: str
    args: tuple[str, ...] = ()
    query: str = ""

    def url(self, slug: str) -> str:
        """Its address in that workspace; "" where there is no such page any more."""
        try:
            path = reverse(self.route, args=[slug, *self.args])
        except NoReverseMatch:
            return ""
        place, _, anchor = self.query.partition("#")
        return f"{path}{f'?{place}' if place else ''}{f'#{anchor}' if anchor else ''}"

    def as_json(self) -> dict[str, Any]:
        return {"route": self.route, "args": list(self.args), "query": self.query}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Link":
        return cls(value["route"], tuple(value["args"]), value["query"])


def some(count: int, one: str, many: str = "") -> Words:
    """As in "1 call" and "3 calls"."""
    return Words(f"{count:,} {one if count == 1 else many or one + 's'}")


def listed(names: Sequence[str], most: int = 3) -> Words:
    """The first few names, and how many more."""
    rest = len(names) - most
    return Words(", ".join(map(plain, names[:most])) + (f" and {rest} more" if rest > 0 else ""))


def ours(text: str) -> Said:
    """A whole sentence that another part of Galaxy made, of facts of its own."""
    return Said("{text}", (("text", text),))


def percent(part: int, whole: int) -> str:
    return f"{100 * part // whole} %" if whole else "0 %"
