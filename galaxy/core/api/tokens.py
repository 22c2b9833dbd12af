"""A person's own tokens, for machines: which there are, and the end of one. A token is made in the console alone."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.resources import ListView, RowsView, lists
from galaxy.core.api.serializers import EmptyBody, TokenSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.models import Token
from galaxy.core.tokens import revoke_token

STATES = ["active", "expired", "revoked"]


class OwnTokenSerializer(TokenSerializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=STATES)
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the hour.")
    revoked_at = serializers.DateTimeField(allow_null=True)


class Tokens(RowsView):
    """The caller's own tokens in this workspace."""

    row = OwnTokenSerializer

    def visible(self):
        return Token.objects.in_workspace(self.workspace).filter(user=self.caller.person).select_related("workspace")


@lists("tokens", "List your tokens", tag="Tokens")
class TokenListView(Tokens, ListView):
    """The caller's own tokens, newest first, dead ones included. None of them is shown whole."""

    opens = {"GET": "tokens.read"}
    moment = "created_at"


class TokenRevocationView(Tokens):
    opens = {"POST": "tokens.revoke"}

    @extend_schema(
        operation_id="tokens_revoke",
        summary="Revoke one of your tokens",
        request=EmptyBody,
        responses=OwnTokenSerializer,
        tags=["Tokens"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """End a token at once, perhaps the one that this is sent with. Safe to send twice."""
        self.read(EmptyBody)
        token = revoke_token(get_object_or_404(self.visible(), pk=pk), actor=self.caller.person)
        return Response(self.row(token).data)
