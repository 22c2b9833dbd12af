"""Doors for those who run Galaxy: health, readiness, the start-up page for staff, and browsers' CSP reports."""

import json
from urllib.parse import urlsplit

import structlog
from allauth.account.adapter import get_adapter
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST, require_safe

from galaxy.core.ops.configuration import configuration
from galaxy.core.ops.readiness import is_ready, readiness, recent_readiness

log = structlog.get_logger("galaxy.csp")
REPORT_BYTES = 16_384
REPORTS_A_MINUTE = 30
REPORTS_AT_ONCE = 20
REPORT_TYPES = {"application/csp-report", "application/reports+json", "application/json"}
_SOURCES = ["default", "script", "style", "img", "font", "connect", "frame", "object", "manifest", "media", "worker"]
DIRECTIVES = frozenset(
    [f"{source}-src" for source in _SOURCES]
    + [f"{source}-src-{part}" for source in ("script", "style") for part in ("elem", "attr")]
    + ["form-action", "frame-ancestors", "base-uri"]
)
BLOCKED_WORDS = frozenset({"inline", "eval", "wasm-eval", "self", "data", "blob"})


@login_not_required
@require_GET
def health(request):
    """Alive: the process answers and the database does too. Says nothing else to strangers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


@login_not_required
@require_GET
def ready(request):
    """Whether requests may be sent here: names and ok only, since anybody may ask. 503 while something is broken."""
    conditions = recent_readiness()
    good = is_ready(conditions)
    checks = [{"name": condition.name, "ok": condition.ok} for condition in conditions]
    return JsonResponse({"status": "ready" if good else "not ready", "checks": checks}, status=200 if good else 503)


@require_safe
def system(request):
    """The start-up page: what ``manage.py doctor`` says, for those who work for the marketplace."""
    if not request.user.is_staff:
        raise PermissionDenied("This page is for those who run Galaxy.")
    groups = [("Servers", readiness()), ("Configuration", configuration())]
    return render(request, "core/system.html", {"groups": groups})


@csrf_exempt  # a browser sends reports by itself, without a form; nothing is stored and nobody is signed in by it
@login_not_required
@require_POST
def csp_report(request):
    """A violation a browser saw. Logged by directive, kind of source and route: the report itself is full of values."""
    if not _is_within_rate(get_adapter().get_client_ip(request)):
        return HttpResponse(status=429, headers={"Retry-After": "60"})
    if request.content_type not in REPORT_TYPES:
        return HttpResponse(status=415)
    text = request.read(REPORT_BYTES + 1)
    if len(text) > REPORT_BYTES:
        return HttpResponse(status=413)
    try:
        reports = _reports_in(json.loads(text))
    except (ValueError, RecursionError):
        return HttpResponse(status=400)
    for report in reports[:REPORTS_AT_ONCE]:
        log.warning("csp.violated", **report)
    return HttpResponse(status=204)


def _is_within_rate(address: str) -> bool:
    key = f"galaxy:csp-reports:{address}"
    cache.add(key, 0, 60)
    try:
        return cache.incr(key) <= REPORTS_A_MINUTE
    except ValueError:  # the minute ended between the two
        return True


def _reports_in(body) -> list[dict[str, str]]:
    """Both forms browsers send: {"csp-report": {...}} of CSP 2, and a list of {"type", "body"} of the Reporting API.

    Raises ValueError for anything else.
    """
    if isinstance(body, dict) and isinstance(body.get("csp-report"), dict):
        found = body["csp-report"]
        names = ("effective-directive", "violated-directive"), "blocked-uri", "document-uri"
        return [_summary(found, *names)]
    if isinstance(body, list) and all(isinstance(one, dict) and isinstance(one.get("body"), dict) for one in body):
        return [
            _summary(one["body"], ("effectiveDirective",), "blockedURL", "documentURL")
            for one in body
            if one.get("type") == "csp-violation"
        ]
    raise ValueError("not a report")


def _summary(report: dict, directives: tuple[str, ...], blocked: str, document: str) -> dict[str, str]:
    """{directive, blocked, route} in words of ours."""
    text = next((str(report[name]) for name in directives if report.get(name)), "")
    directive = text.partition(" ")[0]
    return {
        "directive": directive if directive in DIRECTIVES else "other",
        "blocked": _kind_of(str(report.get(blocked, ""))),
        "route": _route_of(str(report.get(document, ""))),
    }


def _kind_of(blocked: str) -> str:
    if blocked in BLOCKED_WORDS:
        return blocked
    scheme = blocked.partition(":")[0].lower()
    return scheme if scheme in {"http", "https", "data", "blob", "ws", "wss"} else "other"


def _route_of(url: str) -> str:
    try:
        return resolve(urlsplit(url).path).view_name
    except (Resolver404, ValueError):
        return "unmatched"
