"""The marketplace, for machines: what there is, and the digest that an installation names."""

from rest_framework import serializers

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.permissions import require
from marketplace.models import Listing, Reach, VerificationLevel
from registry.api import ExtensionSerializer, PinnedSerializer
from registry.models import Kind


class ListingSerializer(serializers.Serializer):
    extension = ExtensionSerializer()
    version = PinnedSerializer()
    level = serializers.ChoiceField(choices=VerificationLevel.choices)
    summary = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField(), help_text="What it asks for.")
    reach = serializers.SerializerMethodField()
    updated_at = serializers.DateTimeField()

    def get_reach(self, listing: Listing) -> str:
        return Reach(listing.reach).name.lower()


class ListingFilter(PageFilter):
    kind = serializers.ChoiceField(required=False, choices=Kind.choices)
    level = serializers.ChoiceField(required=False, choices=VerificationLevel.choices)


class Listings(RowsView):
    """What the marketplace shows."""

    row = ListingSerializer

    def visible(self):
        require(self.caller.person, "core.view_listing", self.workspace)
        return Listing.objects.open_to(self.workspace).select_related("extension", "version").defer("version__manifest")


@lists("listings", "List what can be installed", tag="Marketplace")
class ListingListView(Listings, ListView):
    """Extensions of the marketplace, in the order of their slugs."""

    opens = {"GET": "listings.read"}
    takes = ListingFilter
    where = {"kind": "extension__kind", "level": "level"}
    key = "extension__slug"


@reads("listings", "Read one listing", tag="Marketplace")
class ListingView(Listings, DetailView):
    """One extension of the marketplace, with the digest that installing it names."""

    opens = {"GET": "listings.read"}
    where = {"slug": "extension__slug"}
