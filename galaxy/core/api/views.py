"""What every view of the API does: know the caller, open the row-level scope, check the token, repeat safely."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, ClassVar

from django.http import Http404
from django.utils.http import http_date
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from galaxy.core.api.authentication import CallerThrottle, TokenAuthentication
from galaxy.core.api.repeats import once
from galaxy.core.audit.actors import act_by, own_token
from galaxy.core.errors import DomainError
from galaxy.core.models import Workspace
from galaxy.core.scope import narrow
from galaxy.core.second_factor import SecondFactorMissing, is_kept_out
from galaxy.core.tokens import Caller


class TokenTooNarrow(DomainError):
    """The token does not open this; what its person may do elsewhere does not matter."""

    status = 403
    code = "token_permission_missing"
    next_step = "Use a token that does, where its owner may do this."


@dataclass(frozen=True)
class Deprecation:
    """Since when a view is not to be used any more, when it goes, and where it says what to use instead.

    Sent as the headers Deprecation (RFC 9745), Sunset (RFC 8594) and Link.
    """

    since: datetime
    sunset: datetime
    link: str

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": http_date(self.sunset.timestamp()),
            "Link": f'<{self.link}>; rel="deprecation"',
        }


class View(APIView):
    """A view of the API. ``self.caller`` is who asks, once the request was authenticated."""

    authentication_classes: ClassVar = [TokenAuthentication, SessionAuthentication]
    permission_classes: ClassVar = [IsAuthenticated]
    throttle_classes: ClassVar = [CallerThrottle]
    http_method_names: ClassVar = ["get", "head", "post"]
    deprecation: ClassVar[Deprecation | None] = None

    def dispatch(self, request, *args, **kwargs):
        with own_token():
            return super().dispatch(request, *args, **kwargs)

    def perform_authentication(self, request):
        super().perform_authentication(request)
        if request.user.is_authenticated:
            self.caller = request.auth or Caller(request.user)
            act_by(self.caller.token)

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.deprecation.headers.items() if self.deprecation else ():
            response[name] = value
        return response


class WorkspaceView(View):
    """A view below /workspaces/<slug>/. ``self.workspace`` is in scope and nothing else is.

    ``opens`` says which permission of a token each method needs (galaxy.core.tokens.API_PERMISSIONS); what it leaves
    out no token opens.
    """

    opens: ClassVar[dict[str, str]] = {}

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        self.workspace = self._workspace(kwargs["workspace"])
        narrow([self.workspace.pk], self.caller.person.pk)
        if not self.caller.agent and is_kept_out(self.caller.person, self.workspace):
            raise SecondFactorMissing(f"{self.workspace} asks for a second factor, and you have none.")
        needed = self.opens.get("GET" if request.method == "HEAD" else request.method, "")
        if request.method in self.allowed_methods and not self.caller.has(needed):
            raise TokenTooNarrow(
                f"This token does not open “{needed}”.", "Use a token that does, where its owner may do this."
            )

    def _workspace(self, slug: str) -> Workspace:
        """The caller's workspace of that name; a foreign one is not found, whether it exists or not."""
        if self.caller.token:
            found = [self.caller.token.workspace]
        else:
            found = [membership.workspace for membership in self.request._request.memberships]
        workspace = next((one for one in found if one.slug == slug), None)
        if workspace is None:
            raise Http404
        return workspace

    def read(self, kind: type[Serializer], data: Any = None) -> dict[str, Any]:
        """The body (or ``data``) as ``kind`` understands it. Raises ValidationError, which answers 422."""
        serializer = kind(data=self.request.data if data is None else data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data


def repeatable(handler: Callable[..., Response]) -> Callable[..., Response]:
    """A POST that obeys ``Idempotency-Key``, in one transaction with what it does."""

    @wraps(handler)
    def post(self, request, *args, **kwargs):
        return once(request, self.workspace, self.caller.key, lambda: handler(self, request, *args, **kwargs))

    return post
