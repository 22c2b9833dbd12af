"""Who asks: a token in the header Authorization, or the session of a signed-in person (with Django's CSRF token)."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.throttling import SimpleRateThrottle

from galaxy.core.tokens import Caller, TokenRefused, caller_of


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer gxy_…``. Raises TokenRefused; without the header the session is asked."""

    def authenticate(self, request):
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        if not kind:
            return None
        if kind.lower() != "bearer":
            raise TokenRefused("Only tokens of the kind Bearer are taken.")
        caller = caller_of(text.strip())
        return caller.person, caller

    def authenticate_header(self, request):
        return 'Bearer realm="galaxy"'


class CallerThrottle(SimpleRateThrottle):
    """So many requests for each token, and for each person by session; the rate is GALAXY_API_RATE."""

    scope = "api"

    def get_cache_key(self, request, view):
        caller: Caller | None = request.auth
        who = caller.token.pk if caller and caller.token else request.user.pk
        return f"galaxy.api.{who}" if who else None
