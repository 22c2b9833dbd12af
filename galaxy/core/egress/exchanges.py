"""What went out and came back, without secrets: the list of a run, its recording, and fixtures that answer instead.

A recording and a file of fixtures have one form, a list of

    {"method": "GET", "url": "https://...", "status": 200, "headers": {...}, "body": "text" or any JSON}

with ``"body_base64"`` in place of ``body`` for bytes that are no text, and ``"failure": CODE`` (with ``message`` and
``was_sent``) in place of ``status`` for a call that came to nothing. Placeholders stand in ``url`` as
``{secret:NAME}``.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from galaxy.core.egress.headers import joined
from galaxy.core.egress.refusals import CODES, Refused
from galaxy.core.egress.transport import Incoming, Outgoing

# Passes for public and leads nowhere: the block of the former 6bone was given back (RFC 3701) and is not routed.
NOWHERE = "3ffe::1"
_MOST = 1000
_KEYS = {"method", "url", "status", "headers", "body", "body_base64", "failure", "message", "was_sent"}


class BadFixtures(ValueError):
    """A file of fixtures that cannot be used; the sentence names the entry."""


def recorded(method: str, url: str, came: Incoming | Refused) -> dict[str, Any]:
    """One entry of a recording. ``url`` is the shown one, and what came has been scrubbed already."""
    entry: dict[str, Any] = {"method": method, "url": url}
    if isinstance(came, Refused):
        return entry | {"failure": came.code, "message": str(came), "was_sent": came.was_sent}
    return entry | {"status": came.status, "headers": joined(came.headers)} | written(came.body)


class FixtureTransport:
    """Answers from a list of exchanges and opens no connection; it is its own resolver.

    Each call takes the first entry left that has its method and URL, or else its URL without the query. The last such
    entry stays and answers again, unless ``in_order``: then every entry answers once and only when its turn has come,
    as a replay must. Raises BadFixtures.
    """

    def __init__(self, exchanges: Iterable[Mapping[str, Any]], *, in_order: bool = False):
        self._left = [_checked(number, entry) for number, entry in enumerate(exchanges, 1)]
        self._in_order = in_order

    def resolve(self, host: str, seconds: float) -> list[str]:
        return [NOWHERE]

    def send(self, request: Outgoing, address: str, seconds: float) -> Incoming:
        entry = self._take(request)
        if entry is None:
            # The URL may hold what a peer sent before, so the sentence names the host only.
            raise Refused("not_recorded", f"No recorded answer fits this {request.method} to {request.host}.")
        if "failure" in entry:
            sentence = entry.get("message", "The recorded call came to nothing.")
            raise Refused(entry["failure"], sentence, was_sent=entry.get("was_sent", False))
        body = body_of(entry)
        if len(body) > request.most_bytes:
            raise Refused("response_too_large", "The answer is larger than allowed.")
        return Incoming(entry["status"], list(entry.get("headers", {}).items()), body)

    def _take(self, request: Outgoing) -> dict[str, Any] | None:
        candidates = self._left[:1] if self._in_order else self._left
        of_method = [entry for entry in candidates if entry["method"].upper() == request.method]
        fitting = [entry for entry in of_method if entry["url"] == request.shown_url]
        if not fitting:
            fitting = [entry for entry in of_method if entry["url"] == request.shown_url.partition("?")[0]]
        if not fitting:
            return None
        if self._in_order or len(fitting) > 1:
            self._left.remove(fitting[0])
        return fitting[0]


class ScriptTransport:
    """Answers whatever is asked by the next entry of a list, the last one again and again, and opens no connection; it
    is its own resolver. Entries are {status, headers, body | body_base64}; ``made`` counts the answers."""

    def __init__(self, replies: Iterable[Mapping[str, Any]]):
        self._replies = list(replies)
        self.made = 0

    def resolve(self, host: str, seconds: float) -> list[str]:
        return [NOWHERE]

    def send(self, request: Outgoing, address: str, seconds: float) -> Incoming:
        entry = self._replies[min(self.made, len(self._replies) - 1)]
        self.made += 1
        headers = {str(name): str(value) for name, value in entry.get("headers", {}).items()}
        if not isinstance(entry.get("body", ""), str) and "content-type" not in map(str.lower, headers):
            headers["Content-Type"] = "application/json"
        body = body_of(entry) if entry.get("body") is not None or "body_base64" in entry else b""
        return Incoming(int(entry.get("status", 200)), list(headers.items()), body)


def load(text: str) -> list[dict[str, Any]]:
    """The exchanges in a file of fixtures. Raises BadFixtures."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFixtures(f"The fixtures are no JSON: {error}.") from error
    if not isinstance(entries, list) or len(entries) > _MOST:
        raise BadFixtures(f"Fixtures are a list of at most {_MOST} exchanges.")
    return [_checked(number, entry) for number, entry in enumerate(entries, 1)]


def written(body: bytes) -> dict[str, str]:
    """A body as JSON holds it: {body} where it is UTF-8 without NUL, which jsonb does not take, else {body_base64}."""
    with suppress(UnicodeDecodeError):
        if b"\0" not in body:
            return {"body": body.decode()}
    return {"body_base64": base64.b64encode(body).decode()}


def body_of(entry: Mapping[str, Any]) -> bytes:
    """The bytes of a body as ``written`` or a fixture has it. Raises ValueError or TypeError for what is none."""
    if "body_base64" in entry:
        return base64.b64decode(entry["body_base64"], validate=True)
    body = entry.get("body", "")
    return (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()


def _checked(number: int, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("url"), str):
        raise BadFixtures(f"Exchange {number} is no map with a url.")
    unknown = set(entry) - _KEYS
    if unknown:
        raise BadFixtures(f"Exchange {number} has keys that nobody reads: {', '.join(sorted(map(str, unknown)))}.")
    result = {"method": "GET", **entry}
    if not isinstance(result["method"], str):
        raise BadFixtures(f"The method of exchange {number} is no text.")
    if "failure" in entry:
        if entry["failure"] not in CODES:
            raise BadFixtures(f"The failure of exchange {number} is none of {', '.join(CODES)}.")
        if not isinstance(entry.get("message", ""), str) or not isinstance(entry.get("was_sent", False), bool):
            raise BadFixtures(f"Exchange {number} needs a text as message and true or false as was_sent.")
        return result
    status = entry.get("status", 200)
    if type(status) is not int or not 200 <= status <= 599:
        raise BadFixtures(f"The status of exchange {number} is no number from 200 to 599.")
    headers = entry.get("headers", {})
    if not isinstance(headers, Mapping) or not all(isinstance(part, str) for pair in headers.items() for part in pair):
        raise BadFixtures(f"The headers of exchange {number} are no map of texts.")
    try:
        body_of(entry)
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadFixtures(f"The body of exchange {number} cannot be written: {error}.") from error
    return result | {"status": status}
