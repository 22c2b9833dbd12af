"""Small questions about a request that every view asks the same way."""

from collections.abc import Mapping

from django.http import HttpRequest
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
