"""Who am I: the first thing a new token is tried with."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from galaxy.core.api.serializers import MeSerializer
from galaxy.core.api.views import View


class MeView(View):
    @extend_schema(operation_id="me", summary="Who asks", responses=MeSerializer, tags=["Me"])
    def get(self, request):
        """The person, the agent and the token of this request, and the workspaces it can name."""
        caller = self.caller
        if caller.token:
            workspaces = [caller.token.workspace]
        else:
            workspaces = [membership.workspace for membership in request._request.memberships]
        found = {
            "person": caller.person,
            "agent": caller.agent,
            "token": caller.token,
            "workspaces": sorted(workspaces, key=lambda one: one.slug),
        }
        return Response(MeSerializer(found).data)
