"""Searching: what is asked for, what comes of it, and the correction of typos where nothing does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from galaxy.core.db.backend.base import preparing_cursor
from galaxy.core.models import User, Workspace
from marketplace.search import words
from marketplace.search.facets import REACHES, RECENCIES, SIGNS, Filters
from marketplace.search.models import TIERS
from marketplace.search.places import BEST, Place, read_place
from marketplace.search.scoring import Part, parts_of
from marketplace.search.statement import ORDERS, PAGE, Asked, Row, statement
from marketplace.search.typos import correct
from registry.semver import satisfies


@dataclass(frozen=True)
class Search:
    """What somebody looks for. ``filters`` are {facet: values} of ``facets.SIGNS``; ``state`` holds any of installed,
    waiting and available. ``place`` is the text of a link to another page; ``as_typed`` corrects nothing."""

    q: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    state: tuple[str, ...] = ()
    sort: str = ""
    place: str = ""
    as_typed: bool = False

    @property
    def order(self) -> str:
        return self.sort if self.sort in ORDERS else BEST


class Count(NamedTuple):
    """``is_least``: there are at least so many; more were not counted."""

    number: int
    is_least: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_least else ''}"


class Need(NamedTuple):
    """What a pack requires. ``held`` is the number that is installed here, None where nothing of it is."""

    name: str
    wanted: str
    held: str | None

    @property
    def is_met(self) -> bool:
        return self.held is not None and satisfies(self.held, self.wanted)


@dataclass(frozen=True)
class Hit:
    """One result with its card, why it stands here, and what the workspace has of it.

    ``held`` is the number it is pinned to where the listing offers a newer one, ``wants`` are scopes that one asks for
    and nobody agreed to yet; ``is_asked``: somebody waits for a yes to install it. ``ended`` is deprecated, yanked or
    quarantined where nobody installs what the listing offers, else "".
    """

    listing_id: UUID
    extension_id: UUID
    slug: str
    name: str
    level: str
    number: str
    parts: list[str] | None
    why: tuple[Part, ...]
    score: int
    installation_id: UUID | None
    held: str | None
    wants: tuple[str, ...]
    is_asked: bool
    ended: str = ""
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True)
class Found:
    """``counts`` maps (facet, value) to how many there are; ``meant`` is what was searched instead of what was typed,
    "" where that was found; ``previous`` and ``next`` are places, "" where there is none."""

    hits: list[Hit]
    total: Count
    counts: dict[tuple[str, str], Count]
    meant: str = ""
    previous: str = ""
    next: str = ""


def search(wanted: Search, *, workspace: Workspace, user: User) -> Found:
    """One page of what fits, in one statement; two more where a typo has to be understood."""
    typed = words.read(wanted.q)
    if not typed.words and not typed.is_blank:  # signs only: nothing is called that
        return Found([], Count(0), {})
    found = _found(wanted, typed, workspace, user)
    if found.total.number or wanted.as_typed or not typed.words or wanted.place:
        return found
    meant = correct(typed.words)
    if not meant:
        return found
    corrected = tuple(meant.get(word, word) for word in typed.words)
    again = _found(wanted, replace(typed, words=corrected, phrases=()), workspace, user)
    return replace(again, meant=" ".join(corrected)) if again.total.number else found


def _found(wanted: Search, typed: words.Typed, workspace: Workspace, user: User) -> Found:
    filters = Filters(dict(wanted.filters))
    place = read_place(wanted.place, wanted.order)
    asked = Asked(
        words=typed.words,
        phrases=typed.phrases,
        key=typed.key,
        tags=filters.query(),
        others=tuple((SIGNS[facet], filters.query(leaving_out=facet)) for facet in filters.facets),
        states=frozenset(wanted.state) if len(set(wanted.state)) < 3 else frozenset(),
        order=wanted.order,
        place=place,
    )
    sql, values = statement(asked, workspace, user)
    with preparing_cursor(connection) as cursor:
        cursor.execute(sql, values)
        rows = [Row._make(row) for row in cursor.fetchall()]
    cards = [row for row in rows if row.what == "card"]
    end = next(row for row in rows if row.what == "end")
    more_here = len(cards) > PAGE
    cards = cards[:PAGE]
    if place.back:
        cards.reverse()
    previous, next_ = _links(asked, cards, more_here, end)
    return Found(
        hits=[_hit(row) for row in cards],
        total=Count(end.n, int(end.value) < TIERS),
        counts=_counts(rows, filters, Count(end.n, int(end.value) < TIERS)),
        previous=previous,
        next=next_,
    )


def _links(asked: Asked, cards: list[Row], more_here: bool, end: Row) -> tuple[str, str]:
    """The places of the pages before and after this one."""
    place = asked.place
    if not cards:
        return ("" if place.is_start else Place().text), ""
    first, last = cards[0], cards[-1]
    before = place.after(first.value, words.name_key(first.name), first.listing_id, back=True)
    after = place.after(last.value, words.name_key(last.name), last.listing_id, back=False)
    has_before = more_here if place.back else place.id is not None
    has_after = (place.back and place.id is not None) or (more_here and not place.back)
    previous = before.text if has_before else place.block_before().text if place.trail else ""
    if has_after:
        return previous, after.text
    upto, named_upto = end.points
    below = asked.order == BEST and end.slug == "more"
    return previous, place.next_block(upto, named_upto).text if below else ""


def _hit(row: Row) -> Hit:
    used, trust, health, fresh, installs, score = row.points
    return Hit(
        listing_id=row.listing_id,
        extension_id=row.extension_id,
        slug=row.slug,
        name=row.name,
        level=row.level,
        number=row.number,
        parts=row.parts,
        why=parts_of(row.match, row.level, installs, used, trust, health, fresh),
        score=score,
        installation_id=row.installation_id,
        held=row.held,
        wants=tuple(row.wants or ()),
        is_asked=row.is_asked,
        ended=row.ended or "",
        needs=tuple(Need(*one) for one in json.loads(row.needs)) if row.needs else (),
    )


def _counts(rows: list[Row], filters: Filters, total: Count) -> dict[tuple[str, str], Count]:
    """Under each value of a facet, what would be found if it alone of its facet were chosen."""
    facets = {sign: facet for facet, sign in SIGNS.items()}
    chosen = set(filters.facets)
    counts: dict[tuple[str, str], Count] = {}
    for row in rows:
        if row.what not in ("count", "other"):
            continue
        is_least = row.n is not None and row.n < TIERS
        for tag, number in zip(row.parts or (), row.points or (), strict=True):
            facet = facets.get(tag[:3])
            if facet and (row.what == "other") == (facet in chosen):
                counts[facet, tag[3:]] = Count(number, is_least)
    for facet, values in (("reach", REACHES), ("updated", tuple(RECENCIES))):  # bounds: each includes what is within
        number, is_least = 0, False
        for value in values:
            one = counts.get((facet, value), Count(0))
            number, is_least = number + one.number, is_least or one.is_least
            counts[facet, value] = Count(number, is_least)
    state = next((row.points for row in rows if row.what == "state"), [0, 0])
    counts["state", "installed"], counts["state", "waiting"] = Count(state[0]), Count(state[1])
    counts["state", "available"] = Count(max(0, total.number - state[0]), total.is_least)
    return counts
