"""Previews of upgrades, for machines: have recorded calls replayed on another version, and read what came of it."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.agents import granted_to
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import EmptyBody, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from registry.api import PinnedSerializer
from registry.models import Installation
from registry.update_api import ActiveView, release_of
from sandbox.models import UpgradePreview
from sandbox.upgrades.previews import begin_preview, stop_preview
from sandbox.upgrades.report import content_for


class ReplayFindingSerializer(serializers.Serializer):
    kind = serializers.CharField()
    text = serializers.CharField()
    places = serializers.ListField(child=serializers.CharField(), source="fields", help_text="Dotted names of outputs.")
    count = serializers.IntegerField(help_text="Of how many calls.")
    runs = serializers.ListField(child=serializers.UUIDField(), help_text="A few of them.")


class ReplayedActionSerializer(serializers.Serializer):
    action = serializers.CharField()
    calls = serializers.IntegerField()
    same = serializers.IntegerField()
    findings = ReplayFindingSerializer(many=True)


class ImpactSerializer(serializers.Serializer):
    kind = serializers.CharField()
    action = serializers.CharField(allow_blank=True)
    field = serializers.CharField(allow_blank=True)
    to = serializers.CharField(allow_blank=True, help_text="The new name, of what has one.")
    calls = serializers.IntegerField(help_text="Of the last 90 days that use it.")
    packs = serializers.ListField(child=serializers.CharField())
    sentence = serializers.CharField()
    is_felt = serializers.BooleanField()


class StoppedPackSerializer(serializers.Serializer):
    name = serializers.CharField()
    why = serializers.CharField()


class UpgradeReportSerializer(serializers.Serializer):
    """What came of a replay; each count is of calls, under every word that fits them."""

    id = serializers.UUIDField()
    digest = serializers.CharField(help_text="SHA-256 of what it says; a yes to the upgrade is bound to it.")
    summary = serializers.CharField()
    calls = serializers.IntegerField()
    same = serializers.IntegerField()
    differs = serializers.IntegerField()
    fails = serializers.IntegerField()
    asks = serializers.IntegerField()
    new_host = serializers.IntegerField()
    slower = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="Those that could not be replayed.")
    is_way_back = serializers.BooleanField()
    way_back = serializers.CharField(source="content.drill.sentence")
    actions = ReplayedActionSerializer(many=True, source="content.actions")
    impact = ImpactSerializer(many=True, source="content.impact")
    stopped_packs = StoppedPackSerializer(many=True, source="content.packs")
    walls = serializers.ListField(child=serializers.CharField(), source="content.walls")
    made_at = serializers.DateTimeField()


class PreviewSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    installation = serializers.UUIDField(source="installation_id")
    version = PinnedSerializer()
    from_digest = serializers.CharField(help_text="Of the version that was held when it was asked for.")
    state = serializers.ChoiceField(choices=UpgradePreview.State.choices)
    done = serializers.IntegerField(help_text="Recorded calls that are replayed.")
    total = serializers.IntegerField()
    failure = serializers.CharField(help_text="Why there is no report; else empty.")
    report = serializers.UUIDField(source="report_id", allow_null=True)
    asked_by = PersonSerializer()
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class PreviewDetailSerializer(PreviewSerializer):
    report = UpgradeReportSerializer(allow_null=True)  # type: ignore[assignment]


class PreviewBody(StrictSerializer):
    digest = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="The digest of the version to look at.")


class Previews(RowsView):
    row = PreviewSerializer

    def visible(self):
        seen = Installation.objects.in_workspace(self.workspace)
        if self.caller.agent:
            seen = seen.filter(granted_to(self.caller.agent, "run_installation", Installation))
        else:
            seen = seen.visible_to(self.caller.person, self.workspace)
        rows = UpgradePreview.objects.in_workspace(self.workspace).filter(installation__in=seen)
        return rows.select_related("workspace", "version", "asked_by", "report", "installation__workspace")


@lists("previews", "List previews of upgrades", tag="Updates")
class PreviewListView(Previews, ListView):
    """Replays of recorded calls on other versions, newest first."""

    opens = {"GET": "installations.read"}
    moment = "asked_at"


@reads("previews", "Read one preview", tag="Updates")
class PreviewView(Previews, DetailView):
    """How far a replay is, and its report once it is done."""

    opens = {"GET": "installations.read"}
    row = PreviewDetailSerializer

    def find(self, **place):
        found: UpgradePreview = super().find(**place)
        if found.report:
            found.report.installation = found.installation
            found.report.content = content_for(found.report, self.caller.person)
        return found


class InstallationPreviewView(ActiveView):
    @extend_schema(
        operation_id="installations_preview",
        summary="Preview an upgrade",
        request=PreviewBody,
        responses={201: PreviewSerializer},
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Have the calls that were recorded here replayed on a release. A worker does it; nothing is reached or
        changed. One that is under way already is the answer too."""
        one = self.one(pk)
        made = begin_preview(one, release_of(one, self.read(PreviewBody)["digest"]), actor=self.caller.person)
        return Response(PreviewSerializer(made).data, status=201)


class PreviewStopView(Previews):
    opens = {"POST": "installations.write"}

    @extend_schema(
        operation_id="previews_stop",
        summary="Stop a preview",
        request=EmptyBody,
        responses=PreviewSerializer,
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Call off a replay that is not over; nothing is kept of it."""
        self.read(EmptyBody)
        row = get_object_or_404(self.visible(), pk=pk)
        stop_preview(row, actor=self.caller.person)
        return Response(PreviewSerializer(self.visible().get(pk=pk)).data)
