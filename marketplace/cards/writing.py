"""Writing cards: the template is rendered once for each version, its figures and a language, and kept in parts."""

import hashlib
import json
import secrets
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet
from django.template.loader import render_to_string

from marketplace.cards.figures import figures_of
from marketplace.cards.models import Card
from marketplace.models import Listing
from marketplace.search.statement import LOCALE
from registry.asks import short_words

TEMPLATE = "marketplace/_card.html"
SLOTS = ("wide", "home", "wants", "why", "state")  # what a workspace puts in, in the order of the template
EDITION = 3  # raised when the template changes, so that every card is written anew
BATCH = 500


def write_cards(listings: Iterable[Listing]) -> int:
    """Write the cards of ``listings`` that changed; returns how many. Safe to run twice.

    They come with ``extension`` and ``version``; within the caller's transaction.
    """
    rows = list(listings)
    written = 0
    for start in range(0, len(rows), BATCH):
        written += _write(rows[start : start + BATCH])
    return written


def for_cards(listings: QuerySet[Listing]) -> Any:
    """``listings`` with what their cards are made of; the manifest itself stays in the database."""
    return (
        listings.select_related("extension__owner", "version")
        .defer("version__manifest")
        .annotate(requires=F("version__manifest__requires"))
    )


def _write(listings: list[Any]) -> int:
    names = _names({slug for listing in listings for slug in _requires(listing)})
    known = dict(Card.objects.filter(listing__in=listings, locale=LOCALE).values_list("listing", "made_of"))
    cards = []
    for listing in listings:
        values = values_of(listing, names)
        made_of = digest_of(values)
        if known.get(listing.pk) != made_of:
            parts = parts_of(values)
            cards.append(
                Card(workspace_id=listing.workspace_id, listing=listing, locale=LOCALE, parts=parts, made_of=made_of)
            )
    Card.objects.bulk_create(
        cards, update_conflicts=True, unique_fields=["listing", "locale"], update_fields=["parts", "made_of"]
    )
    return len(cards)


def parts_for(listings: list[Any]) -> dict[UUID, list[str]]:
    """The cards of ``listings`` (of ``for_cards``) by id, without keeping them."""
    names = _names({slug for listing in listings for slug in _requires(listing)})
    return {listing.pk: parts_of(values_of(listing, names)) for listing in listings}


def parts_of(values: dict[str, Any]) -> list[str]:
    """The rendered card, cut where the slots are. The marks are drawn by lot each time, so no text can hold one."""
    lot = secrets.token_hex(16)
    marks = {name: f"{lot}{at}" for at, name in enumerate(SLOTS)}
    rest: str = render_to_string(TEMPLATE, {**values, "slot": marks})
    parts = []
    for mark in marks.values():
        part, rest = rest.split(mark)
        parts.append(part)
    return [*parts, rest.strip()]


def digest_of(values: dict[str, Any]) -> str:
    """Of all that a card is made of."""
    return hashlib.sha256(json.dumps([EDITION, values], sort_keys=True, default=str).encode()).hexdigest()


def values_of(listing: Any, names: dict[str, str]) -> dict[str, Any]:
    """What the template says of a listing (of ``for_cards``); ``names`` are those of what packs require, by slug."""
    extension, version = listing.extension, listing.version
    return {
        "slug": extension.slug,
        "name": extension.name,
        "kind": extension.get_kind_display(),
        "publisher": extension.publisher,
        "is_unproven": _is_unproven(listing),
        "level": listing.level,
        "is_private": listing.workspace_id is not None,
        "is_made_up": listing.is_made_up,
        "summary": listing.summary,
        "asks": short_words(listing.scopes),
        "requires": [names.get(slug, slug) for slug in _requires(listing)],
        "number": version.number,
        "published_at": version.published_at,
        "installs": listing.installs,
        "used_in": f"{listing.installs:,}",
        "figures": figures_of(listing),
    }


def _is_unproven(listing: Any) -> bool:
    """A publisher's own name that nobody proved. What a workspace has for itself, and what is made up, claims none."""
    owner = listing.extension.owner
    return listing.workspace_id is None and owner is not None and not owner.is_proven


def _requires(listing: Any) -> list[str]:
    asked = getattr(listing, "requires", None)
    return list(
        listing.version.manifest.get("requires", {}) if asked is None and _has_manifest(listing) else asked or {}
    )


def _has_manifest(listing: Listing) -> bool:
    return "manifest" not in listing.version.get_deferred_fields()


def _names(slugs: set[str]) -> dict[str, str]:
    listed = Listing.objects.filter(extension__slug__in=slugs)
    return dict(listed.values_list("extension__slug", "extension__name")) if slugs else {}
