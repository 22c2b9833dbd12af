"""Exports of the trail, for machines: asked for, watched, stopped and fetched, as on their page."""

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import EmptyBody, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.audit import exporting
from galaxy.core.audit.packs.redaction import CLASSES
from galaxy.core.audit.search import NAMES
from galaxy.core.audit_forms import checked_filters
from galaxy.core.models import ExportJob
from galaxy.core.permissions import require

_LEFT_OUT = f"{', '.join(CLASSES)}, or fields by their name, such as data.note."
_FILTERS = f"Those of the trail's page, by name: {', '.join(NAMES)}."
_FILE = "application/octet-stream"


class ExportSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=ExportJob.State.choices)
    filters = serializers.DictField(child=serializers.CharField(), help_text=_FILTERS)
    left_out = serializers.ListField(child=serializers.CharField(), source="redacted", help_text=_LEFT_OUT)
    with_csv = serializers.BooleanField(source="with_sheet")
    done = serializers.IntegerField(help_text="Events that are written.")
    total = serializers.IntegerField(help_text="Of how many; 0 until writing begins.")
    seconds_left = serializers.SerializerMethodField(help_text="How long writing may still take; null where unknown.")
    report = serializers.DictField(help_text="What the pack's own verifier found; empty until it has looked.")
    failure = serializers.CharField(help_text="Its sentence where it found fault, or why there is no pack; else empty.")
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of the file that is fetched.")
    requested_by = PersonSerializer()
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the file is deleted.")

    def get_seconds_left(self, job) -> int | None:
        return exporting.seconds_left(job)


class ExportBody(StrictSerializer):
    filters = serializers.DictField(child=serializers.CharField(), required=False, default=dict, help_text=_FILTERS)
    left_out = serializers.ListField(
        child=serializers.CharField(max_length=120), required=False, default=list, max_length=50, help_text=_LEFT_OUT
    )
    with_csv = serializers.BooleanField(required=False, default=True, help_text="Beside NDJSON.")


class Exports(RowsView):
    """The exports of a workspace, those that are over included."""

    row = ExportSerializer

    def visible(self):
        require(self.caller.person, exporting.EXPORT, self.workspace)
        return ExportJob.objects.in_workspace(self.workspace).select_related("workspace", "requested_by")


@lists("audit_exports", "List exports", tag="Audit trail")
class ExportListView(Exports, ListView):
    """Exports of the trail, newest first."""

    opens = {"GET": "audit.export", "POST": "audit.export"}
    moment = "requested_at"

    @extend_schema(
        operation_id="audit_exports_create",
        summary="Ask for an export",
        request=ExportBody,
        responses={201: ExportSerializer},
        tags=["Audit trail"],
    )
    @repeatable
    def post(self, request, workspace):
        """Ask for a pack of the events under the filters, with what proves them. A worker writes and verifies it."""
        require(self.caller.person, exporting.EXPORT, self.workspace)
        said = self.read(ExportBody)
        job = exporting.request_export(
            self.workspace,
            actor=self.caller.person,
            filters=checked_filters(said["filters"]),
            redacted=said["left_out"],
            with_sheet=said["with_csv"],
        )
        return Response(self.row(job).data, status=201)


@reads("audit_exports", "Read one export", tag="Audit trail")
class ExportView(Exports, DetailView):
    """How far an export is, and what its verifier found."""

    opens = {"GET": "audit.export"}


class ExportStopView(Exports):
    opens = {"POST": "audit.export"}

    @extend_schema(
        operation_id="audit_exports_stop",
        summary="Stop an export",
        request=EmptyBody,
        responses=ExportSerializer,
        tags=["Audit trail"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Call off an export that is not finished; what was written of it is deleted."""
        self.read(EmptyBody)
        exporting.stop_export(get_object_or_404(self.visible(), pk=pk), actor=self.caller.person)
        return Response(self.row(self.visible().get(pk=pk)).data)


class ExportFileView(Exports):
    opens = {"GET": "audit.export"}

    def perform_content_negotiation(self, request, force=False):
        """Whoever asks for a file alone gets it, and a refusal as JSON all the same."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        operation_id="audit_exports_fetch",
        summary="Fetch a pack",
        responses={(200, _FILE): OpenApiTypes.BINARY, 410: OpenApiResponse()},
        tags=["Audit trail"],
    )
    def get(self, request, workspace, pk):
        """The finished pack as a zip file. Fetching it is written to the trail."""
        job = get_object_or_404(self.visible(), pk=pk)
        path, name = exporting.open_download(job, actor=self.caller.person)
        return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type=_FILE)
