"""Who answers and what answers by itself, for machines to read; and changes, which they may ask for."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import AgentSerializer, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.errors import Invalid
from galaxy.core.permissions import can, require
from policies.models import ApproverGroup, AutoApproval, Change, Delegation
from policies.services.changes import ask_install, ask_upgrade, ask_widen
from policies.services.granting import revoke_auto_approval
from registry.models import Installation, Version
from registry.rollback.targets import version_to_ask_for
from registry.rollout_api import CourseBody, StageSerializer, course_of


class GroupSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    members = serializers.SerializerMethodField()
    created_by = PersonSerializer()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)

    def get_members(self, group: ApproverGroup) -> list[dict[str, str]]:
        return [{"id": str(row.user_id), "name": str(row.user)} for row in group.members.all()]


@lists("approver_groups", "List groups of approvers", tag="Approvals")
class GroupListView(ListView):
    """Groups that rules may name, newest first, with who is in them."""

    opens = {"GET": "rules.read"}
    row = GroupSerializer
    moment = "created_at"

    def visible(self):
        require(self.caller.person, "core.view_rule", self.workspace)
        rows = ApproverGroup.objects.in_workspace(self.workspace).select_related("created_by")
        return rows.prefetch_related("members__user")


class DelegationSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    giver = PersonSerializer()
    taker = PersonSerializer()
    installation = serializers.UUIDField(source="installation_id", allow_null=True, help_text="Null: everything.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


@lists("delegations", "List delegations", tag="Approvals")
class DelegationListView(ListView):
    """Who answers for whom, newest first: one's own, or everybody's for whoever writes rules."""

    opens = {"GET": "rules.read"}
    row = DelegationSerializer
    moment = "created_at"

    def visible(self):
        require(self.caller.person, "core.view_rule", self.workspace)
        rows = Delegation.objects.in_workspace(self.workspace).select_related("giver", "taker")
        if can(self.caller.person, "core.manage_rule", self.workspace):
            return rows
        return rows.filter(giver=self.caller.person) | rows.filter(taker=self.caller.person)


class AutoApprovalSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    installation = serializers.UUIDField(source="installation_id")
    scope = serializers.CharField(help_text="A pattern of canonical scopes.")
    agent = AgentSerializer(allow_null=True)
    owner = PersonSerializer()
    reason = serializers.CharField()
    budget = serializers.IntegerField(help_text="How often it answers in all.")
    used = serializers.IntegerField()
    most_records = serializers.IntegerField(allow_null=True)
    error_percent = serializers.IntegerField()
    version_digest = serializers.CharField()
    covers_delete = serializers.BooleanField()
    confirmed_by = PersonSerializer(allow_null=True)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_because = serializers.ChoiceField(choices=AutoApproval.Ended.choices, allow_blank=True)


class RevocationBody(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)


class AutoApprovals(RowsView):
    """Answers that were given beforehand."""

    row = AutoApprovalSerializer

    def visible(self):
        require(self.caller.person, "core.view_rule", self.workspace)
        related = ("workspace", "agent", "owner", "confirmed_by")
        return AutoApproval.objects.in_workspace(self.workspace).select_related(*related)


class AutoApprovalFilter(PageFilter):
    in_force = serializers.BooleanField(required=False, allow_null=True, default=None, help_text="All when left out.")


@lists("auto_approvals", "List Auto-Approve grants", tag="Approvals")
class AutoApprovalListView(AutoApprovals, ListView):
    """Grants, newest first, those that ended included."""

    opens = {"GET": "rules.read"}
    takes = AutoApprovalFilter
    moment = "starts_at"

    def rows(self, wanted):
        rows = super().rows(wanted)
        return rows if wanted["in_force"] is None else rows.filter(ended_at__isnull=wanted["in_force"])


@reads("auto_approvals", "Read one Auto-Approve grant", tag="Approvals")
class AutoApprovalView(AutoApprovals, DetailView):
    """One grant: what it covers, how much of it is used, and why it ended."""

    opens = {"GET": "rules.read"}


class AutoApprovalRevocationView(AutoApprovals):
    opens = {"POST": "rules.write"}

    @extend_schema(
        operation_id="auto_approvals_revoke",
        summary="Revoke an Auto-Approve grant",
        request=RevocationBody,
        responses=AutoApprovalSerializer,
        tags=["Approvals"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """End it at once: the next request is a person's again."""
        said = self.read(RevocationBody)
        revoke_auto_approval(get_object_or_404(self.visible(), pk=pk), actor=self.caller.person, reason=said["reason"])
        return Response(AutoApprovalSerializer(self.visible().get(pk=pk)).data)


class CourseSerializer(serializers.Serializer):
    """By share of the runs in stages, or by ``packs`` (ids) for the hours of the only stage; and when it stops."""

    stages = StageSerializer(many=True)
    packs = serializers.ListField(child=serializers.UUIDField())
    least_calls = serializers.IntegerField()
    tolerance = serializers.IntegerField(help_text="In percentage points.")


class AskedChangeSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Change.Kind.choices)
    state = serializers.ChoiceField(choices=Change.State.choices)
    extension = serializers.CharField(source="extension.slug")
    version = serializers.CharField(source="version.digest", help_text="The digest of the version asked for.")
    installation = serializers.UUIDField(source="installation_id", allow_null=True)
    course = CourseSerializer(allow_null=True, help_text="How an upgrade comes in step by step; null: at once.")
    scopes = serializers.ListField(child=serializers.CharField())
    hosts = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()
    asked_by = PersonSerializer()
    asked_at = serializers.DateTimeField()
    approval = serializers.UUIDField(source="approval_id", allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()


class AskedChangeBody(StrictSerializer):
    """``digest`` names the version to install or to move to; ``agreed`` what is new, as the refusal names it."""

    kind = serializers.ChoiceField(choices=Change.Kind.choices)
    digest = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)
    installation = serializers.UUIDField(required=False, allow_null=True, default=None)
    agreed = serializers.ListField(child=serializers.CharField(max_length=300), required=False, default=list)
    keeps = serializers.BooleanField(required=False, default=False, help_text="Leave new scopes of an upgrade off.")
    override = serializers.BooleanField(
        required=False, default=False, help_text="Wanted although the rollback drill fails; the reason says why."
    )
    course = CourseBody(required=False, allow_null=True, default=None, help_text="How it comes in; null: at once.")
    reason = serializers.CharField(max_length=500)

    def validate(self, said):
        if said["course"] is not None and said["kind"] != Change.Kind.UPGRADE:
            raise serializers.ValidationError({"course": "Only an upgrade comes in step by step."})
        return said


class ChangeFilter(PageFilter):
    state = serializers.ChoiceField(required=False, choices=Change.State.choices)
    kind = serializers.ChoiceField(required=False, choices=Change.Kind.choices)


class Changes(RowsView):
    """Installs, upgrades and wider scopes that were asked for, as the caller may see them."""

    row = AskedChangeSerializer

    def visible(self):
        related = ("workspace", "extension", "version", "asked_by")
        rows = Change.objects.in_workspace(self.workspace).select_related(*related)
        if self.caller.agent:
            return rows.filter(asked_by=self.caller.person, approval__agent=self.caller.agent)
        return rows.visible_to(self.caller.person)


@lists("changes", "List changes", tag="Approvals")
class ChangeListView(Changes, ListView):
    """Changes, newest first."""

    opens = {"GET": "approvals.read", "POST": "approvals.write"}
    takes = ChangeFilter
    where = {"state": "state", "kind": "kind"}
    moment = "asked_at"

    @extend_schema(
        operation_id="changes_create",
        summary="Ask for a change",
        request=AskedChangeBody,
        responses={201: AskedChangeSerializer},
        tags=["Approvals"],
    )
    @repeatable
    def post(self, request, workspace):
        """Ask for an install, an upgrade or wider scopes. It is made once a person has said yes."""
        said = self.read(AskedChangeBody)
        asking = {"actor": self.caller.person, "agent": self.caller.agent, "reason": said["reason"]}
        if said["kind"] == Change.Kind.INSTALL:
            change = ask_install(self.workspace, self._version(said["digest"]), **asking)
        elif said["kind"] == Change.Kind.UPGRADE:
            installation = self._installation(said["installation"])
            version = version_to_ask_for(installation, said["digest"]) or self._version(said["digest"])
            how = {"agreed": said["agreed"], "keeps": said["keeps"], "override": said["override"]}
            course = course_of(said["course"], self._installed()) if said["course"] else None
            change = ask_upgrade(installation, version, course=course, **how, **asking)
        else:
            change = ask_widen(self._installation(said["installation"]), agreed=said["agreed"], **asking)
        return Response(AskedChangeSerializer(change).data, status=201)

    def _version(self, digest: str) -> Version:
        rows = Version.objects.installable().open_to(self.workspace).select_related("extension")
        found = rows.filter(digest=digest).first()
        if found is None:
            raise Invalid("No such version can be installed here.", {"digest": "Take it from the listing."})
        return found

    def _installed(self):
        rows = Installation.objects.in_workspace(self.workspace).active()
        rows = rows.visible_to(self.caller.person, self.workspace)
        return rows.select_related("workspace", "extension", "pin__version")

    def _installation(self, pk) -> Installation:
        found = self._installed().filter(pk=pk).first()
        if found is None:
            raise Invalid("No such extension is installed here.", {"installation": "Name one that is installed."})
        return found


@reads("changes", "Read one change", tag="Approvals")
class ChangeView(Changes, DetailView):
    """One change: what was asked for, and what became of it."""

    opens = {"GET": "approvals.read"}
