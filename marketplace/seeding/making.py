"""Writing made-up listings in bulk, as publishing and listing them one by one would."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import connection, transaction
from django.utils import timezone

from marketplace.cards.writing import for_cards, write_cards
from marketplace.checks.names import remember as remember_names
from marketplace.models import Listing, Reach
from marketplace.search.facets import facts_of, tags_of
from marketplace.search.indexing import refresh
from marketplace.search.scoring import points_of
from marketplace.search.typos import shortened
from marketplace.search.words import name_key, split
from marketplace.seeding.concepts import Concept, concepts
from marketplace.seeding.texts import Text, plural, template, text_of
from registry.manifests import Manifest
from registry.models import Extension, Version
from registry.semver import sort_key

BATCH = 2_000  # rows of one statement
CARDS = 1_000
KEY = sort_key("1.0.0")
_NAMES = UUID("7d1b8a52-3f0e-4c1e-9a57-5eed5eed5eed")
_LEVELS = ("community",) * 14 + ("verified",) * 5 + ("enterprise",)
_REACH = {"read": Reach.READING, "write": Reach.WRITING, "delete": Reach.DELETING}

LISTINGS = """
INSERT INTO marketplace_listing (id, workspace_id, extension_id, version_id, level, summary, reach, scopes, facts,
    listed_at, updated_at, installs, runs, good, auth_failed, p95_ms, last_run_at, is_made_up)
SELECT id, NULL, extension, version, level, summary, reach, scopes::jsonb, facts::jsonb, at, at, installs, runs, good,
    failed, p95, last, true
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[],
    %s::timestamptz[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::timestamptz[])
    t(id, extension, version, level, summary, reach, scopes, facts, at, installs, runs, good, failed, p95, last)
ON CONFLICT DO NOTHING
"""
ENTRIES = """
INSERT INTO marketplace_publicentry (listing_id, extension_id, version_id, number, sort_key, slug, name, name_key, kind,
    level, reach, tags, search, tier, used, trust, health, fresh, installs, published_at)
SELECT id, extension, version, '1.0.0', %s, slug, name, name_key, kind, level, reach, string_to_array(tags, ' '),
    marketplace_vector(a, b, c, d, string_to_array(tags, ' ')), 6, used, trust, health, fresh, installs,
    at
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[],
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[],
    %s::timestamptz[])
    t(id, extension, version, slug, name, name_key, kind, level, reach, tags, a, b, c, d, used, trust, health, fresh,
    installs, at) ON CONFLICT DO NOTHING
"""
WORDS = """
INSERT INTO marketplace_word (word, documents, shortened) SELECT word, 1, string_to_array(pieces, ' ')
FROM unnest(%s::text[], %s::text[]) t(word, pieces) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Seed:
    """One listing before it is written: its rows by table, and its words."""

    extension: Extension
    version: Version
    listing: tuple
    entry: tuple
    words: frozenset[str]


def id_of(concept: Concept) -> UUID:
    """The id of the listing that is made of it."""
    return uuid5(_NAMES, f"l {concept.number}")


def make_listings(
    count: int, *, now: datetime | None = None, with_cards: bool = True, tell: Callable[[str], None] = str
) -> None:
    """Write ``count`` listings with entries and words. Safe to run twice: what is there stays as it is.

    Cards take most of the time; without them pages render what they show, until beat has written all.
    """
    now = now or timezone.now()
    known: set[str] = set()
    order = list(range(count))
    random.Random(11).shuffle(order)  # who is used most has nothing to do with the number
    with transaction.atomic():
        for batch in _batches(concepts(count), BATCH):
            seeds = [_seed(concept, text_of(concept), order[concept.number], now) for concept in batch]
            new = {word for seed in seeds for word in seed.words} - known
            known |= new
            _write(seeds, sorted(new))
            remember_names(seed.extension for seed in seeds)
            tell(f"{batch[-1].number + 1:,} of {count:,} listings")
    refresh()
    if not with_cards:
        return
    rows = for_cards(Listing.objects.filter(is_made_up=True, cards=None)).order_by("-installs", "pk")
    written = 0
    while some := list(rows[:CARDS]):
        with transaction.atomic():
            written += write_cards(some)
        tell(f"{written:,} cards")


