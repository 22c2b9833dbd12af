"""Writing made-up listings in bulk, as publishing and listing them one by one would."""

import json
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone

from marketplace.cards.writing import digest_of, for_cards, values_of, write_cards
from marketplace.checks.names import remember as remember_names
from marketplace.models import Listing, Reach
from marketplace.search.facets import facts_of, tags_of
from marketplace.search.indexing import BOUNDS, refresh
from marketplace.search.scoring import points_of
from marketplace.search.words import name_key, split
from marketplace.seeding.cards import card_of
from marketplace.seeding.concepts import Concept, concepts
from marketplace.seeding.loading import Seed, load, load_words, open_table
from marketplace.seeding.texts import NAME, SUMMARY, Text, plural, template, text_of
from registry.manifests import Manifest
from registry.models import Extension, Kind
from registry.semver import sort_key

BATCH = 5_000  # rows of one statement
CARDS = 1_000
KEY = sort_key("1.0.0")
_NAMES = UUID("7d1b8a52-3f0e-4c1e-9a57-5eed5eed5eed")
_LEVELS = ("community",) * 14 + ("verified",) * 5 + ("enterprise",)
_REACH = {"read": Reach.READING, "write": Reach.WRITING, "delete": Reach.DELETING}


class Figures(NamedTuple):
    """What chance makes of a listing."""

    published_at: datetime
    level: str
    installs: int
    runs: int
    bad: int
    last: datetime | None
    p95_ms: int | None

    def points(self, now: datetime) -> dict[str, int]:
        return points_of(
            installs=self.installs,
            level=self.level,
            runs=self.runs,
            good=self.runs - self.bad,
            published_at=self.published_at,
            now=now,
        )


class Kept(NamedTuple):
    """What all listings have in common that one manifest was written for."""

    scopes: list[str]
    facts: dict[str, list[str]]
    reach: Reach
    keywords: tuple[str, ...]
    doing: str
    scopes_json: str
    facts_json: str


def id_of(concept: Concept) -> UUID:
    """The id of the listing that is made of it."""
    return uuid5(_NAMES, f"l {concept.number}")


def make_listings(
    count: int,
    *,
    now: datetime | None = None,
    with_cards: bool = True,
    with_names: bool = True,
    tell: Callable[[str], None] = str,
) -> None:
    """Write ``count`` listings with entries and words. Safe to run twice: what is there stays as it is.

    Without cards pages render what they show, until beat has written all; without names nothing new is found to look
    like one of them.
    """
    now = now or timezone.now()
    order = list(range(count))
    random.Random(11).shuffle(order)  # who is used most has nothing to do with the number
    made = concepts(count)
    figures = [_figures(concept, order[concept.number], now) for concept in made]
    tiers = _tiers(made, [sum(one.points(now).values()) for one in figures])
    counted: Counter[str] = Counter()
    with transaction.atomic():
        open_table()
        for batch in _batches(made, BATCH):
            seeds = [
                _seed(one, text_of(one), figures[one.number], tiers[one.number], now, with_card=with_cards)
                for one in batch
            ]
            for seed in seeds:
                counted.update(set(" ".join(seed.texts).split()))
            load(seeds, KEY)
            if with_names:
                remember_names(Extension(slug=seed.naming[1], publisher=seed.naming[4]) for seed in seeds)
            tell(f"{batch[-1].number + 1:,} of {count:,} listings")
        load_words(counted)
    refresh()
    if not with_cards:
        return
    rows = for_cards(Listing.objects.filter(is_made_up=True, cards=None)).order_by("-installs", "pk")
    while some := list(rows[:CARDS]):  # of those that were there before, and had none
        with transaction.atomic():
            write_cards(some)


def _figures(concept: Concept, rank: int, now: datetime) -> Figures:
    chance = random.Random(concept.number)
    published_at = now - timedelta(minutes=chance.randrange(1, 900 * 24 * 60))
    level = chance.choice(_LEVELS)
    installs = int(30_000 / (rank + 1) ** 0.75)
    runs = installs * chance.randrange(5, 60) if chance.random() < 0.8 else 0
    bad = int(runs * chance.choice((0.0005, 0.001, 0.004, 0.01, 0.03, 0.08)))
    last = now - timedelta(hours=chance.randrange(1, 200)) if runs else None
    return Figures(published_at, level, installs, runs, bad, last, chance.randrange(20, 4_000) if runs else None)


