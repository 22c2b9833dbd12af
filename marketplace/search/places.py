"""Where a page of results begins: after which row of which order. A link carries it; what it cannot be is the start.

A page is found by the last row before it and not by a number, so nothing is shown twice or left out where listings
come and go meanwhile. In the order by match, what is ranked together is a block (see marketplace.search.functions):
a place then also says at which tier its block begins, how far names were looked for, and where earlier blocks began.
"""

import base64
import binascii
import json
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from marketplace.search.models import TIERS

BEST, NAME, NEWEST, USED, REACH = "best", "name", "newest", "used", "reach"
MAX_TEXT = 600


@dataclass(frozen=True)
class Place:
    """``id`` and ``value`` are those of the row next to the page, None and "" at the very start of a block or, with
    ``back``, at its end. ``back``: the page is what stands before that row."""

    value: str = ""
    name: str = ""  # the second value of the order by reach
    id: UUID | None = None
    back: bool = False
    first: int = 1
    named_to: int = 0
    trail: tuple[tuple[int, int], ...] = ()

    @property
    def is_start(self) -> bool:
        return self.id is None and not self.back and not self.trail

    def after(self, value: str, name: str, id: UUID, *, back: bool = False) -> "Place":
        return replace(self, value=value, name=name, id=id, back=back)

    def next_block(self, upto: int, named_to: int) -> "Place":
        return Place(first=upto + 1, named_to=named_to, trail=(*self.trail, (self.first, self.named_to)))

    def block_before(self) -> "Place":
        first, named_to = self.trail[-1]
        return Place(back=True, first=first, named_to=named_to, trail=self.trail[:-1])

    @property
    def text(self) -> str:
        parts = [self.value, self.name, str(self.id or ""), int(self.back), self.first, self.named_to, self.trail]
        return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def read_place(text: str, order: str) -> Place:
    """The place that a link names, for this order; the start where the text is none."""
    if not text or len(text) > MAX_TEXT:
        return Place()
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        value, name, id, back, first, named_to, trail = parts
        place = Place(
            value=_checked(value, order if id else ""),
            name=_checked(name, ""),
            id=UUID(id) if id else None,
            back=back == 1,
            first=_tier(first, 1),
            named_to=_tier(named_to, 0),
            trail=tuple((_tier(one, 1), _tier(other, 0)) for one, other in trail[:TIERS]),
        )
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError, OverflowError):
        return Place()
    return place


def _checked(value: object, order: str) -> str:
    if not isinstance(value, str) or "\x00" in value or len(value) > 100:
        raise ValueError(value)
    match order:
        case "newest":
            if datetime.fromisoformat(value).tzinfo is None:
                raise ValueError(value)
        case "best" | "used" | "reach":
            if not -1 < int(value) < 2**31 or (order == "reach" and int(value) > 9):
                raise ValueError(value)
    return value


def _tier(value: object, least: int) -> int:
    if not isinstance(value, int) or not least <= value <= TIERS:
        raise ValueError(value)
    return value
