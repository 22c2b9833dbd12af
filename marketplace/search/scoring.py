"""Why a result stands where it does. Every order by match is made of these parts and of nothing else; none is for sale.

The points are whole numbers. Those of the listing itself are stored with it and added up by PostgreSQL; those of the
match are given by the query, from ``MATCH`` below. So what a page explains and what it was sorted by are one sum.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

# Where all words of a search are found, best first; the strongest place counts.
EXACT, NAME, SUMMARY, ACTIONS, ANYWHERE = "exact", "name", "summary", "actions", "anywhere"
MATCH = {EXACT: 100, NAME: 80, SUMMARY: 50, ACTIONS: 30, ANYWHERE: 15}
MATCH_WORDS = {
    EXACT: "is called exactly that",
    NAME: "in its name",
    SUMMARY: "in its name and summary",
    ACTIONS: "in what it does",
    ANYWHERE: "in its words or publisher",
}

TRUST = {"community": 0, "verified": 3, "enterprise": 4}
USED = ((10_000, 8), (3_000, 7), (1_000, 6), (300, 5), (100, 4), (30, 3), (10, 2), (1, 1))  # (installs, points)
HEALTH = ((0.995, 4), (0.98, 3), (0.95, 2), (0.9, 1))  # (share of calls that succeed, points)
FRESH = ((30, 3), (180, 2), (365, 1))  # (days since its release, points)
LEAST_RUNS = 50  # below that, figures say more of chance than of an extension


class Part(NamedTuple):
    """One part of a score: why, in words that go on from its name, and the points."""

    name: str
    why: str
    points: int


def points_of(*, installs: int, level: str, runs: int, good: int, published_at: datetime, now: datetime) -> dict:
    """The stored points of a listing: {used, trust, health, fresh}."""
    days = (now - published_at) / timedelta(days=1)
    share = good / runs if runs >= LEAST_RUNS else 0.0
    return {
        "used": next((points for least, points in USED if installs >= least), 0),
        "trust": TRUST[level],
        "health": next((points for least, points in HEALTH if share >= least), 0),
        "fresh": next((points for most, points in FRESH if days <= most), 0),
    }


@lru_cache(maxsize=4096)
def parts_of(match: str, level: str, installs: int, used: int, trust: int, health: int, fresh: int) -> tuple[Part, ...]:
    """The score of one result, part by part, as many others have it; ``match`` is one of MATCH, or "" without words."""
    return tuple(part for part in _all_parts(match, level, installs, used, trust, health, fresh) if part.points)


def _all_parts(match: str, level: str, installs: int, used: int, trust: int, health: int, fresh: int) -> Iterator[Part]:
    if match:
        yield Part("Words", MATCH_WORDS[match], MATCH[match])
    yield Part("Used", f"in {installs:,} workspace{'' if installs == 1 else 's'}", used)
    yield Part("Trust", level, trust)
    yield Part("Health", "of its calls", health)
    yield Part("Fresh", "released lately", fresh)
