"""What one publishes, for machines: its versions and how they end, by the services that the pages use."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.errors import Invalid
from marketplace.retiring.forms import NOTE, REASON
from marketplace.retiring.reading import publications_of, release_of, releases_of, require_publications
from registry.models import Kind, Version
from registry.services.retiring import deprecate, may_retire, undo_deprecation, yank

TAG = "Publications"


class PublicationSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    publisher = serializers.CharField()
    versions = serializers.IntegerField(source="releases", help_text="How many are out.")
    ending = serializers.IntegerField(help_text="How many of them are deprecated.")


class ReleaseSerializer(serializers.Serializer):
    """A version and how it ends."""

    number = serializers.CharField()
    digest = serializers.CharField()
    status = serializers.ChoiceField(choices=Version.Status.choices)
    quarantine = serializers.ChoiceField(
        choices=Version.Held.choices,
        help_text="`flagged` or `stopped` while the marketplace looks into it, else empty.",
    )
    published_at = serializers.DateTimeField()
    deprecated_at = serializers.DateTimeField(allow_null=True)
    ends_on = serializers.DateField(allow_null=True, help_text="The last day, by UTC.")
    reason = serializers.CharField(source="retire_reason", help_text="Why it ends; empty where it does not.")
    successor = serializers.CharField(
        source="successor.number", allow_null=True, default=None, help_text="The number of what to move to."
    )
    migration_note = serializers.CharField()
    yanked_at = serializers.DateTimeField(allow_null=True)
    yank_reason = serializers.CharField()


class HeldReleaseSerializer(ReleaseSerializer):
    workspaces = serializers.IntegerField(help_text="How many hold it now.")


class PublicationDetailSerializer(PublicationSerializer):
    may_retire = serializers.BooleanField(source="told.may_retire", help_text="Whether you say how its versions end.")
    releases = serializers.SerializerMethodField(help_text="The newest first.")
    versions = serializers.IntegerField(source="told.versions", help_text="How many are out.")

    @extend_schema_field(HeldReleaseSerializer(many=True))
    def get_releases(self, row: Any) -> list[dict[str, Any]]:
        """``row`` is an Extension with ``told``, {may_retire, versions, releases}."""
        return [ReleaseSerializer(one.version).data | {"workspaces": one.workspaces} for one in row.told["releases"]]


class PublicationFilter(PageFilter):
    kind = serializers.ChoiceField(required=False, choices=Kind.choices)


class DeprecationBody(StrictSerializer):
    """How a version ends; said again, the day may only come later."""

    ends_on = serializers.DateField(help_text="The last day, by UTC: at least 90 days from now.")
    reason = serializers.CharField(max_length=REASON, help_text="Whoever uses it reads this.")
    successor = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=64, help_text="The number of another version of it."
    )
    migration_note = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=NOTE, help_text="What has to be done to move there."
    )


class RetirementReasonBody(StrictSerializer):
    reason = serializers.CharField(max_length=REASON, help_text="Whoever uses it reads this.")


class Publications(RowsView):
    """What this workspace publishes; at the desk, everything."""

    row = PublicationSerializer

    def visible(self):
        require_publications(self.caller.person, self.workspace)
        return publications_of(self.workspace)


@lists("publications", "List what is published", tag=TAG)
class PublicationListView(Publications, ListView):
    """What this workspace publishes in the marketplace under names of its own, newest first."""

    opens = {"GET": "publications.read"}
    takes = PublicationFilter
    where = {"kind": "kind"}
    moment = "created_at"


@reads("publications", "Read one publication", tag=TAG)
class PublicationView(Publications, DetailView):
    """One extension, with its versions and how they end."""

    opens = {"GET": "publications.read"}
    row = PublicationDetailSerializer

    def find(self, **place):
        row = get_object_or_404(self.visible(), **place)
        row.told = {
            "may_retire": may_retire(self.caller.person, row),
            "versions": row.releases,
            "releases": releases_of(row),
        }
        return row


class RetiringView(Publications):
    """An act on one version. Who may is said by the service: the publisher's managers, and the desk."""

    opens = {"POST": "publications.write"}

    def version(self, slug: str, number: str) -> Version:
        return release_of(get_object_or_404(self.visible(), slug=slug), number)

    def answer(self, version: Version) -> Response:
        return Response(ReleaseSerializer(self.version(version.extension.slug, version.number)).data)


class DeprecationView(RetiringView):
    @extend_schema(
        operation_id="publications_deprecate",
        summary="Deprecate a version",
        request=DeprecationBody,
        responses=ReleaseSerializer,
        tags=[TAG],
    )
    @repeatable
    def post(self, request, workspace, slug, number):
        """Say on which day it ends, why, and what follows it. Whoever holds it is told at 90, 60, 30, 7 and 1 days."""
        said = self.read(DeprecationBody)
        version = self.version(slug, number)
        deprecate(
            version,
            ends_on=said["ends_on"],
            reason=said["reason"],
            successor=self._successor(version, said["successor"]),
            migration_note=said["migration_note"],
            actor=self.caller.person,
        )
        return self.answer(version)

    def _successor(self, version: Version, number: str) -> Version | None:
        if not number:
            return None
        try:
            return release_of(version.extension, number)
        except Http404 as error:
            raise Invalid(
                "There is no such successor.", {"successor": "Name a version of it by its number."}
            ) from error


class DeprecationEndView(RetiringView):
    @extend_schema(
        operation_id="publications_keep",
        summary="Take a deprecation back",
        request=RetirementReasonBody,
        responses=ReleaseSerializer,
        tags=[TAG],
    )
    @repeatable
    def post(self, request, workspace, slug, number):
        """Keep a version that was deprecated, before its last day."""
        reason = self.read(RetirementReasonBody)["reason"]
        version = self.version(slug, number)
        undo_deprecation(version, reason=reason, actor=self.caller.person)
        return self.answer(version)


class YankingView(RetiringView):
    @extend_schema(
        operation_id="publications_yank",
        summary="Yank a version",
        request=RetirementReasonBody,
        responses=ReleaseSerializer,
        tags=[TAG],
    )
    @repeatable
    def post(self, request, workspace, slug, number):
        """Take it back for good: nobody installs it any more. Where it is held, it goes on."""
        reason = self.read(RetirementReasonBody)["reason"]
        version = self.version(slug, number)
        yank(version, reason=reason, actor=self.caller.person)
        return self.answer(version)
