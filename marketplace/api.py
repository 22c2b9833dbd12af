"""The marketplace, for machines: what there is, and the digest that an installation names."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.serializers import StrictSerializer
from galaxy.core.api.views import WorkspaceView
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


class ListingPage(serializers.Serializer):
    results = ListingSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class ListingFilter(StrictSerializer, PageFilter):
    kind = serializers.ChoiceField(required=False, choices=Kind.choices)
    level = serializers.ChoiceField(required=False, choices=VerificationLevel.choices)


class Listings(WorkspaceView):
    """What the marketplace shows."""

    def rows(self):
        return Listing.objects.select_related("extension", "version").defer("search", "version__manifest")


class ListingListView(Listings):
    opens = {"GET": "listings.read"}

    @extend_schema(
        operation_id="listings_list",
        summary="List what can be installed",
        parameters=[ListingFilter],
        responses=ListingPage,
        tags=["Marketplace"],
    )
    def get(self, request, workspace):
        """Extensions of the marketplace, in the order of their slugs."""
        require(request.user, "core.view_listing", self.workspace)
        wanted = self.read(ListingFilter, request.GET)
        names = {"kind": "extension__kind", "level": "level"}
        filters = {names[name]: value for name, value in wanted.items() if name in names}
        return self.page(
            self.rows().filter(**filters), ListingSerializer, moment=None, key="extension__slug", limit=wanted["limit"]
        )


class ListingView(Listings):
    opens = {"GET": "listings.read"}

    @extend_schema(
        operation_id="listings_retrieve",
        summary="Read one listing",
        parameters=[],
        responses=ListingSerializer,
        tags=["Marketplace"],
    )
    def get(self, request, workspace, slug):
        """One extension of the marketplace, with the digest that installing it names."""
        require(request.user, "core.view_listing", self.workspace)
        return Response(ListingSerializer(get_object_or_404(self.rows(), extension__slug=slug)).data)