def _tiers(made: list[Concept], quality: list[int]) -> list[int]:
    """By number, which tier of popularity each listing belongs to, as ``refresh`` places it."""
    best_first = sorted(range(len(made)), key=lambda number: (-quality[number], id_of(made[number]).bytes))
    found = [0] * len(made)
    for place, number in enumerate(best_first):
        found[number] = bisect_right(BOUNDS, place) + 1
    return found


def _seed(concept: Concept, text: Text, figures: Figures, tier: int, now: datetime, *, with_card: bool) -> Seed:
    extension_id, version_id, listing_id = (uuid5(_NAMES, f"{what} {concept.number}") for what in "evl")
    manifest = template(concept.kind, concept.field, concept.thing, concept.verb)
    kept = _kept(concept.kind, concept.field, concept.thing, concept.verb)
    good = figures.runs - figures.bad
    tags = tags_of(
        kind=concept.kind,
        level=figures.level,
        reach=kept.reach,
        scopes=kept.scopes,
        facts=kept.facts,
        runs=figures.runs,
        good=good,
        published_at=figures.published_at,
        now=now,
    )
    doing = kept.doing.replace(SUMMARY, text.summary).replace(NAME, text.name)
    told = " ".join([text.summary, *kept.keywords])
    texts = tuple(" ".join(split(one)) for one in (f"{text.name} {text.slug}", told, doing, text.publisher))
    points = figures.points(now)
    seed = Seed(
        ids=(listing_id, extension_id, version_id),
        naming=(
            concept.kind, text.slug, text.name, name_key(text.name), text.publisher, text.manifest,
            text.manifest_digest, text.digest,
        ),
        listing=(
            figures.published_at, figures.level, text.summary, int(kept.reach), kept.scopes_json, kept.facts_json,
            figures.installs, figures.runs, good, figures.bad // 3, figures.p95_ms, figures.last,
        ),
        tags=" ".join(tags),
        texts=texts,
        tier=tier,
        points=(points["used"], points["trust"], points["health"], points["fresh"]),
    )  # fmt: skip
    return seed if not with_card else seed.with_card(*_card(concept, text, figures, kept, manifest))


def _card(
    concept: Concept, text: Text, figures: Figures, kept: Kept, manifest: Manifest
) -> tuple[str, tuple[str, ...]]:
    kind = Kind(concept.kind).label
    listing = SimpleNamespace(  # a model of Django's takes as long to make as the card
        workspace_id=None,
        extension=SimpleNamespace(
            slug=text.slug, name=text.name, publisher=text.publisher, owner=None, get_kind_display=lambda: kind
        ),
        version=SimpleNamespace(number="1.0.0", published_at=figures.published_at),
        requires=[concept.maker.lower()] if manifest.requires else [],
        level=figures.level,
        summary=text.summary,
        scopes=kept.scopes,
        installs=figures.installs,
        runs=figures.runs,
        good=figures.runs - figures.bad,
        auth_failed=figures.bad // 3,
        p95_ms=figures.p95_ms,
        last_run_at=figures.last,
        is_made_up=True,
    )
    values = values_of(listing, {concept.maker.lower(): concept.maker})
    return digest_of(values), card_of(values)


@cache
def _kept(kind: str, field: str, thing: str, verb: str) -> Kept:
    manifest = template(kind, field, thing, verb)
    scopes = _scopes_of(manifest)
    facts = facts_of(manifest, scopes)
    doing = [f"{action.name} {action.summary} {action.id}" for action in manifest.actions.values()]
    return Kept(
        scopes=scopes,
        facts=facts,
        reach=max((_REACH[scope.rpartition(".")[2]] for scope in scopes), default=Reach.NOTHING),
        keywords=tuple(manifest.canonical.get("keywords", ())),
        doing=" ".join((*doing, *scopes)),
        scopes_json=json.dumps(scopes),
        facts_json=json.dumps(facts),
    )


def _scopes_of(manifest: Manifest) -> list[str]:
    """What it asks for; a pack asks for what the action needs that its one step calls."""
    if manifest.kind != "pack":
        return sorted(manifest.scopes)
    called = manifest.steps[0]["use"].rpartition("create_")[2]
    return [f"{plural(called)}.write"]


def _batches(items: list, size: int) -> Iterator[list]:
    return (items[start : start + size] for start in range(0, len(items), size))
