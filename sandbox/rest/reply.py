"""What an answer says: its body as a value, what it changed, and the outputs that the manifest makes of it."""

import base64
import json
import math
from typing import Any, NamedTuple

from registry.manifests.functions import evaluate_fields, evaluate_tree

# Outputs of a run are at most 1 MiB (sandbox.services.performing), of which base64 takes four thirds.
MAX_DOWNLOAD_BYTES = 720 * 1024
MAX_BODY_BYTES = 2 * 1024 * 1024
# By what they say themselves; several vendors send JSON as plain text or as JavaScript.
_JSON_TYPES = frozenset({
    "", "application/json", "text/json", "text/plain", "text/javascript", "application/javascript",
    "application/octet-stream", "application/x-javascript",
})  # fmt: skip
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_DEEPEST = 100


class Answer(NamedTuple):
    """``body`` is a JSON value: of a download {content, media_type, size}, an empty one too; None where there is none
    or it cannot be read. ``code`` and ``sentence`` say why an answer that says yes cannot be used; empty where it can.
    """

    body: Any = None
    code: str = ""
    sentence: str = ""


def read(raw: dict[str, Any], status: int, headers: dict[str, str], content: bytes) -> Answer:
    """The body of an answer to the action whose canonical form is ``raw``; ``headers`` have names in lower case.

    An answer of 400 or more is read as far as it can be: its status has said already what it is.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_success = 200 <= status < 300
    body_format = raw.get("response_format", "json")
    if is_success and body_format == "bytes":
        if len(content) > MAX_DOWNLOAD_BYTES:
            return Answer(None, "response_too_large", f"The file is larger than {MAX_DOWNLOAD_BYTES // 1024} KiB.")
        coded = base64.b64encode(content).decode()
        return Answer({"content": coded, "media_type": media_type or "application/octet-stream", "size": len(content)})
    if is_success and body_format == "text":
        text = _text(content, headers.get("content-type", ""))
        return Answer(None, "not_text", "The answer is no text.") if text is None else Answer(text)
    if not content:
        return Answer()
    if is_success and media_type in _PAGES:
        return Answer(None, "html_reply", "The answer is a web page where JSON is declared.")
    if is_success and media_type not in _JSON_TYPES and not media_type.endswith("+json"):
        shown = media_type if len(media_type) <= 60 and media_type.isprintable() else "another form"
        return Answer(None, "wrong_content_type", f"The answer is {shown} where JSON is declared.")
    try:
        return Answer(_json(content))
    except (ValueError, RecursionError):
        return Answer(None, "not_json", "The answer is no whole, valid JSON.") if is_success else Answer()


def has_acted(effect: str, status: int | None, category: str | None, *, was_sent: bool) -> bool | None:
    """Whether something may have been changed there: False for surely not, True for perhaps, None where only the status
    can tell (sandbox.runners.Reply).

    ``category`` is that of the answer, None for a success. A no of 4xx, or in the body of a 200, says that nothing was
    done, and so does one who does not know how (501, 505); but 408 and 425 come from something in between, and who
    calls itself broken may have broken on the way.
    """
    if effect == "read" or not was_sent:
        return False
    if status is None:
        return True
    if 400 <= status < 500 or status in {501, 505}:
        return None if status in {408, 425} else False
    if 200 <= status < 300 and category not in {None, "transient", "tool_error"}:
        return False
    return None if status >= 500 else True


def outputs_of(
    raw: dict[str, Any],
    *,
    status: int,
    headers: dict[str, str],
    body: Any,
    items: list[Any] | None = None,
    more: bool = False,
) -> Any:
    """What the action's ``response`` makes of its last answer; ``items`` are the entries of all pages, ``more`` says
    that there were further ones. Without a mapping: the body, or {items, more} of a list. Raises EvaluationFailed."""
    mapping = raw.get("response")
    if mapping is None:
        return body if items is None else {"items": items, "more": more}
    value = {"status": status, "headers": headers, "body": body, "items": items, "more": more}
    return evaluate_fields(mapping, value) if isinstance(mapping, dict) else evaluate_tree(mapping, value)


def _json(content: bytes) -> Any:
    """Raises ValueError or RecursionError for all that is no JSON, NaN and numbers beyond a double included."""
    value = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number, parse_float=_float)
    if _is_too_deep(value):
        raise ValueError("too deep")
    return value


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON.")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("The number is too large.")
    return value


def _text(content: bytes, content_type: str) -> str | None:
    charset = content_type.lower().partition("charset=")[2].strip().strip('"').partition(";")[0].strip()
    encoding = charset if charset in {"iso-8859-1", "latin-1", "windows-1252", "us-ascii"} else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
