"""Roll-outs, and the versions that packs call for themselves, for machines."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.agents import granted_to
from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import EmptyBody, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.errors import Invalid
from registry.api import ExtensionSerializer, PinnedSerializer
from registry.courses import USUAL, Course
from registry.models import Installation, PackPin, RollOut
from registry.update_api import ActiveView, release_of
from registry.updates.faring import faring_of
from registry.updates.pack_pins import pin_for_pack, unpin_for_pack
from registry.updates.rollouts import (
    advance_rollout,
    finish_rollout,
    resume_rollout,
    return_rollout,
    start_rollout,
    stop_rollout,
)

_ACTS = ("stop", "resume", "advance", "finish", "return")


class StageSerializer(serializers.Serializer):
    percent = serializers.IntegerField()
    hours = serializers.IntegerField()


class FaringSerializer(serializers.Serializer):
    """Live calls of the new version in this stage, and of the one before it."""

    calls = serializers.IntegerField()
    bad = serializers.IntegerField()
    before_calls = serializers.IntegerField()
    before_bad = serializers.IntegerField()


class RollOutSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    installation = serializers.UUIDField(source="installation_id")
    extension = ExtensionSerializer(source="installation.extension")
    version = PinnedSerializer()
    before = PinnedSerializer()
    way = serializers.ChoiceField(choices=RollOut.Way.choices)
    stages = StageSerializer(many=True)
    stage = serializers.IntegerField(help_text="Which of them it is at, from 0.")
    percent = serializers.IntegerField(help_text="Of the runs that take the new version, while it runs.")
    state = serializers.ChoiceField(choices=RollOut.State.choices)
    why = serializers.CharField(help_text="Why it was stopped or returned; else empty.")
    approval = serializers.UUIDField(allow_null=True, help_text="The request by which somebody agreed to it.")
    started_by = PersonSerializer()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class RollOutDetailSerializer(RollOutSerializer):
    fares = serializers.SerializerMethodField()

    @extend_schema_field(FaringSerializer(allow_null=True))
    def get_fares(self, row) -> dict | None:
        found = faring_of(row)
        return FaringSerializer(found).data if found else None


class RollOutFilter(PageFilter):
    state = serializers.ChoiceField(required=False, choices=RollOut.State.choices)


class StageBody(StrictSerializer):
    percent = serializers.IntegerField(min_value=1, max_value=100)
    hours = serializers.IntegerField(min_value=1, max_value=720)


class CourseBody(StrictSerializer):
    """By share of the runs, or by ``packs`` (ids of installed packs) for the hours of the first stage."""

    stages = serializers.ListField(child=StageBody(), required=False, min_length=1, max_length=8)
    packs = serializers.ListField(child=serializers.UUIDField(), required=False, default=list, max_length=100)
    least_calls = serializers.IntegerField(required=False, default=20, min_value=10, max_value=10_000)
    tolerance = serializers.IntegerField(required=False, default=2, min_value=0, max_value=50)


class RollOutBody(CourseBody):
    """What is rolled out, and how: by share of the runs, or by ``packs``."""

    installation = serializers.UUIDField()
    digest = serializers.RegexField(r"^[0-9a-f]{64}$")
    agreed = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, default=list, max_length=200
    )


class RollOutDecisionBody(StrictSerializer):
    act = serializers.ChoiceField(choices=[(act, act) for act in _ACTS])
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=300, default="", help_text="To stop, and to return."
    )


class PackPinBody(StrictSerializer):
    pack = serializers.UUIDField(help_text="The installed pack.")
    digest = serializers.RegexField(r"^[0-9a-f]{64}$")
    reason = serializers.CharField(max_length=300)


class PackPinSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    pack = serializers.UUIDField(source="pack_id")
    version = PinnedSerializer()
    reason = serializers.CharField()
    pinned_by = PersonSerializer()
    pinned_at = serializers.DateTimeField()


def course_of(said: dict[str, Any], rows: QuerySet[Installation]) -> Course:
    """What a CourseBody says; ``rows`` are the installations that the caller may see. Raises Invalid."""
    packs = list(rows.filter(pk__in=said["packs"]))
    if len(packs) != len(set(said["packs"])):
        raise Invalid("Not all of them are installed.", {"packs": "Name packs that are installed here."})
    stages = tuple((stage["percent"], stage["hours"]) for stage in said.get("stages", ())) or USUAL
    return Course(stages, tuple(packs), said["least_calls"], said["tolerance"])


class RollOuts(RowsView):
    row = RollOutSerializer

    def visible(self):
        seen = Installation.objects.in_workspace(self.workspace)
        if self.caller.agent:
            seen = seen.filter(granted_to(self.caller.agent, "run_installation", Installation))
        else:
            seen = seen.visible_to(self.caller.person, self.workspace)
        related = ("workspace", "version", "before", "started_by", "installation__workspace")
        rows = RollOut.objects.in_workspace(self.workspace).filter(installation__in=seen)
        return rows.select_related(*related, "installation__extension")


@lists("roll_outs", "List roll-outs", tag="Updates")
class RollOutListView(RollOuts, ListView):
    """Roll-outs, newest first, those that are over as well."""

    opens = {"GET": "installations.read", "POST": "installations.write"}
    takes = RollOutFilter
    where = {"state": "state"}
    moment = "started_at"

    @extend_schema(
        operation_id="roll_outs_create",
        summary="Begin a roll-out",
        request=RollOutBody,
        responses={201: RollOutSerializer},
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace):
        """Let part of the runs take another version; the pin stays where it is until that is finished."""
        said = self.read(RollOutBody)
        rows = Installation.objects.in_workspace(self.workspace).active().visible_to(request.user, self.workspace)
        rows = rows.select_related("workspace", "extension", "pin__version")
        one = rows.filter(pk=said["installation"]).first()
        if one is None:
            raise Invalid("No such extension is installed here.", {"installation": "Name one that is installed."})
        version = release_of(one, said["digest"])
        course = course_of(said, rows)
        made = start_rollout(one, version=version, actor=request.user, course=course, agreed=said["agreed"])
        return Response(RollOutSerializer(self.visible().get(pk=made.pk)).data, status=201)


@reads("roll_outs", "Read one roll-out", tag="Updates")
class RollOutView(RollOuts, DetailView):
    """One roll-out, and how its version fares."""

    opens = {"GET": "installations.read"}
    row = RollOutDetailSerializer


class RollOutDecisionView(RollOuts):
    opens = {"POST": "installations.write"}

    @extend_schema(
        operation_id="roll_outs_decide",
        summary="Stop a roll-out, or let it go on",
        request=RollOutDecisionBody,
        responses=RollOutSerializer,
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Stop it, let it go on, take it to its next stage, finish it at once, or let it return."""
        row, said, by = get_object_or_404(self.visible(), pk=pk), self.read(RollOutDecisionBody), request.user
        if said["act"] == "stop":
            stop_rollout(row, by=by, why=said["reason"])
        elif said["act"] == "return":
            return_rollout(row, by=by, why=said["reason"])
        else:
            {"resume": resume_rollout, "advance": advance_rollout, "finish": finish_rollout}[said["act"]](row, by=by)
        return Response(RollOutSerializer(self.visible().get(pk=pk)).data)


