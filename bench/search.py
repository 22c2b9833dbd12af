"""Row 4: every manner of searching over 100,000 listings, and how good its order is.

Each question is asked as the page asks it, in one statement (two more where a typo is understood), with the counts of
all facets. The ceiling of the same run is one row by its key. Questions of one manner differ from each other, so that
no answer is in the cache of the one before. Relevance is that of tests/relevance, whose labels come from what the
listings were made of.
"""

from functools import partial
from typing import Any

from bench._market import house, largest_catalogue, take_turns
from bench._rows import WALL, compared, row

ROUNDS = 6
MOST_P95, MOST_P99 = 5.0, 10.0
LEAST_GAIN, LEAST_RECALL = 0.9, 0.95
KEY = "one row by its key"
_row = partial(row, "4")


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with largest_catalogue() as size:
        return _measure(size)


def _measure(size: int) -> list[dict[str, Any]]:
    from galaxy.core.scope import workspace_scope
    from marketplace.models import Listing
    from marketplace.search.engine import Search, search
    from marketplace.seeding.concepts import concepts
    from marketplace.seeding.making import id_of
    from tests.relevance.measures import measured
    from tests.relevance.queries import queries

    workspace, person = house()
    made = concepts(size)
    numbers = {id_of(one): one.number for one in made}
    asked = queries(made)
    with workspace_scope([workspace.pk], person.pk):

        def ask(wanted: Search) -> Any:
            return search(wanted, workspace=workspace, user=person)

        manners = _manners(asked)
        rows = []
        for name, some in manners.items():
            ours, keys = [], []
            for wanted in some:
                ask(wanted)  # once, so that plans and pages are there
                by_key = partial(Listing.objects.only("pk").get, pk=id_of(made[len(ours)]))
                turns = take_turns({KEY: by_key, name: partial(ask, wanted)}, ROUNDS)
                ours += turns[name]
                keys += turns[KEY]
            rows += _told(f"{name}, {size:,}", ours, keys)
        gains, recall = measured(
            asked, made, lambda text: [numbers[hit.listing_id] for hit in ask(Search(q=text)).hits]
        )
    gain = gains["all"]
    return [
        *rows,
        _row(f"nDCG@10 of {len(asked)} questions, {size:,}", gain, "", f">= {LEAST_GAIN}", gain >= LEAST_GAIN),
        _row(f"typos understood, {size:,}", recall, "", f">= {LEAST_RECALL}", recall >= LEAST_RECALL),
    ]


def _told(what: str, seen: list[tuple[float, float]], keys: list[tuple[float, float]]) -> list[dict[str, Any]]:
    clock = sorted(one for one, _ in seen)
    p95, p99 = (clock[min(len(clock) - 1, round(len(clock) * share))] for share in (0.95, 0.99))
    beside = [one for one, _ in keys]
    return [
        compared("4", f"{what}, beside {KEY}", [one for one, _ in seen], beside, "ms", clock=WALL),
        _row(f"{what}: 95 of 100", p95, "ms", f"<= {MOST_P95}", p95 <= MOST_P95),
        _row(f"{what}: 99 of 100", p99, "ms", f"<= {MOST_P99}", p99 <= MOST_P99),
    ]


def _manners(asked: list[Any]) -> dict[str, list[Any]]:
    """Searches by manner, each some twenty different ones."""
    from marketplace.search.engine import Search
    from marketplace.seeding.concepts import FIELDS

    by_group: dict[str, list[str]] = {}
    for query in asked:
        by_group.setdefault(query.group, []).append(query.text)
    kinds, levels = ("connector", "action", "transform", "trigger", "pack"), ("community", "verified", "enterprise")
    facets = [{"kind": (kind,), "level": (level,)} for kind in kinds for level in levels]
    return {
        "no words": [Search(sort=sort) for sort in ("", "name", "newest", "used", "reach")] * 4,
        "facets": [Search(filters=one) for one in facets],
        "facets and a word": [Search(q=field, filters=one) for field, one in zip(FIELDS, facets, strict=False)],
        "common word": [Search(q=word) for word in ("each", "number", "seed", "form", "starts", *list(FIELDS)[:15])],
        "word": [Search(q=text) for text in by_group["thing"][:20]],
        "two words": [Search(q=text) for text in by_group["act"][:20]],
        "rare word": [Search(q=text) for text in by_group["maker"][:20]],
        "rare and common word": [Search(q=text) for text in by_group["maker and thing"][:20]],
        "one letter": [Search(q=letter) for letter in "abcdefghilmnoprstvwx"],
        "three letters": [Search(q=text[:3]) for text in by_group["thing"][:20]],
        "quoted": [Search(q=f'"each {text}"') for text in by_group["thing"][:20]],
        "typo": [Search(q=text) for text in (by_group["mistyped thing"] + by_group["mistyped maker"])[::4]],
        "word by name": [Search(q=text, sort="name") for text in by_group["thing"][:20]],
    }
