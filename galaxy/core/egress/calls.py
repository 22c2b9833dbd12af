"""A call as the sandboxed code asks for it, and what becomes of it when a peer redirects."""

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from galaxy.core.egress import headers, rules
from galaxy.core.egress.refusals import Refused
from galaxy.core.egress.urls import Url

REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What another host may still be told after a redirect; anything else could be a credential of some kind.
_KEPT_ACROSS_HOSTS = frozenset({"accept", "accept-language", "content-type", "user-agent"})


@dataclass(frozen=True)
class Call:
    """``url`` and the values of ``headers`` as the code wrote them, with placeholders. ``seconds`` is its own limit.

    ``follow``: True follows redirects, False hands them over. None hands over those that lead to a declared place and
    refuses the others, so that code which overlooks a redirect is told.
    """

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    follow: bool | None
    seconds: float

    @property
    def content_type(self) -> str:
        return next((value for name, value in self.headers if name.lower() == "content-type"), "")


def read(request: object, most_bytes: int) -> Call:
    """The call in ``request``: {method, url, headers?, body? | body_base64?, follow?, timeout_ms?}. Raises Refused."""
    if not isinstance(request, dict):
        raise Refused("bad_request", "The request is no map.")
    method = request.get("method", "GET")
    if not isinstance(method, str) or method.upper() not in rules.METHODS:
        raise Refused("bad_request", f"The method is none of {', '.join(sorted(rules.METHODS))}.")
    timeout_ms, follow = request.get("timeout_ms"), request.get("follow")
    if timeout_ms is not None and (type(timeout_ms) not in (int, float) or not 0 < timeout_ms <= 600_000):
        raise Refused("bad_request", "The timeout is no number of milliseconds.")
    if follow is not None and not isinstance(follow, bool):
        raise Refused("bad_request", "follow is true, false or left out.")
    url = request.get("url")
    if not isinstance(url, str):
        raise Refused("bad_url", "The address is no text.")
    body = _body(request)
    if len(body) > most_bytes:
        raise Refused("request_too_large", f"The body is larger than {most_bytes} bytes.")
    return Call(
        method.upper(),
        url,
        headers.check(request.get("headers")),
        body,
        follow,
        float("inf") if timeout_ms is None else timeout_ms / 1000,
    )


def redirected(call: Call, url: Url, status: int, location: str) -> Call:
    """The call that a redirect of ``url`` asks for; whether it may be made is for the caller to check.

    303 asks for a GET, and so do 301 and 302 after a POST, as browsers read them (Fetch, HTTP-redirect fetch). Another
    host is told nothing that could be a credential.
    """
    try:
        target = urljoin(str(url), location.partition("#")[0])
        is_elsewhere = urlsplit(target).netloc.lower() != urlsplit(str(url)).netloc
    except ValueError:  # no address, and the check of it says so
        target, is_elsewhere = location, True
    if (status == 303 and call.method != "HEAD") or (status in (301, 302) and call.method == "POST"):
        kept = [pair for pair in call.headers if not pair[0].lower().startswith("content-")]
        call = replace(call, method="GET", headers=kept, body=b"")
    if is_elsewhere:
        call = replace(call, headers=[pair for pair in call.headers if pair[0].lower() in _KEPT_ACROSS_HOSTS])
    return replace(call, url=target)


def _body(request: dict[str, Any]) -> bytes:
    text, coded = request.get("body"), request.get("body_base64")
    if text is not None and coded is not None:
        raise Refused("bad_request", "A request has either body or body_base64.")
    try:
        if isinstance(coded, str):
            return base64.b64decode(coded, validate=True)
        if isinstance(text, str):
            return text.encode()
    except (binascii.Error, ValueError) as error:
        raise Refused("bad_request", "The body is no valid text or base64.") from error
    if text is None and coded is None:
        return b""
    raise Refused("bad_request", "The body is no text.")
