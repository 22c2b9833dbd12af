"""When two requests are the same on the wire. docs/oracles.md tells these rules; nothing else is forgiven.

- Method and path are compared as they are: the path byte for byte, percent codes included.
- The query is compared as decoded pairs (WHATWG form decoding: ``+`` and ``%20`` are one blank), sorted, since clients
  write them in the order of their arguments and Galaxy by name. ``alt=json`` is left out: Google's client names there
  what is the default.
- A JSON body is compared as RFC 8785 writes its value: clients put blanks between and keep their own order, Galaxy
  writes it as short as it goes, by name. A form is compared as decoded pairs, sorted. Any other body: byte for byte.
- Of the headers, those that mean something to the vendor: the media type of a body with its charset, without blanks
  and in lower case, and Notion-Version. Authorization is looked at in the live runs, which make it.
  What a client says of itself (User-Agent, x-goog-api-client), how it wants its answer packed (Accept-Encoding, Accept)
  and how it holds its connection is its own affair, and so is a media type where there is no body.
"""

import json
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import rfc8785

from tests.oracles.peer import Received

VERSIONS = ("notion-version",)


class Canonical(NamedTuple):
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    media_type: str
    body: Any
    versions: tuple[tuple[str, str], ...]


def canonical(request: Received) -> Canonical:
    parts = urlsplit(request.target)
    query = parse_qsl(parts.query, keep_blank_values=True)
    versions = tuple((name, request.headers[name]) for name in VERSIONS if name in request.headers)
    media_type = _media_type(request.headers.get("content-type", "")) if request.body else ""
    return Canonical(
        request.method,
        parts.path,
        tuple(sorted(pair for pair in query if pair != ("alt", "json"))),
        media_type,
        _body(media_type, request.body),
        versions,
    )


def _media_type(header: str) -> str:
    return header.lower().replace(" ", "")


def _body(media_type: str, body: bytes) -> Any:
    if media_type.partition(";")[0] == "application/json":
        return rfc8785.dumps(json.loads(body)).decode()
    if media_type == "application/x-www-form-urlencoded":
        return tuple(sorted(parse_qsl(body.decode(), keep_blank_values=True)))
    return body
