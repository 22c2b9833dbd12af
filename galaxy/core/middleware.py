"""What every request passes: its id, response headers, the row-level scope, and errors told to people."""

import re
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.db.models import Case, OuterRef, QuerySet, When
from django.http import Http404
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from galaxy.core.api.problems import API_PATH, problem_answer
from galaxy.core.break_glass import ReadingOnly, open_for, record_look
from galaxy.core.db.prepared import prepared
from galaxy.core.errors import Defect, DomainError
from galaxy.core.http import page_of_form
from galaxy.core.models import Membership
from galaxy.core.permissions import held_in, known_grants, remember_grants
from galaxy.core.request_id import new_request_id, reset_request_id, set_request_id
from galaxy.core.scope import current_scope, in_scope, workspace_scope
from galaxy.core.sessions import follow_rights

_WORKSPACE_PATH = re.compile(r"/w/(?P<slug>[^/]+)(/|$)")


class RequestIdMiddleware:
    """Gives the request an id, kept in a context variable, and sends it back as ``X-Request-ID``."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        is_proxied = settings.SECURE_PROXY_SSL_HEADER is not None  # only a proxy of ours may name what the trail keeps
        request.id = new_request_id(request.headers.get("X-Request-ID", "") if is_proxied else "")
        token = set_request_id(request.id)
        try:
            response = self.get_response(request)
        finally:
            reset_request_id(token)
        response["X-Request-ID"] = request.id
        return response


class NotEncrypted(DomainError):
    status = 403
    code = "not_encrypted"
    next_step = "Ask again by https, with a new token where you sent one."


class PlainHttpMiddleware:
    """Refuses plain http where programs call: a redirect would hide that they send their tokens in the clear."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        is_plain = settings.SECURE_SSL_REDIRECT and not request.is_secure()
        if not is_plain or not request.path_info.startswith(settings.GALAXY_REFUSED_BY_HTTP):
            return self.get_response(request)
        error = NotEncrypted("This is called by https only.", "Make another token, and send it by https.")
        return problem_answer(error, error.status)


class HeadersMiddleware:
    """Headers that Django has no setting for. Pages of signed-in people are never stored by a cache."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if getattr(request, "signed_out", False):  # what a browser kept of somebody's pages goes with their session
            response["Clear-Site-Data"] = '"cache", "storage"'
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.setdefault("Reporting-Endpoints", 'csp="/csp-reports/"')  # what report-to in the policy names
        if not request.path_info.startswith("/static/"):
            response.setdefault("Cache-Control", "no-store")
            patch_vary_headers(response, ["HX-Request"])  # one address gives a page, or a part of it
        return response


class ScopeMiddleware:
    """Opens the row-level scope: the workspace of ``/w/<slug>/``, elsewhere every workspace of the person.

    Sets ``request.memberships`` (with their workspaces), ``request.workspace`` and ``request.membership``; a slug
    that is not one of theirs is a 404, whether it exists or not. Staff without a membership get in while
    ``request.break_glass`` is open, to read: each page is written to the trail first, and no form is taken.
    ``request.break_glasses`` are all that this person has open.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.workspace = request.membership = request.break_glass = None
        request.memberships, request.break_glasses = [], []
        if not request.user.is_authenticated:
            with workspace_scope(), remember_grants():  # a token, read inside a view, narrows and never leaks
                return self.get_response(request)
        user = request.user.pk
        match = _WORKSPACE_PATH.match(request.path_info)
        with workspace_scope(user=user):
            request.memberships = _memberships_of(user=user, slug=match["slug"] if match else "")
        follow_rights(request, request.memberships)
        request.break_glasses = open_for(request.user) if request.user.is_staff else []
        ids = [membership.workspace_id for membership in request.memberships]
        if match:
            request.membership = _of_workspace(request.memberships, match["slug"])
            if request.membership is None:
                request.break_glass = _of_workspace(request.break_glasses, match["slug"])
            entrance = request.membership or request.break_glass
            if entrance is None:
                return missing(request)
            request.workspace = entrance.workspace
            ids = [request.workspace.pk]
        with workspace_scope(ids, user), remember_grants(_held(request)):
            if request.break_glass:
                if request.method not in {"GET", "HEAD", "OPTIONS"}:
                    return problem(request, ReadingOnly("Support access is for reading, so nothing was changed."), 403)
                record_look(request)
            response = self.get_response(request)
            scope = current_scope()  # an API view may have narrowed it
        if response.streaming and not response.is_async:
            response.streaming_content = in_scope(response.streaming_content, scope)
        return response


