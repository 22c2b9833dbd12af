"""Bundles, for machines: exported, looked into, and imported by the same services as on the pages."""

import base64
import hashlib
from typing import Any, ClassVar

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.parsing import StrictJSONParser
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import EmptyBody, PersonSerializer, StrictSerializer
from galaxy.core.api.views import WorkspaceView, repeatable
from galaxy.core.errors import Invalid
from galaxy.core.permissions import require
from marketplace.bundles.exporting import export_version, exportable_version
from marketplace.bundles.importing import drop_upload, hand_in, import_bundle, look_into, may_import
from marketplace.bundles.layout import MAX_BYTES
from marketplace.bundles.looking import WORDS, Look
from marketplace.bundles.models import BundleSource, BundleUpload
from marketplace.submissions.api import FindingSerializer
from marketplace.submissions.facing import PRIVATE, PUBLIC
from registry.models import Kind

IMPORTED = "imported"
STATES = [*WORDS, IMPORTED]  # of a version
KEY_STATES = ["trusted", "believed", "revoked", "unknown"]
MOST_BASE64 = (MAX_BYTES + 2) // 3 * 4


class LargeJSONParser(StrictJSONParser):
    """The same for a bundle in base64."""

    limit: ClassVar[int] = 12 * 1024**2


class BundleSourceSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    key = serializers.CharField(source="key_id", help_text="The short name of its first key.")
    public = serializers.CharField(source="public_text", help_text="That key, in base64.")
    reason = serializers.CharField(help_text="How it became known.")
    speaks_for_shipped = serializers.BooleanField(
        help_text="Whether it continues the extensions that came with Galaxy."
    )
    entered_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoke_reason = serializers.CharField()


class PackedVersionSerializer(serializers.Serializer):
    extension = serializers.CharField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    number = serializers.CharField()
    digest = serializers.CharField(help_text="Recomputed here.")
    publisher = serializers.CharField(help_text="In its own words.")
    level = serializers.CharField(help_text="What it had there. Here it begins as community.")
    state = serializers.ChoiceField(choices=STATES)
    sentence = serializers.CharField(help_text="Why it stands so, where that is not plain.")
    signed_by = serializers.CharField(help_text="The key whose signature holds; empty where none does.")
    scopes = serializers.ListField(child=serializers.CharField())
    hosts = serializers.ListField(child=serializers.CharField())
    findings = FindingSerializer(many=True, help_text="Of the one list of checks, run here.")


class BundleKeySerializer(serializers.Serializer):
    id = serializers.CharField()
    state = serializers.ChoiceField(choices=KEY_STATES)


class BundleSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    state = serializers.SerializerMethodField()
    source = BundleSourceSerializer(allow_null=True, help_text="Who vouched for it; null until it is imported.")
    uploaded_by = PersonSerializer(allow_null=True, help_text="Null for an operator's command.")
    uploaded_at = serializers.DateTimeField()
    imported_by = PersonSerializer(allow_null=True)
    imported_at = serializers.DateTimeField(allow_null=True)

    def get_state(self, row: BundleUpload) -> str:
        return IMPORTED if row.imported_at else "waiting"


class BundleDetailSerializer(BundleSerializer):
    catalogue = serializers.ChoiceField(choices=[PUBLIC, PRIVATE])
    can_be_imported = serializers.BooleanField()
    why_not = serializers.CharField(help_text="Why it cannot be imported now; empty where it can.")
    keys = BundleKeySerializer(many=True)
    versions = PackedVersionSerializer(many=True, help_text="In the order in which they are imported.")


class BundleBody(StrictSerializer):
    content = serializers.CharField(max_length=MOST_BASE64, help_text="The file in base64; 8 MB at most before that.")
    name = serializers.CharField(required=False, default="", allow_blank=True, max_length=120)


class ExportedBundleSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="What the file is called.")
    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    content = serializers.CharField(help_text="The file in base64.")


class BundleExportBody(StrictSerializer):
    version = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=64,
        help_text="Its number; the listed one where it is left out.",
    )


class Bundles(RowsView):
    row = BundleSerializer

    def visible(self):
        require(self.caller.person, may_import(self.workspace), self.workspace)
        rows = BundleUpload.objects.in_workspace(self.workspace).defer("content")
        return rows.select_related("workspace", "source", "uploaded_by", "imported_by")

    def answer(self, pk: Any, status: int = 200) -> Response:
        return Response(BundleDetailSerializer(_Told(self.visible().get(pk=pk))).data, status=status)


class _Told:
    """A bundle with what a look into it finds; once it is imported, with what came of it."""

    def __init__(self, row: BundleUpload):
        self._row = row
        look = None if row.imported_at else look_into(row)
        self.catalogue = PUBLIC if row.workspace.is_marketplace else PRIVATE
        self.why_not = look.why_not if look else "It was imported."
        self.can_be_imported = look is not None and not look.why_not
        self.keys = look.keys if look else []
        self.versions = _seen(look) if look else _made(row)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)


