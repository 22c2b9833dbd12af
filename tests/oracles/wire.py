"""When two requests are the same on the wire. docs/oracles.md tells these rules; nothing else is forgiven.

- Method and path are compared as they are: the path byte for byte, percent codes included.
- The query is compared as decoded pairs (WHATWG form decoding: ``+`` and ``%20`` are one blank), sorted, since clients
  write them in the order of their arguments and Galaxy by name. ``alt=json`` is left out: Google's client names there
  what is the default.
- A JSON body is compared as RFC 8785 writes its value: clients put blanks between and keep their own order, Galaxy
  writes it as short as it goes, by name. A form is compared as decoded pairs, sorted. Of multipart/related the parts
  are compared in their order, each by its media type and its content (JSON as above, files byte for byte); the boundary
  and what else stands over a part is its writer's affair. Any other body: byte for byte.
- Of the headers, those that mean something to the vendor: the media type of a body with its charset, without blanks
  and in lower case, and Notion-Version. Authorization is looked at in the live runs, which make it.
  What a client says of itself (User-Agent, x-goog-api-client), how it wants its answer packed (Accept-Encoding, Accept)
  and how it holds its connection is its own affair, and so is a media type where there is no body.
"""

import json
from email import message_from_bytes
from email.policy import HTTP
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
    header = request.headers.get("content-type", "") if request.body else ""
    media_type = header.partition(";")[0] if header.startswith("multipart/") else header.lower().replace(" ", "")
    return Canonical(
        request.method,
        parts.path,
        tuple(sorted(pair for pair in query if pair != ("alt", "json"))),
        media_type,
        _body(header, request.body),
        versions,
    )


def _body(header: str, body: bytes) -> Any:
    media_type = header.partition(";")[0].strip().lower()
    if media_type == "application/json":
        return rfc8785.dumps(json.loads(body)).decode()
    if media_type == "application/x-www-form-urlencoded":
        return tuple(sorted(parse_qsl(body.decode(), keep_blank_values=True)))
    if media_type == "multipart/related":
        whole = message_from_bytes(b"Content-Type: " + header.encode() + b"\r\n\r\n" + body, policy=HTTP)
        return tuple(_part(part) for part in whole.iter_parts())
    return body


def _part(part: Any) -> tuple[str, Any]:
    return part.get_content_type(), _body(part.get_content_type(), part.get_payload(decode=True))
