"""Bodies of requests: JSON, forms, multipart and files, always the same bytes for the same values.

JSON is written as short as it goes, with names in order, since a stored manifest keeps none of its own.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from sandbox.rest.failures import BadCall

# Inputs as a whole are held to a lower number at the door (sandbox.services.admission); this is for whoever builds
# requests without it.
MAX_UPLOAD_BYTES = 1024 * 1024
JSON, FORM, MULTIPART, RELATED, RAW = "json", "form", "multipart", "related", "raw"
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(?:; ?[A-Za-z0-9=_.-]{1,60})?")
_OCTETS = "application/octet-stream"


class Body(NamedTuple):
    """``media_type`` is empty where there is no body."""

    content: bytes
    media_type: str


class _File(NamedTuple):
    content: bytes
    media_type: str
    filename: str
    field: str


def written(raw: dict[str, Any], fields: Any, evaluate: Callable[[str], Any]) -> Body:
    """The body of the action whose canonical form is ``raw``. ``fields`` is its value, None for none; ``evaluate``
    gives what an expression finds in the inputs. Raises BadCall."""
    body_format = raw.get("body_format", JSON)
    file = _file(raw["upload"], evaluate) if "upload" in raw else None
    if body_format == RAW and file:
        return Body(file.content, file.media_type)
    if body_format in {MULTIPART, RELATED} and (file or fields is not None):
        return (_multipart if body_format == MULTIPART else _related)(fields, file)
    if fields is None:
        return Body(b"", "")
    if body_format == FORM:
        return Body(_form(_map(fields)), "application/x-www-form-urlencoded")
    return Body(as_json(fields), "application/json")


def as_json(value: Any) -> bytes:
    """Raises BadCall for what an expression may make and JSON cannot tell, such as an infinity."""
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except ValueError as error:
        sentence = "No request can be made of these inputs. A number is out of range, or a text is no proper one."
        raise BadCall("validation", "mapping_failed", sentence) from error


def text_of(value: Any) -> str:
    """A value as queries, paths and forms hold it: true and false as JSON has them, lists and maps as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return as_json(value).decode()


def texts_of(value: Any) -> list[str]:
    """None is left out, a list repeats its name."""
    if value is None:
        return []
    return [text_of(one) for one in value if one is not None] if isinstance(value, list) else [text_of(value)]


def _form(fields: dict[str, Any]) -> bytes:
    pairs = [(name, text) for name, value in sorted(fields.items()) for text in texts_of(value)]
    return "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in pairs).encode()


def _multipart(fields: Any, file: _File | None) -> Body:
    """multipart/form-data (RFC 7578): the fields by name, then the file."""
    parts = [
        (f'Content-Disposition: form-data; name="{_quoted(name)}"', text.encode())
        for name, value in sorted(_map(fields or {}).items())
        for text in texts_of(value)
    ]
    if file:
        head = f'Content-Disposition: form-data; name="{_quoted(file.field)}"; filename="{_quoted(file.filename)}"'
        parts.append((f"{head}\r\nContent-Type: {file.media_type}", file.content))
    return _joined("form-data", parts)


def _related(fields: Any, file: _File | None) -> Body:
    """multipart/related (RFC 2387): what is said of the file as JSON, then the file."""
    parts = [("Content-Type: application/json; charset=UTF-8", as_json({} if fields is None else fields))]
    if file:
        parts.append((f"Content-Type: {file.media_type}", file.content))
    return _joined("related", parts)


def _joined(kind: str, parts: list[tuple[str, bytes]]) -> Body:
    """The boundary comes of the content, so that the same content gives the same bytes; none of it holds the boundary
    but by breaking SHA-256, and then another is taken."""
    whole = b"".join(head.encode() + content for head, content in parts)
    boundary = "galaxy-" + hashlib.sha256(whole).hexdigest()[:32]
    while boundary.encode() in whole:
        boundary = "galaxy-" + hashlib.sha256(boundary.encode()).hexdigest()[:32]
    content = b"".join(f"--{boundary}\r\n{head}\r\n\r\n".encode() + part + b"\r\n" for head, part in parts)
    return Body(content + f"--{boundary}--\r\n".encode(), f"multipart/{kind}; boundary={boundary}")


def _file(upload: dict[str, str], evaluate: Callable[[str], Any]) -> _File | None:
    """None where the inputs bring none. Raises BadCall."""
    coded = evaluate(upload["content"])
    if coded is None:
        return None
    if not isinstance(coded, str):
        raise BadCall("validation", "upload_unreadable", "The file is given as text in base64.")
    try:
        content = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError) as error:
        sentence = "The file is no valid base64."
        raise BadCall("validation", "upload_unreadable", sentence, next_step="Encode it by RFC 4648.") from error
    if len(content) > MAX_UPLOAD_BYTES:
        raise BadCall("validation", "upload_too_large", f"A file of at most {MAX_UPLOAD_BYTES // 1024} KiB is sent.")
    media_type = evaluate(upload["media_type"]) if "media_type" in upload else None
    if media_type is not None and not (isinstance(media_type, str) and _MEDIA_TYPE.fullmatch(media_type)):
        raise BadCall("validation", "media_type", "The media type is not of the form type/subtype.")
    filename = evaluate(upload["filename"]) if "filename" in upload else None
    return _File(content, media_type or _OCTETS, str(filename or "file"), upload.get("field", "file"))


def _map(fields: Any) -> dict[str, Any]:
    if not isinstance(fields, dict):
        raise BadCall("tool_error", "body_no_map", "A form is made of a map, and the manifest makes something else.")
    return fields


def _quoted(name: str) -> str:
    """A name between the quotes of Content-Disposition, as browsers write it (RFC 7578, section 4.2; HTML, section
    4.10.22.8)."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
