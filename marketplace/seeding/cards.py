"""Cards of made-up listings: the template is rendered once for each shape of a card, and filled in for every other.

What comes out is what ``marketplace.cards.writing`` makes of the same listing, to the last byte; a test compares them.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.utils.html import escape

from galaxy.core.templatetags.ui import day
from galaxy.core.ui.glyphs import glyph
from marketplace.cards.writing import SLOTS, parts_of

_TEXTS = ("slug", "name", "publisher", "summary", "asks", "used_in")
_FIGURES = ("success", "p95", "auth_failed", "calls")
_PUBLISHED, _LAST = datetime(1901, 2, 3, tzinfo=UTC), datetime(1902, 3, 4, tzinfo=UTC)
_FIRST, _END = "\x02", "\x03"  # no text of a listing holds them
_MARK = re.compile(f"{_FIRST}([a-z0-9_]+){_END}")


def card_of(values: dict[str, Any]) -> tuple[str, ...]:
    """The parts of a card, of ``cards.writing.values_of``."""
    figures = values["figures"]
    requires = values["requires"]
    shape = _shape(
        values["kind"],
        values["level"],
        values["number"],
        bool(values["asks"]),
        len(requires),
        min(values["installs"], 2),
        figures and figures["days"],
    )
    said = {name: escape(values[name]) for name in _TEXTS}
    said |= {f"requires_{at}": escape(name) for at, name in enumerate(requires)}
    said |= {"glyph": glyph.__wrapped__(values["slug"]), "published": day(values["published_at"])}
    if figures:
        said |= {name: escape(figures[name]) for name in _FIGURES} | {"last": day(figures["last_at"])}
    return tuple("".join(said[piece] if at % 2 else piece for at, piece in enumerate(part)) for part in shape)


@cache
def _shape(
    kind: str, level: str, number: str, asks: bool, requires: int, installs: int, days: int | None
) -> tuple[list[str], ...]:
    """The parts of such a card, each cut at its marks: text, the name of a value, text, and so on."""
    values: dict[str, Any] = {name: f"{_FIRST}{name}{_END}" for name in _TEXTS}
    figures = {name: f"{_FIRST}{name}{_END}" for name in _FIGURES} | {"days": days, "last_at": _LAST}
    values |= {
        "kind": kind,
        "level": level,
        "number": number,
        "is_unproven": False,
        "is_private": False,
        "is_made_up": True,
        "asks": values["asks"] if asks else "",
        "requires": [f"{_FIRST}requires_{at}{_END}" for at in range(requires)],
        "installs": installs,
        "published_at": _PUBLISHED,
        "figures": figures if days else None,
    }
    parts = []
    for part in parts_of(values):
        for told, name in ((glyph(values["slug"]), "glyph"), (day(_PUBLISHED), "published"), (day(_LAST), "last")):
            part = part.replace(told, f"{_FIRST}{name}{_END}")
        parts.append(_MARK.split(part))
    if len(parts) != len(SLOTS) + 1:
        raise ValueError("The template has other slots.")
    return tuple(parts)
