"""What a requester, person or agent, may do with a request of theirs. Nothing here decides."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from galaxy.core.api.serializers import EmptyBody
from galaxy.core.api.views import repeatable
from policies.api import ApprovalDetailSerializer, Approvals
from policies.services.following import ask_again, remind, withdraw_approval


class _Act(Approvals):
    """``act`` takes the request and its requester, and gives the request as it is then."""

    opens = {"POST": "approvals.write"}

    def act(self, approval):
        raise NotImplementedError

    def answer(self, pk, status=200):
        self.read(EmptyBody)
        found = self.act(get_object_or_404(self.visible(), pk=pk))
        return Response(ApprovalDetailSerializer(self.visible().get(pk=found.pk)).data, status=status)


class ApprovalWithdrawalView(_Act):
    def act(self, approval):
        return withdraw_approval(approval, actor=self.caller.person)

    @extend_schema(
        operation_id="approvals_withdraw",
        summary="Withdraw a request",
        request=EmptyBody,
        responses=ApprovalDetailSerializer,
        tags=["Approvals"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Take a request of one's own back while it waits."""
        return self.answer(pk)


class ApprovalReminderView(_Act):
    def act(self, approval):
        return remind(approval, actor=self.caller.person)

    @extend_schema(
        operation_id="approvals_remind",
        summary="Remind of a request",
        request=EmptyBody,
        responses=ApprovalDetailSerializer,
        tags=["Approvals"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Ask those once more who have not answered; once an hour."""
        return self.answer(pk)


class ApprovalRepetitionView(_Act):
    def act(self, approval):
        return ask_again(approval, actor=self.caller.person)

    @extend_schema(
        operation_id="approvals_ask_again",
        summary="Ask again",
        request=EmptyBody,
        responses={201: ApprovalDetailSerializer},
        tags=["Approvals"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Ask for the same once more, as things stand now, after it was rejected, ran out or was withdrawn."""
        return self.answer(pk, 201)