def _held(request) -> dict:
    """What the person holds on the workspace of the path, read with their memberships; staff may hold more."""
    if request.membership is None or request.user.is_staff:
        return {}
    return known_grants(request.user, request.workspace, request.membership.codenames)


@prepared
def _memberships_of(user: UUID, slug: str) -> QuerySet[Membership]:
    """Memberships with their workspaces; that of the workspace ``slug`` with what the person holds on it."""
    held = held_in(OuterRef("user"), OuterRef("workspace"))
    codenames = Case(When(workspace__slug=slug, then=held), default=None)
    rows = Membership.objects.filter(user=user).select_related("workspace")
    return rows.annotate(codenames=codenames).order_by("workspace__name")


def _of_workspace(rows, slug: str):
    return next((row for row in rows if row.workspace.slug == slug), None)


class TimeZoneMiddleware:
    """Times are shown in the zone the person chose; rows keep UTC."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.user.is_authenticated:
            return self.get_response(request)
        with timezone.override(request.user.time_zone):
            return self.get_response(request)


class BodyTooLarge(DomainError):
    status = 413
    code = "too_large"
    next_step = "Send less at once."


class BodyLimitMiddleware:
    """Refuses what is larger than anything Galaxy takes, files included, before a byte of it is read.

    A request without a length has no body under WSGI, so there is no way around it.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        limits = (limit for pattern, limit in settings.GALAXY_LARGER_BODIES if pattern.fullmatch(request.path_info))
        limit = next(limits, settings.GALAXY_MAX_BODY_BYTES)
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0  # Django reads none of it either
        if length <= limit:
            return self.get_response(request)
        error = BodyTooLarge(f"This is larger than {limit // 1024} KB, the most that is taken.", "Send less at once.")
        return problem(request, error, error.status)


class ProblemMiddleware:
    """Turns refusals into answers: a page, or for htmx a message in ``#problems`` that leaves the clicked row alone."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code == 404 and request.resolver_match is None:  # where DEBUG would list every address
            return missing(request)
        if response.status_code != 302 or not response["Location"].startswith(resolve_url("account_login")):
            return response
        if request.htmx:
            return HttpResponseClientRedirect(redirect_to_login(page_of_form(request))["Location"])
        came_too_late = redirect_to_login(request.get_full_path())["Location"]  # and not: signed out, to sign in anew
        if request.method == "POST" and response["Location"] == came_too_late:
            return redirect_to_login(page_of_form(request))  # what was sent is not done; its page can be read again
        return response

    def process_exception(self, request, error):
        if isinstance(error, DomainError | PermissionDenied):
            return problem(request, error, getattr(error, "status", 403))
        if isinstance(error, Http404):  # also where DEBUG would show every address there is instead
            return missing(request)
        if settings.DEBUG and request.path_info.startswith(API_PATH):  # as handler500 does it, where nobody debugs
            got_request_exception.send(sender=type(self), request=request)
            return problem_answer(Defect(), 500)
        return None


def missing(request):
    """The same answer for what is not there and for what this person may not see."""
    next_step = "Reload the page." if getattr(request, "htmx", None) else "Check the address, or go back."
    return problem(request, DomainError("There is nothing at this address, or you may not see it.", next_step), 404)


def problem(request, error: Exception, status: int):
    """The answer to a refusal; ``error`` carries the sentence and perhaps ``next_step``. The API has its own form."""
    if request.path_info.startswith(API_PATH):
        return problem_answer(error, status)
    htmx = getattr(request, "htmx", None)  # a request with a wrong host is refused before HtmxMiddleware sees it
    template = "ui/_problem.html" if htmx else "ui/problem.html"
    response = render(request, template, {"error": error, "status": status}, status=status)
    if not htmx:
        return response
    return reswap(retarget(response, "#problems"), "innerHTML")
