"""Writing what is searched: the entry of a listing when it changes, and all of them when beat has counted anew."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import connection, transaction
from django.db.models import Func, TextField, Value
from django.utils import timezone

from marketplace.models import Listing
from marketplace.search.facets import RECENCIES, RECENCY, bounds_of, tags_of
from marketplace.search.models import TIERS, PrivateEntry, PublicEntry, Word
from marketplace.search.scoring import points_of
from marketplace.search.typos import shortened
from marketplace.search.words import name_key, split
from registry.manifests import Manifest

FIRST_TIER = 160  # entries in the first tier of popularity
GROWTH = 3.5  # each further tier holds about so many times as many
BOUNDS = [int(FIRST_TIER * GROWTH**at) for at in range(TIERS - 1)]  # the places, from 0, at which the others begin

# Stems and tags stand among the words; what is no word of the table is left out.
COUNT_WORDS = """
SELECT s.word, s.ndoc FROM ts_stat('SELECT search FROM marketplace_publicentry') s
JOIN marketplace_word w ON w.word = s.word COLLATE "C"
"""
# Which tier each entry belongs to, by its place in the order of quality; only those that moved are written.
MOVE_TIERS = """
WITH placed AS (
    SELECT listing_id, tier,
        width_bucket(row_number() OVER (ORDER BY quality DESC, listing_id) - 1, %(bounds)s::bigint[]) + 1 AS new
    FROM marketplace_publicentry
)
UPDATE marketplace_publicentry e SET tier = placed.new
FROM placed WHERE placed.listing_id = e.listing_id AND placed.new <> placed.tier
"""

RECOUNT = """
UPDATE marketplace_word w SET documents = counted.documents
FROM unnest(%s::text[], %s::int[]) counted(word, documents) WHERE w.word = counted.word COLLATE "C"
"""

RESCORE = """
UPDATE {table} SET search = ts_delete(search, tags::text[]) || array_to_tsvector(%(tags)s::text[]), tags = %(tags)s,
    used = %(used)s, trust = %(trust)s, health = %(health)s, fresh = %(fresh)s, installs = %(installs)s
WHERE listing_id = %(id)s
"""


def index_listing(listing: Listing, *, now: datetime | None = None) -> None:
    """Write the entry of ``listing`` anew, within the caller's transaction.

    Its words are added to those that typos are corrected by at once; how many listings have a word, and the tiers of
    popularity, are counted by ``refresh``.
    """
    now = now or timezone.now()
    version, extension = listing.version, listing.extension
    tags = listing_tags(listing, now=now)
    model: Any = PublicEntry if listing.workspace_id is None else PrivateEntry
    before = model.objects.filter(listing=listing).values_list("tier", flat=True).first()
    tier = before or (TIERS if listing.workspace_id or PublicEntry.objects.count() >= FIRST_TIER else 1)
    texts = texts_of(version.parsed, listing)
    values = {
        "extension": extension,
        "version": version,
        "number": version.number,
        "sort_key": version.sort_key,
        "slug": extension.slug,
        "name": extension.name,
        "name_key": name_key(extension.name),
        "kind": extension.kind,
        "level": listing.level,
        "reach": listing.reach,
        "tags": tags,
        "search": vector_of(texts, tags),
        "tier": tier,
        "installs": listing.installs,
        "published_at": version.published_at,
        **listing_points(listing, now=now),
    }
    if listing.workspace_id is not None:
        values["workspace_id"] = listing.workspace_id
    model.objects.update_or_create(listing=listing, defaults=values)
    if listing.workspace_id is None:
        _know(word for text in texts.values() for word in split(text))


def listing_tags(listing: Listing, *, now: datetime) -> list[str]:
    return tags_of(
        kind=listing.extension.kind,
        level=listing.level,
        reach=listing.reach,
        scopes=listing.scopes,
        facts=listing.facts,
        runs=listing.runs,
        good=listing.good,
        published_at=listing.version.published_at,
        now=now,
    )


def listing_points(listing: Listing, *, now: datetime) -> dict[str, int]:
    return points_of(
        installs=listing.installs,
        level=listing.level,
        runs=listing.runs,
        good=listing.good,
        published_at=listing.version.published_at,
        now=now,
    )


def texts_of(manifest: Manifest, listing: Listing) -> dict[str, str]:
    """What is searched, by weight: name (A), summary and keywords (B), actions and scopes (C), publisher (D)."""
    extension = listing.extension
    doing = [f"{action.name} {action.summary} {action.id}" for action in manifest.actions.values()]
    return {
        "A": f"{extension.name} {extension.slug}",
        "B": " ".join([listing.summary, *manifest.canonical.get("keywords", ())]),
        "C": " ".join([*doing, *listing.scopes]),
        "D": extension.publisher,
    }


def vector_of(texts: dict[str, str], tags: Iterable[str]) -> Any:
    """The expression for ``Entry.search``, as a function of PostgreSQL has it: see the migration."""
    words = [Value(" ".join(split(texts[weight])), output_field=TextField()) for weight in "ABCD"]
    kept = Value(list(tags), output_field=ArrayField(TextField()))
    return Func(*words, kept, function="marketplace_vector", output_field=SearchVectorField())


def rescore(listings: Iterable[Listing], *, now: datetime) -> None:
    """Give the entries of ``listings`` the tags and points that their figures are worth now."""
    with connection.cursor() as cursor:
        for listing in listings:
            table = "marketplace_publicentry" if listing.workspace_id is None else "marketplace_privateentry"
            points = listing_points(listing, now=now)
            values: dict[str, Any] = {
                "tags": listing_tags(listing, now=now),
                "id": listing.pk,
                "installs": listing.installs,
                **points,
            }
            cursor.execute(RESCORE.format(table=table), values)


def refresh_ages(now: datetime | None = None) -> int:
    """Let releases grow old, in tags and points; returns how many entries changed. Safe to run twice."""
    now = now or timezone.now()
    listings = Listing.objects.public().select_related("extension", "version").defer("version__manifest")
    aged: list[Any] = []
    for name in RECENCIES:
        since, before = bounds_of(name, now)
        stale = PublicEntry.objects.filter(published_at__gt=since, published_at__lte=before)
        aged += stale.exclude(tags__contains=[RECENCY + name]).values_list("pk", flat=True)
    for start in range(0, len(aged), 1_000):
        with transaction.atomic():
            rescore(listings.filter(pk__in=aged[start : start + 1_000]), now=now)
    return len(aged)


@transaction.atomic
def refresh() -> int:
    """Count words and place the entries in their tiers; returns how many words there are. Safe to run twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('marketplace.search.refresh'))")
        cursor.execute(MOVE_TIERS, {"bounds": BOUNDS})
        cursor.execute(COUNT_WORDS)
        counted = dict(cursor.fetchall())
        known = dict(Word.objects.values_list("word", "documents"))
        moved = [word for word in known if known[word] != counted.get(word, known[word])]
        cursor.execute(RECOUNT, [moved, [counted[word] for word in moved]])
    Word.objects.filter(word__in=[word for word in known if word not in counted]).delete()
    return len(counted)


def _know(words: Iterable[str]) -> None:
    some = sorted(set(words))
    new = set(some) - set(Word.objects.filter(word__in=some).values_list("word", flat=True))
    rows = [Word(word=word, documents=1, shortened=shortened(word)) for word in sorted(new)]
    Word.objects.bulk_create(rows, ignore_conflicts=True)
