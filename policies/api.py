"""Approval requests, for machines: read them, and decide them as a person. An agent never decides."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.serializers import PersonSerializer, StrictSerializer
from galaxy.core.api.views import WorkspaceView, repeatable
from galaxy.core.errors import DomainError
from policies.models import Approval, Vote
from policies.services.approvals import decide_approval


class PeopleDecide(DomainError):
    status = 403
    code = "people_decide"
    next_step = "A reviewer decides it in the console, or with a token of their own."


class VoteSerializer(serializers.Serializer):
    reviewer = PersonSerializer()
    choice = serializers.ChoiceField(choices=Vote.Choice.choices)
    reason = serializers.CharField()
    voted_at = serializers.DateTimeField()


class ApprovalSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    summary = serializers.CharField()
    status = serializers.ChoiceField(choices=Approval.Status.choices)
    subject_kind = serializers.CharField()
    subject_id = serializers.UUIDField()
    digest = serializers.CharField(help_text="Names exactly what is decided; a decision repeats it.")
    facts = serializers.DictField(help_text="What would happen, computed and redacted.")
    reasons = serializers.SerializerMethodField()
    requested_by = PersonSerializer()
    requested_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    consumed_at = serializers.DateTimeField(allow_null=True)
    votes = VoteSerializer(many=True)

    def get_reasons(self, approval: Approval) -> list[str]:
        return [reason["text"] for reason in approval.decision.reasons] if approval.decision else []


class ApprovalPage(serializers.Serializer):
    results = ApprovalSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class ApprovalFilter(StrictSerializer, PageFilter):
    status = serializers.ChoiceField(required=False, choices=Approval.Status.choices)
    subject = serializers.UUIDField(required=False, help_text="The id of the run it is about.")


class DecisionBody(StrictSerializer):
    """A yes or no to exactly what the digest names."""

    decision = serializers.ChoiceField(choices=Vote.Choice.choices)
    digest = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="The request's digest, as you read it.")
    note = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, default="", help_text="Needed to reject."
    )


class Approvals(WorkspaceView):
    """The approval requests of a workspace, as the caller may see them."""

    def visible(self):
        """What the caller may see; an agent sees what it asked for itself."""
        rows = (
            Approval.objects.in_workspace(self.workspace)
            .select_related("workspace", "requested_by", "decision")
            .prefetch_related("votes__reviewer")
        )
        if self.caller.agent:
            return rows.filter(requested_by=self.caller.person, facts__agent_id=str(self.caller.agent.pk))
        return rows.visible_to(self.caller.person)


class ApprovalListView(Approvals):
    opens = {"GET": "approvals.read"}

    @extend_schema(
        operation_id="approvals_list",
        summary="List approval requests",
        parameters=[ApprovalFilter],
        responses=ApprovalPage,
        tags=["Approvals"],
    )
    def get(self, request, workspace):
        """Requests that the caller may see, newest first."""
        wanted = self.read(ApprovalFilter, request.GET)
        names = {"status": "status", "subject": "subject_id"}
        filters = {names[name]: value for name, value in wanted.items() if name in names}
        return self.page(
            self.visible().filter(**filters),
            ApprovalSerializer,
            moment="requested_at",
            key="id",
            limit=wanted["limit"],
        )


class ApprovalView(Approvals):
    opens = {"GET": "approvals.read"}

    @extend_schema(
        operation_id="approvals_retrieve",
        summary="Read one approval request",
        parameters=[],
        responses=ApprovalSerializer,
        tags=["Approvals"],
    )
    def get(self, request, workspace, pk):
        """One request, with its digest, its facts and what was decided."""
        return Response(ApprovalSerializer(get_object_or_404(self.visible(), pk=pk)).data)


class ApprovalDecisionView(Approvals):
    opens = {"POST": "approvals.decide"}

    @extend_schema(
        operation_id="approvals_decide",
        summary="Decide an approval request",
        request=DecisionBody,
        responses=ApprovalSerializer,
        tags=["Approvals"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Approve or reject, as a person: by session or by a token of one's own, never by an agent's."""
        if self.caller.agent:
            raise PeopleDecide("A person decides this, and an agent asks.")
        approval = get_object_or_404(self.visible(), pk=pk)
        decide_approval(approval, reviewer=self.caller.person, **self.read(DecisionBody))
        return Response(ApprovalSerializer(self.visible().get(pk=pk)).data)