class PackPinView(ActiveView):
    @extend_schema(
        operation_id="pack_pins_create",
        summary="Pin a version for one pack",
        request=PackPinBody,
        responses={201: PackPinSerializer},
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Let one pack call exactly this version, whatever others call."""
        one, said = self.one(pk), self.read(PackPinBody)
        pack = self.visible().active().filter(pk=said["pack"]).first()
        if pack is None:
            raise Invalid("No such pack is installed here.", {"pack": "Name one that is installed."})
        version = release_of(one, said["digest"])
        made = pin_for_pack(one, pack=pack, version=version, actor=request.user, reason=said["reason"])
        return Response(PackPinSerializer(made).data, status=201)


class PackPinRemovalView(ActiveView):
    @extend_schema(
        operation_id="pack_pins_remove",
        summary="Let a pack call what everybody calls",
        request=EmptyBody,
        responses=PackPinSerializer,
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk, pin):
        """End the pin of one pack."""
        self.read(EmptyBody)
        related = ("installation__workspace", "installation__extension", "pack__workspace", "pack__extension")
        rows = PackPin.objects.in_workspace(self.workspace).filter(installation=self.one(pk))
        row = get_object_or_404(rows.select_related(*related, "version", "pinned_by"), pk=pin)
        unpin_for_pack(row, actor=request.user)
        return Response(PackPinSerializer(row).data)
