"""Made-up listings on their way into the database: by COPY into a table of this session's own, since it may not write
behind a wall, and from there into all tables at once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from marketplace.cards.writing import SLOTS
from marketplace.search.statement import LOCALE
from marketplace.search.typos import shortened

_COLUMNS = {
    "listing": "uuid", "extension": "uuid", "version": "uuid", "kind": "text", "slug": "text", "name": "text",
    "name_key": "text", "publisher": "text", "manifest": "jsonb", "manifest_digest": "text", "digest": "text",
    "at": "timestamptz", "level": "text", "summary": "text", "reach": "int", "scopes": "jsonb", "facts": "jsonb",
    "installs": "int", "runs": "int", "good": "int", "auth_failed": "int", "p95_ms": "int", "last": "timestamptz",
    "tags": "text", "a": "text", "b": "text", "c": "text", "d": "text", "tier": "int", "used": "int", "trust": "int",
    "health": "int", "fresh": "int", "made_of": "text", **{f"part_{at}": "text" for at in range(len(SLOTS) + 1)},
}  # fmt: skip
_TABLE = f"""
DROP TABLE IF EXISTS pg_temp.making;
CREATE TEMP TABLE making ({", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())}) ON COMMIT DROP
"""
# What is there stays as it is. Without cards ``made_of`` is null.
_MOVE = f"""
DELETE FROM making WHERE listing IN (SELECT id FROM marketplace_listing);
INSERT INTO registry_extension (id, kind, slug, name, publisher, is_shipped, created_at)
SELECT extension, kind, slug, name, publisher, false, at FROM making ON CONFLICT DO NOTHING;
INSERT INTO registry_version (id, extension_id, number, sort_key, manifest, manifest_digest, digest, status, changes,
    security_fix, published_at, retire_reason, migration_note, yank_reason, quarantine)
SELECT version, extension, '1.0.0', %(key)s, manifest, manifest_digest, digest, 'published', 'Made by seed_listings.',
    '', at, '', '', '', '' FROM making ON CONFLICT DO NOTHING;
INSERT INTO marketplace_listing (id, extension_id, version_id, level, summary, reach, scopes, facts, listed_at,
    updated_at, installs, runs, good, auth_failed, p95_ms, last_run_at, is_made_up)
SELECT listing, extension, version, level, summary, reach, scopes, facts, at, at, installs, runs, good, auth_failed,
    p95_ms, last, true FROM making ON CONFLICT DO NOTHING;
INSERT INTO marketplace_publicentry (listing_id, extension_id, version_id, number, sort_key, slug, name, name_key, kind,
    level, reach, tags, search, tier, used, trust, health, fresh, installs, published_at)
SELECT listing, extension, version, '1.0.0', %(key)s, slug, name, name_key, kind, level, reach,
    string_to_array(tags, ' '), marketplace_vector(a, b, c, d, string_to_array(tags, ' ')), tier, used, trust, health,
    fresh, installs, at FROM making ON CONFLICT DO NOTHING;
INSERT INTO marketplace_card (listing_id, locale, parts, made_of)
SELECT listing, '{LOCALE}', ARRAY[{", ".join(f"part_{at}" for at in range(len(SLOTS) + 1))}], made_of
FROM making WHERE made_of IS NOT NULL ON CONFLICT DO NOTHING;
TRUNCATE making
"""  # noqa: S608  (our own columns)
_WORDS = """
INSERT INTO marketplace_word (word, documents, shortened) SELECT word, documents, string_to_array(pieces, ' ')
FROM unnest(%s::text[], %s::int[], %s::text[]) t(word, documents, pieces) ON CONFLICT DO NOTHING
"""
_NOTHING = (None,) * (len(SLOTS) + 1)


@dataclass(frozen=True)
class Seed:
    """One listing before it is written. ``texts`` are its words by weight; ``card`` is (what it was made of, parts)."""

    ids: tuple[Any, Any, Any]
    naming: tuple[str, ...]
    listing: tuple[Any, ...]
    tags: str
    texts: tuple[str, ...]
    tier: int
    points: tuple[int, ...]
    card: tuple[str | None, tuple[str | None, ...]] = (None, _NOTHING)

    def with_card(self, made_of: str, parts: tuple[str, ...]) -> "Seed":
        return replace(self, card=(made_of, parts))

    @property
    def row(self) -> tuple[Any, ...]:
        made_of, parts = self.card
        return (
            *self.ids, *self.naming, *self.listing, self.tags, *self.texts, self.tier, *self.points, made_of, *parts,
        )  # fmt: skip


def open_table() -> None:
    """Within the caller's transaction, which it ends with."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)


def load(seeds: Iterable[Seed], sort_key: str) -> None:
    with connection.cursor() as cursor:
        with cursor.copy("COPY making FROM STDIN") as copy:
            for seed in seeds:
                copy.write_row(seed.row)
        cursor.execute(_MOVE, {"key": sort_key})


def load_words(counted: Counter[str]) -> None:
    """What typos are corrected by, with how many listings have each."""
    words = sorted(counted)
    pieces = [" ".join(shortened(word)) for word in words]
    with connection.cursor() as cursor:
        cursor.execute(_WORDS, [words, [counted[word] for word in words], pieces])