def _seed(concept: Concept, text: Text, rank: int, now: datetime) -> Seed:
    chance = random.Random(concept.number)
    id, version_id, listing_id = (uuid5(_NAMES, f"{what} {concept.number}") for what in "evl")
    kept = template(concept.kind, concept.field, concept.thing, concept.verb)
    scopes, facts = _scopes_of(kept), facts_of(kept, _scopes_of(kept))
    published_at = now - timedelta(minutes=chance.randrange(1, 900 * 24 * 60))
    level = chance.choice(_LEVELS)
    installs = int(30_000 / (rank + 1) ** 0.75)
    runs = installs * chance.randrange(5, 60) if chance.random() < 0.8 else 0
    bad = int(runs * chance.choice((0.0005, 0.001, 0.004, 0.01, 0.03, 0.08)))
    reach = max((_REACH[scope.rpartition(".")[2]] for scope in scopes), default=Reach.NOTHING)
    figures = {"runs": runs, "good": runs - bad}
    tags = tags_of(
        kind=concept.kind,
        level=level,
        reach=reach,
        scopes=scopes,
        facts=facts,
        published_at=published_at,
        now=now,
        **figures,
    )
    points = points_of(installs=installs, level=level, published_at=published_at, now=now, **figures)
    told = [text.summary, *kept.canonical.get("keywords", ())]
    doing = [f"{action.name} {action.summary} {action.id}" for action in kept.actions.values()]
    doing = [one.replace("Seed summary token.", text.summary).replace("Seed name token", text.name) for one in doing]
    texts = [
        " ".join(split(" ".join(some))) for some in ((text.name, text.slug), told, (*doing, *scopes), (text.publisher,))
    ]
    last = now - timedelta(hours=chance.randrange(1, 200)) if runs else None
    return Seed(
        extension=Extension(id=id, kind=concept.kind, slug=text.slug, name=text.name, publisher=text.publisher),
        version=Version(
            id=version_id,
            extension_id=id,
            number="1.0.0",
            sort_key=KEY,
            manifest=json.loads(text.manifest),
            manifest_digest=text.manifest_digest,
            digest=text.digest,
            changes="Made by seed_listings.",
            published_at=published_at,
        ),
        listing=(
            listing_id, id, version_id, level, text.summary, int(reach), json.dumps(scopes), json.dumps(facts),
            published_at, installs, runs, runs - bad, bad // 3, chance.randrange(20, 4_000) if runs else None, last,
        ),
        entry=(
            listing_id, id, version_id, text.slug, text.name, name_key(text.name), concept.kind, level, int(reach),
            " ".join(tags), *texts, points["used"], points["trust"], points["health"], points["fresh"], installs,
            published_at,
        ),
        words=frozenset(" ".join(texts).split()),
    )  # fmt: skip


def _scopes_of(manifest: Manifest) -> list[str]:
    """What it asks for; a pack asks for what the action needs that its one step calls."""
    if manifest.kind != "pack":
        return sorted(manifest.scopes)
    called = manifest.steps[0]["use"].rpartition("create_")[2]
    return [f"{plural(called)}.write"]


def _write(seeds: list[Seed], words: list[str]) -> None:
    Extension.objects.bulk_create((seed.extension for seed in seeds), ignore_conflicts=True)
    Version.objects.bulk_create((seed.version for seed in seeds), ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute(LISTINGS, _columns(seed.listing for seed in seeds))
        cursor.execute(ENTRIES, [KEY, *_columns(seed.entry for seed in seeds)])
        cursor.execute(WORDS, [words, [" ".join(shortened(word)) for word in words]])


def _columns(rows: Iterator[tuple]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _batches(items: list, size: int) -> Iterator[list]:
    return (items[start : start + size] for start in range(0, len(items), size))
