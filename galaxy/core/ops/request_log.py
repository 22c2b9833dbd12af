"""One line for every request: which route, by whom (as a hash), how it ended and how long it took.

Never an address, a query, a form or a header: they carry tokens, names and whatever somebody wants to see in our log.
"""

import time

import structlog
from django.core.signals import got_request_exception
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.crypto import salted_hmac

log = structlog.get_logger("galaxy.requests")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"core:health", "core:readiness", "core:metrics"})  # asked every few seconds by a machine


class RequestLogMiddleware:
    """Writes the line once the answer is known. Static files, which need no account, are left out."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path_info.startswith("/static/"):
            return self.get_response(request)
        began = time.perf_counter()
        response = self.get_response(request)
        route = route_of(request)
        write = log.debug if route in _QUIET else log.info
        write(
            "request",
            method=request.method if request.method in _METHODS else "other",
            route=route,
            status=response.status_code,
            ms=round((time.perf_counter() - began) * 1000, 1),
            **_who(request),
        )
        return response


def route_of(request) -> str:
    """The route's name, such as ``policies:approval-detail``; "unmatched" where there is no such route."""
    match = getattr(request, "resolver_match", None) or _asked_for(request.path_info)
    return (match.view_name or "unnamed") if match else "unmatched"


def _asked_for(path: str) -> ResolverMatch | None:
    """Where a request was going that was refused on the way, such as to a page of a workspace that is not theirs."""
    try:
        return resolve(path)
    except Resolver404:
        return None


def user_hash(pk) -> str:
    """Ties the lines of one person together without naming them; whoever has the signing key can work it out."""
    return salted_hmac("galaxy.requests.user", str(pk), algorithm="sha256").hexdigest()[:16]


def _who(request) -> dict[str, str]:
    found = {}
    user = getattr(request, "_cached_user", None)  # only if something read it: the log itself asks no database
    if user is not None and user.is_authenticated:
        found["user"] = user_hash(user.pk)
    workspace = getattr(request, "workspace", None)
    if workspace is not None:
        found["workspace"] = str(workspace.pk)
    return found


def log_exception(sender, request=None, **kwargs) -> None:
    """A request that broke: the error with its frames, under the route's name instead of its address."""
    log.error("request.failed", route=route_of(request) if request else "unmatched", exc_info=True)


def connect() -> None:
    got_request_exception.connect(log_exception, dispatch_uid="galaxy-request-failed")
