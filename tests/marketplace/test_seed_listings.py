"""``seed_listings``: the same listings each time, whole and marked, and never in production."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from marketplace.models import Listing, PublicEntry
from registry.manifests import version_digest
from registry.models import Version

COUNT = 130


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


def test_not_in_production(settings):
    settings.HARDENED = True
    with pytest.raises(CommandError, match="development only"):
        seed()
    settings.HARDENED = False
    with pytest.raises(CommandError, match="from 1 to"):
        seed(0)
