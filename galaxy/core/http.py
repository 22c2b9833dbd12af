"""Small questions about a request that every view asks the same way."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request as HtmxMiddleware hands it on."""

    htmx: HtmxDetails


def wants_partial(request: HtmxRequest) -> bool:
    """True when htmx asks for a part of the page: not for a boosted link, and not for a page from the history.

    Every page says ``Vary: HX-Request`` (HeadersMiddleware), so that a cache keeps page and partial apart.
    """
    htmx = request.htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def next_page(request: HttpRequest, otherwise: str) -> str:
    """Where a form asks to go on afterwards, by its field ``next``, if that is an address of ours."""
    page = request.POST.get("next", "")
    return page if _is_ours(request, page) else otherwise


def page_of_form(request: HtmxRequest) -> str:
    """The path of the page that a form was sent from, where that is one of ours; else the start."""
    page = (request.htmx and request.htmx.current_url_abs_path) or request.headers.get("Referer", "")
    if not _is_ours(request, page):
        return "/"
    parts = urlsplit(page)
    path = urlunsplit(("", "", parts.path, parts.query, ""))
    return path if _is_ours(request, path) else "/"  # //example.com is a path in one place and a host in another


def requested_sort(request: HttpRequest, columns: Mapping[str, str], default: str) -> tuple[str, str]:
    """The order a list page is asked for by ``?sort=name`` or ``?sort=-name``.

    ``columns`` maps the names a person may ask for to model fields; anything else falls back to ``default``, which
    is one of those names, with or without a minus. Returns ``(name, order)``: what ``{% sort_th %}`` compares with
    and what ``order_by`` takes.
    """
    asked = request.GET.get("sort", "")
    name = asked if asked.removeprefix("-") in columns else default
    minus = "-" if name.startswith("-") else ""
    return name, f"{minus}{columns[name.removeprefix('-')]}"


def _is_ours(request: HttpRequest, address: str) -> bool:
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
