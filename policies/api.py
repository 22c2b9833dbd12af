"""Approval requests, for machines: they read them. Deciding is a person's, signed in, in the console."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import PersonSerializer
from policies.models import Approval, Vote
from policies.waiting import waiting_of


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
    digest = serializers.CharField(help_text="Names exactly what is decided.")
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


class WaitingSerializer(serializers.Serializer):
    who = serializers.CharField(help_text="Who is asked now, in words.")
    usual_wait_s = serializers.IntegerField(
        source="usual_s", allow_null=True, help_text="The median of the last 90 days; null where too few were decided."
    )
    sentence = serializers.CharField(help_text="Both, in words.")


class ApprovalDetailSerializer(ApprovalSerializer):
    waiting = serializers.SerializerMethodField(help_text="Null once it waits no more.")

    @extend_schema_field(WaitingSerializer(allow_null=True))
    def get_waiting(self, approval: Approval) -> dict | None:
        found = waiting_of(approval)
        return WaitingSerializer(found).data if found else None


class ApprovalFilter(PageFilter):
    status = serializers.ChoiceField(required=False, choices=Approval.Status.choices)
    subject = serializers.UUIDField(required=False, help_text="The id of the run it is about.")


class Approvals(RowsView):
    """The approval requests of a workspace, as the caller may see them."""

    row = ApprovalSerializer

    def visible(self):
        """What the caller may see; an agent sees what it asked for itself."""
        rows = (
            Approval.objects.in_workspace(self.workspace)
            .select_related("workspace", "requested_by", "decision")
            .prefetch_related("votes__reviewer")
        )
        if self.caller.agent:
            return rows.filter(requested_by=self.caller.person, facts__agent_id=str(self.caller.agent.pk))
        return rows.visible_to(self.caller.person, within=self.workspace)


@lists("approvals", "List approval requests", tag="Approvals")
class ApprovalListView(Approvals, ListView):
    """Requests that the caller may see, newest first."""

    opens = {"GET": "approvals.read"}
    takes = ApprovalFilter
    where = {"status": "status", "subject": "subject_id"}
    moment = "requested_at"


@reads("approvals", "Read one approval request", tag="Approvals")
class ApprovalView(Approvals, DetailView):
    """One request, with its digest, its facts, whom it waits for or what was decided."""

    opens = {"GET": "approvals.read"}
    row = ApprovalDetailSerializer
