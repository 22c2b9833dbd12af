"""Finding extensions: words with prefixes, facets with counts, and an order. Any text is a valid search."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db.models import Count, Exists, F, OuterRef, QuerySet, Value

from galaxy.core.models import User, Workspace
from marketplace.models import Listing, Reach
from registry.models import Installation, Version

MAX_WORDS = 12
_BREAK = re.compile(r"[\W_]+")
SORTS = {
    "best": ["-rank", "extension__name"],
    "name": ["extension__name"],
    "newest": ["-version__published_at", "extension__name"],
    "reach": ["reach", "extension__name"],
}


@dataclass(frozen=True)
class Search:
    """What somebody looks for. Empty tuples and None set no bound; ``state`` holds installed, available or both."""

    q: str = ""
    kind: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    reach: int | None = None
    state: tuple[str, ...] = ()
    sort: str = ""


@dataclass(frozen=True)
class Found:
    """``listings`` is ordered and not yet read; ``counts`` maps (facet, value) to how many there are under it."""

    listings: QuerySet[Listing]
    total: int
    counts: dict[tuple[str, Any], int] = field(default_factory=dict)


def search(wanted: Search, *, workspace: Workspace, user: User) -> Found:
    """The listings that fit. Counts of each facet hold under the other facets, as a person expects who widens one."""
    base = _installed(_matching(wanted.q), workspace, user)
    cube = Counter(
        {
            (row["extension__kind"], row["level"], row["reach"], row["is_installed"]): row["number"]
            for row in base.order_by()
            .values("extension__kind", "level", "reach", "is_installed")
            .annotate(number=Count("pk"))
        }
    )
    tests = _tests(wanted)
    counts: Counter[tuple[str, Any]] = Counter()
    total = 0
    for cell, number in cube.items():
        fails = [facet for facet, test in tests.items() if not test(cell)]
        total += number * (not fails)
        for facet, values in _values_of(cell).items():
            if all(failed == facet for failed in fails):
                counts.update({(facet, value): number for value in values})
    listings = _filtered(base, wanted).order_by(*SORTS[_sort_of(wanted)], "pk")
    return Found(listings, total, counts)


def search_vector(version: Version, summary: str, scopes: list[str]) -> Any:
    """The expression for ``Listing.search``: name first, then summary and actions, then publisher.

    Words enter as they are, so that any beginning of one finds it, and by their English stem.
    """
    manifest = version.parsed
    extension = version.extension
    doing = [summary, *manifest.canonical.get("keywords", ()), *scopes]
    doing += [f"{action.name} {action.summary} {action.id}" for action in manifest.actions.values()]
    vector: Any = None
    for weight, texts in (("A", [extension.name, extension.slug]), ("B", doing), ("C", [extension.publisher])):
        words = Value(" ".join(_words(" ".join(texts))))
        for config in ("simple", "english"):
            part = SearchVector(words, config=config, weight=weight)
            vector = part if vector is None else vector + part
    return vector


def _matching(text: str) -> QuerySet[Listing]:
    listings = Listing.objects.all()
    words = _words(text)[:MAX_WORDS]
    if not words:  # signs only, such as an emoji, find nothing: nothing is called that
        listings = listings.annotate(rank=Value(0.0))
        return listings.none() if text.strip() else listings
    # Words hold letters and digits only, so quoting them is enough for PostgreSQL's own notation.
    prefixes = SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw")
    query = prefixes | SearchQuery(" ".join(words), config="english")
    return listings.filter(search=query).annotate(rank=SearchRank(F("search"), query))


def _words(text: str) -> list[str]:
    return [word[:60] for word in _BREAK.split(text.lower()) if word]


def _installed(listings: QuerySet[Listing], workspace: Workspace, user: User) -> Any:
    """``listings`` with ``is_installed``, as far as ``user`` may see it."""
    here = Installation.objects.in_workspace(workspace).visible_to(user).active()
    return listings.annotate(is_installed=Exists(here.filter(extension=OuterRef("extension"))))


def _tests(wanted: Search) -> dict[str, Any]:
    """Per facet, whether a cell (kind, level, reach, is installed) of the cube fits."""
    return {
        "kind": lambda cell: not wanted.kind or cell[0] in wanted.kind,
        "level": lambda cell: not wanted.level or cell[1] in wanted.level,
        "reach": lambda cell: wanted.reach is None or cell[2] <= wanted.reach,
        "state": lambda cell: len(set(wanted.state)) != 1 or _state(cell[3]) in wanted.state,
    }


def _values_of(cell: tuple) -> dict[str, list[Any]]:
    """Per facet, the values under which a cell is counted; what asks for little also fits a wider bound."""
    return {
        "kind": [cell[0]],
        "level": [cell[1]],
        "reach": [reach for reach in Reach.values if cell[2] <= reach],
        "state": [_state(cell[3])],
    }


def _filtered(listings: Any, wanted: Search) -> Any:
    if wanted.kind:
        listings = listings.filter(extension__kind__in=wanted.kind)
    if wanted.level:
        listings = listings.filter(level__in=wanted.level)
    if wanted.reach is not None:
        listings = listings.filter(reach__lte=wanted.reach)
    if len(set(wanted.state)) == 1:
        listings = listings.filter(is_installed="installed" in wanted.state)
    return listings


def _sort_of(wanted: Search) -> str:
    return wanted.sort if wanted.sort in SORTS else "best" if wanted.q.strip() else "name"


def _state(is_installed: bool) -> str:
    return "installed" if is_installed else "available"
