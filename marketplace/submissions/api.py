"""Submissions, for machines: hand in a manifest with its files, see where it stands, take it back. Deciding is a
person's, signed in, in the console."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import EmptyBody, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.errors import Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from marketplace.models import VerificationLevel
from marketplace.submissions.facing import PRIVATE, PUBLIC, Order, desk_for, publishers_for
from marketplace.submissions.models import State, Submission
from marketplace.submissions.services import MOST_CHARACTERS, MOST_SUPPORT, hand_in, withdraw
from marketplace.submissions.standing import standing_of
from marketplace.workshop.drafts import MAY_WRITE, MOST_FILES
from registry.manifests.sources import MAX_BYTES
from registry.models import Kind, Publisher
from registry.services.publishing import MAX_FILE_BYTES


class FindingSerializer(serializers.Serializer):
    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=["error", "warning", "note"])
    line = serializers.IntegerField(help_text="0 where it is about no line.")
    column = serializers.IntegerField()
    file = serializers.CharField(help_text="The file the line is in; empty for the manifest.")
    path = serializers.CharField()
    message = serializers.CharField()
    why = serializers.CharField()
    fix = serializers.CharField()


class SubmissionSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    extension = serializers.CharField(source="slug")
    kind = serializers.ChoiceField(choices=Kind.choices)
    name = serializers.CharField()
    version = serializers.CharField(source="number")
    digest = serializers.CharField(help_text="That of the version it would be.")
    publisher = serializers.CharField()
    catalogue = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=State.choices)
    level = serializers.ChoiceField(
        choices=VerificationLevel.choices, allow_blank=True, help_text="Empty until it is approved."
    )
    submitted_by = PersonSerializer()
    submitted_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.ChoiceField(choices=[PUBLIC, PRIVATE]))
    def get_catalogue(self, row: Submission) -> str:
        return PUBLIC if row.is_public else PRIVATE


class StandingSerializer(serializers.Serializer):
    place = serializers.IntegerField(help_text="In line, from 1; 0 once it is over.")
    waiting = serializers.IntegerField(source="figures.waiting", help_text="How many wait there.")
    usual_wait_s = serializers.FloatField(
        source="figures.median_s", allow_null=True, help_text="The median of the last 20 decisions there."
    )
    waits_for = serializers.CharField(help_text="In words.")


class SubmissionDetailSerializer(SubmissionSerializer):
    changes = serializers.CharField()
    support = serializers.CharField()
    standing = serializers.SerializerMethodField()
    reason = serializers.CharField(help_text="What the reviewer wrote.")
    reasons = FindingSerializer(many=True, help_text="The findings for which it was refused.")
    findings = FindingSerializer(many=True, help_text="As its reviewer reads them.")
    before = serializers.UUIDField(source="before_id", allow_null=True, help_text="The submission before this one.")

    @extend_schema_field(StandingSerializer)
    def get_standing(self, row: Submission) -> dict:
        return StandingSerializer(standing_of(row)).data


class SubmissionFilter(PageFilter):
    state = serializers.ChoiceField(required=False, choices=State.choices)
    extension = serializers.CharField(required=False, max_length=80)


class OrderBody(StrictSerializer):
    """For which catalogue, under which name, and what is new."""

    catalogue = serializers.ChoiceField(choices=[PUBLIC, PRIVATE])
    publisher = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=80,
        help_text="The slug of whom it is published by, where that is for all and there is more than one.",
    )
    changes = serializers.CharField(required=False, default="", allow_blank=True, max_length=MOST_CHARACTERS)
    support = serializers.CharField(required=False, default="", allow_blank=True, max_length=MOST_SUPPORT)
    security_fix = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=300, help_text="The hole it closes, if it closes one."
    )


class SubmissionBody(OrderBody):
    """A manifest as its author wrote it, and the files beside it as texts."""

    manifest = serializers.CharField(max_length=MAX_BYTES, trim_whitespace=False, help_text="YAML, JSON or Python.")
    files = serializers.DictField(
        child=serializers.CharField(max_length=MAX_FILE_BYTES, trim_whitespace=False, allow_blank=True),
        required=False,
        default=dict,
        help_text=f"Their texts by path, {MOST_FILES} at most.",
    )


def order_said(said: dict[str, Any], person: User, workspace: Workspace) -> Order:
    """What ``said`` (an OrderBody) asks for. Raises NoDesk, or Invalid where the publisher is not to be told."""
    return Order(
        desk_for(workspace, said["catalogue"]),
        _publisher(said["publisher"], person, workspace) if said["catalogue"] == PUBLIC else None,
        said["changes"],
        said["support"],
        said["security_fix"],
    )


def _publisher(slug: str, person: User, workspace: Workspace) -> Publisher:
    """The one that is named, or the only one there is. Raises Invalid."""
    found = list(publishers_for(person, workspace))
    named = [one for one in found if one.slug == slug] if slug else found
    if len(named) != 1:
        choice = ", ".join(one.slug for one in found) or "none; claim a name first"
        raise Invalid("Name whom it is published by.", {"publisher": f"One of yours: {choice}."})
    return named[0]


class Submissions(RowsView):
    """What this workspace handed in."""

    row = SubmissionSerializer

    def visible(self):
        require(self.caller.person, MAY_WRITE, self.workspace)
        rows = Submission.objects.in_workspace(self.workspace)
        return rows.select_related("submitted_by", "reviewer").defer("text", "manifest")


@lists("submissions", "List submissions", tag="Submissions")
class SubmissionListView(Submissions, ListView):
    """What this workspace handed in, newest first."""

    opens = {"GET": "submissions.read", "POST": "submissions.write"}
    takes = SubmissionFilter
    where = {"state": "state", "extension": "slug"}
    moment = "submitted_at"

    @extend_schema(
        operation_id="submissions_create",
        summary="Submit an extension",
        request=SubmissionBody,
        responses={201: SubmissionDetailSerializer},
        tags=["Submissions"],
    )
    @repeatable
    def post(self, request, workspace):
        """Hand in a manifest and its files for a catalogue. Refused with every finding that keeps it from that."""
        require(self.caller.person, MAY_WRITE, self.workspace)
        said = self.read(SubmissionBody)
        order = order_said(said, self.caller.person, self.workspace)
        files = {path: text.encode() for path, text in said["files"].items()}
        row = hand_in(self.workspace, text=said["manifest"], files=files, order=order, actor=self.caller.person)
        return Response(SubmissionDetailSerializer(self.visible().get(pk=row.pk)).data, status=201)


@reads("submissions", "Read one submission", tag="Submissions")
class SubmissionView(Submissions, DetailView):
    """One submission: its place in line, the usual wait, what is waited for, and every reason."""

    opens = {"GET": "submissions.read"}
    row = SubmissionDetailSerializer


class SubmissionWithdrawalView(Submissions):
    opens = {"POST": "submissions.write"}

    @extend_schema(
        operation_id="submissions_withdraw",
        summary="Withdraw a submission",
        request=EmptyBody,
        responses=SubmissionDetailSerializer,
        tags=["Submissions"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Take it back while it is not decided."""
        self.read(EmptyBody)
        withdraw(get_object_or_404(self.visible(), pk=pk), actor=self.caller.person)
        return Response(SubmissionDetailSerializer(self.visible().get(pk=pk)).data)
