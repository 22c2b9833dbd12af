"""``seed_listings``: the same listings each time, whole and marked, and never in production."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from marketplace.cards.writing import digest_of, for_cards, parts_for, values_of
from marketplace.checks.models import KnownName
from marketplace.models import Card, Listing, PublicEntry, Word
from marketplace.search import indexing
from marketplace.seeding import making
from registry.manifests import version_digest
from registry.models import Version

pytestmark = pytest.mark.django_db
COUNT = 130
WRITTEN = ((PublicEntry, "pk", "tier"), (Word, "word", "documents"))


def seed(count=COUNT):
    out = StringIO()
    call_command("seed_listings", count, stdout=out)
    return out.getvalue()


def test_listings_are_whole_marked_and_the_same_each_time(client_of, workspace, member):
    assert f"{COUNT} made-up listings" in seed()
    before = set(Version.objects.values_list("id", "digest"))
    seed()
    assert set(Version.objects.values_list("id", "digest")) == before
    assert (Listing.objects.count(), PublicEntry.objects.count()) == (COUNT, COUNT)
    for listing in Listing.objects.select_related("version__extension", "extension"):
        manifest = listing.version.parsed
        assert (manifest.digest, version_digest(manifest, {})) == (
            listing.version.manifest_digest,
            listing.version.digest,
        )
        assert listing.is_made_up and listing.extension.publisher.endswith("(seed)")
        assert manifest.is_draft is False
    page = client_of(member).get(reverse("marketplace:listing-list", args=[workspace.slug]))
    assert "made up" in page.content.decode()
    assert f"{COUNT} extensions" in page.content.decode()  # nothing lies below what was looked through
    detail = reverse("marketplace:listing-detail", args=[workspace.slug, listing.extension.slug])
    assert client_of(member).get(detail).status_code == 200


def test_cards_tiers_and_words_are_what_the_product_makes_of_each_listing_by_itself():
    seed()
    listings = list(for_cards(Listing.objects.all()))
    cards = {card.listing_id: card for card in Card.objects.all()}
    assert {pk: card.parts for pk, card in cards.items()} == parts_for(listings)
    assert any(listing.requires for listing in listings) and any(listing.runs for listing in listings)
    for listing in listings:
        names = {listing.extension.publisher.split()[0].lower(): listing.extension.publisher.split()[0]}
        assert cards[listing.pk].made_of == digest_of(values_of(listing, names))
    assert set(KnownName.objects.filter(kind="extension").values_list("name", flat=True)) == {
        listing.extension.slug for listing in listings
    }
    tiers, words = (dict(model.objects.values_list(*names)) for model, *names in WRITTEN)
    assert len(set(tiers.values())) == 1 and len(words) > 100  # the first tier holds 160
    with connection.cursor() as cursor:
        cursor.execute(indexing.COUNT_WORDS)
        assert words == dict(cursor.fetchall())


def test_what_is_there_stays_and_lacking_cards_are_written():
    call_command("seed_listings", 20, no_cards=True, stdout=StringIO())
    assert not Card.objects.exists()
    before = dict(Listing.objects.values_list("pk", "installs"))
    seed(40)
    assert before.items() <= dict(Listing.objects.values_list("pk", "installs")).items()
    listings = list(for_cards(Listing.objects.all()))
    assert len(listings) == 40
    assert dict(Card.objects.values_list("listing", "parts")) == parts_for(listings)


def test_each_listing_is_placed_where_refresh_would_place_it(monkeypatch):
    monkeypatch.setattr(indexing, "BOUNDS", [5, 15, 40, 80, 110])
    monkeypatch.setattr(making, "BOUNDS", indexing.BOUNDS)
    monkeypatch.setattr(making, "refresh", lambda: 0)
    seed()
    placed = dict(PublicEntry.objects.values_list("pk", "tier"))
    indexing.refresh()
    assert placed == dict(PublicEntry.objects.values_list("pk", "tier"))
    assert set(placed.values()) == {1, 2, 3, 4, 5, 6}


def test_not_in_production(settings):
    settings.HARDENED = True
    with pytest.raises(CommandError, match="development only"):
        seed()
    settings.HARDENED = False
    with pytest.raises(CommandError, match="from 1 to"):
        seed(0)
