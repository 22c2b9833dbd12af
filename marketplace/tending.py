"""Keeping what is searched whole: whatever a crash, an upgrade or a new template left behind is made good here."""

from collections.abc import Callable
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.sweeps import apart
from marketplace.cards.writing import for_cards, write_cards
from marketplace.models import Listing
from marketplace.search.indexing import index_listing, refresh, refresh_ages
from registry.models import Publisher

AT_MOST = 2_000  # of each kind in one sweep; the next one takes the rest


def tend(now: datetime | None = None) -> int:
    """Returns how many entries and cards were missing. Safe to run twice."""
    now = now or timezone.now()
    made = _missing(Listing.objects.public(), now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM marketplace_private_catalogues()")
        ids = [row[0] for row in cursor.fetchall()]
    for id in ids:
        with apart("marketplace.tend", id):
            made += _missing(Listing.objects.filter(workspace=id), now)
    refresh_ages(now)
    refresh()
    return made


def write_cards_of_publisher(publisher: Publisher, **news: object) -> None:
    """Say on the public cards of a publisher how its name stands, now that this changed."""
    with transaction.atomic():
        write_cards(for_cards(Listing.objects.public().filter(extension__owner=publisher)))


def _missing(listings: QuerySet[Listing], now: datetime) -> int:
    bare = listings.filter(publicentry=None, privateentry=None).select_related("extension", "version")
    return _one_by_one(bare[:AT_MOST], lambda one: index_listing(one, now=now)) + _one_by_one(
        for_cards(listings.filter(cards=None))[:AT_MOST], lambda one: write_cards([one])
    )


def _one_by_one(listings: QuerySet[Listing], make: Callable[[Listing], object]) -> int:
    rows = list(listings)
    for listing in rows:
        with transaction.atomic():
            make(listing)
    return len(rows)