def _seen(look: Look) -> list[dict[str, Any]]:
    return [
        {
            "extension": one.manifest.id,
            "kind": one.manifest.kind,
            "number": one.manifest.version,
            "digest": one.packed.digest,
            "publisher": one.packed.publisher,
            "level": one.packed.level,
            "state": one.state,
            "sentence": one.sentence,
            "signed_by": one.signed.key if one.signed else "",
            "scopes": [ask.scope for ask in one.asks],
            "hosts": list(one.manifest.hosts),
            "findings": one.checked.findings,
        }
        for one in look.versions
    ]


def _made(row: BundleUpload) -> list[dict[str, Any]]:
    rows = row.versions.select_related("version__extension").order_by("version__extension__slug")
    return [
        {
            "extension": one.version.extension.slug,
            "kind": one.version.extension.kind,
            "number": one.version.number,
            "digest": one.digest,
            "publisher": one.publisher,
            "level": one.level,
            "state": IMPORTED,
            "sentence": "",
            "signed_by": one.key_id,
            "scopes": list(one.version.parsed.scopes),
            "hosts": list(one.version.parsed.hosts),
            "findings": [],
        }
        for one in rows
    ]


@lists("bundles", "List bundles", tag="Bundles")
class BundleListView(Bundles, ListView):
    """Bundles that were handed in, the newest first: those that wait for a day, and those that were imported."""

    opens = {"GET": "bundles.read", "POST": "bundles.write"}
    parser_classes: ClassVar = [LargeJSONParser]
    moment = "uploaded_at"

    @extend_schema(
        operation_id="bundles_create",
        summary="Look into a bundle",
        request=BundleBody,
        responses={200: BundleDetailSerializer, 201: BundleDetailSerializer},
        tags=["Bundles"],
    )
    @repeatable
    def post(self, request, workspace):
        """Hand in a file and see what is in it. Nothing is imported. The same bytes twice answer what stands (200)."""
        require(self.caller.person, may_import(self.workspace), self.workspace)
        said = self.read(BundleBody)
        try:
            content = base64.b64decode(said["content"], validate=True)
        except ValueError as error:
            raise Invalid("The file cannot be read.", {"content": "It is not base64."}) from error
        row, is_new = hand_in(self.workspace, content=content, name=said["name"], actor=self.caller.person)
        return self.answer(row.pk, 201 if is_new else 200)


@reads("bundles", "Read one bundle", tag="Bundles")
class BundleView(Bundles, DetailView):
    """What is in a bundle, who vouches for it, and how each version stands here now."""

    opens = {"GET": "bundles.read"}
    row = BundleDetailSerializer

    def get(self, request, workspace, **place):
        return self.answer(self.find(**place).pk)


class BundleImportView(Bundles):
    opens = {"POST": "bundles.write"}

    @extend_schema(
        operation_id="bundles_import",
        summary="Import a bundle",
        request=EmptyBody,
        responses=BundleDetailSerializer,
        tags=["Bundles"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Publish and list every version that is new here, all or none: at the desk in the marketplace, elsewhere in
        the workspace's own catalogue."""
        self.read(EmptyBody)
        import_bundle(get_object_or_404(self.visible(), pk=pk), actor=self.caller.person)
        return self.answer(pk)


class BundleRemovalView(Bundles):
    opens = {"POST": "bundles.write"}

    @extend_schema(
        operation_id="bundles_remove",
        summary="Put a bundle away",
        request=EmptyBody,
        responses=BundleSerializer,
        tags=["Bundles"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Forget a file that was not imported."""
        self.read(EmptyBody)
        row = get_object_or_404(self.visible(), pk=pk)
        told = self.row(row).data
        drop_upload(row, actor=self.caller.person)
        return Response(told)


class ListingBundleView(WorkspaceView):
    opens: ClassVar = {"POST": "bundles.read"}

    @extend_schema(
        operation_id="bundles_export",
        summary="Export a bundle",
        request=BundleExportBody,
        responses=ExportedBundleSerializer,
        tags=["Bundles"],
    )
    @repeatable
    def post(self, request, workspace, slug):
        """A version and what it requires in one signed file, in base64, as another Galaxy takes it in. The trail says
        who took it."""
        said = self.read(BundleExportBody)
        version = exportable_version(self.workspace, slug, said["version"], actor=self.caller.person)
        if version is None:
            raise Http404
        name, content = export_version(self.workspace, version, actor=self.caller.person)
        told = {"name": name, "content": base64.b64encode(content).decode(), "size_bytes": len(content)}
        return Response(ExportedBundleSerializer(told | {"sha256": hashlib.sha256(content).hexdigest()}).data)


@lists("bundle_sources", "List trusted marketplaces", tag="Bundles")
class BundleSourceListView(ListView):
    """Marketplaces whose signatures count when a bundle is imported, the newest first. Entering one is the desk's, in
    the console."""

    opens = {"GET": "bundles.read"}
    takes = PageFilter
    row = BundleSourceSerializer
    moment = "entered_at"

    def visible(self):
        require(self.caller.person, may_import(self.workspace), self.workspace)
        return BundleSource.objects.all()
