"""How a list goes on: by cursor, by number, or by a link to the next page, within the caps.

A page is named by a token, a text that says nothing but within the same action: the cursor as JSON, the number, or the
address of the next page.
"""

import json
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

from registry.manifests.functions import EvaluationFailed, evaluate
from sandbox.rest.failures import BadCall

DEFAULT_PAGES, MOST_PAGES = 10, 50
MAX_TOKEN = 4_000
CURSOR, NUMBER, LINK = "cursor", "page", "link"
# A Link header (RFC 8288, section 3): addresses, each with parameters whose values may be quoted.
_LINK = re.compile(r"<([^<>]*)>\s*((?:;\s*[^;,\"=\s]+\s*(?:=\s*(?:\"[^\"]*\"|[^;,\"\s]*))?\s*)*)")
_PARAMETER = re.compile(r";\s*([^;,\"=\s]+)\s*(?:=\s*(?:\"([^\"]*)\"|([^;,\"\s]*)))?")


def most_pages(pagination: dict[str, Any]) -> int:
    return min(pagination.get("max_pages", DEFAULT_PAGES), MOST_PAGES)


def parameters(pagination: dict[str, Any], page: str | None) -> dict[str, Any]:
    """What a request says of the page that it asks for, by name. Raises BadCall for a token that is none."""
    found: dict[str, Any] = {}
    if "size" in pagination and "size_param" in pagination:
        found[pagination["size_param"]] = pagination["size"]
    if pagination["style"] == NUMBER and "page_param" in pagination:
        found[pagination["page_param"]] = _number(pagination, page)
    if pagination["style"] == CURSOR and page is not None:
        found[pagination["cursor_param"]] = _cursor(page)
    return found


def following(
    pagination: dict[str, Any], page: str | None, *, url: str, headers: dict[str, str], body: Any
) -> str | None:
    """The token of the page after this one; None when this is the last.

    ``page`` is this page's own token, ``url`` its address; ``headers`` have names in lower case. Raises BadCall where
    the answer leads somewhere it may not, or back to this page.
    """
    match pagination["style"]:
        case "cursor":
            cursor = _found(pagination["cursor"], body)
            if cursor is None or cursor in ("", False):
                return None
            if not isinstance(cursor, str | int | float) or _is_broken(str(cursor)):
                raise BadCall("tool_error", "bad_page", "The cursor to the next page is neither text nor number.")
            token = json.dumps(cursor)
        case "page":
            entries = items_of(pagination, body)
            if not entries or len(entries) < pagination.get("size", 1):
                return None
            return str(_number(pagination, page) + 1)
        case _:
            given = _found(pagination["link"], body) if "link" in pagination else next_link(headers.get("link", ""))
            if given in (None, "", False):
                return None
            if not isinstance(given, str):
                raise BadCall("tool_error", "bad_page", "The link to the next page is no text.")
            token = same_origin(url, given)
            if token == url:
                raise _in_circles()
    if token == page:
        raise _in_circles()
    if len(token) > MAX_TOKEN:
        raise BadCall("tool_error", "bad_page", "What leads to the next page is too long.")
    return token


def items_of(pagination: dict[str, Any], body: Any) -> list[Any]:
    """The entries of one page. Raises BadCall where the answer holds no list there."""
    found = _found(pagination["items"], body)
    if found is None:
        return []
    if not isinstance(found, list):
        raise BadCall("validation", "items_no_list", f"The answer holds no list at {pagination['items']:.80}.")
    return found


def next_link(header: str) -> str | None:
    """The address of the first link with the relation ``next`` in a Link header."""
    for address, parameters in _LINK.findall(header):
        for name, quoted, plain in _PARAMETER.findall(parameters):
            if name.lower() == "rel":
                if "next" in (quoted or plain).lower().split():
                    return address
                break  # of several, the first counts
    return None


def same_origin(url: str, link: str) -> str:
    """``link`` as an absolute address at the same scheme, host and port as ``url``. Raises BadCall."""
    try:
        target = urljoin(url, link.strip())
        here, there = urlsplit(url), urlsplit(target)
        is_same = (here.scheme, here.netloc) == (there.scheme, there.netloc.lower())
    except ValueError:
        is_same = False
    if not is_same:
        raise BadCall("tool_error", "page_elsewhere", "The next page lies at another place than the first.")
    return target.partition("#")[0]


def _number(pagination: dict[str, Any], page: str | None) -> int:
    if page is None:
        return pagination.get("first_page", 1)
    if not (page.isascii() and page.isdigit() and len(page) < 10):
        raise BadCall("tool_error", "bad_page", "This names no page.")
    return int(page)


def _cursor(page: str) -> Any:
    try:
        return json.loads(page)
    except ValueError as error:
        raise BadCall("tool_error", "bad_page", "This names no page.") from error


def _is_broken(text: str) -> bool:
    """Whether it holds half of a sign (an unpaired surrogate), which JSON may and no address can."""
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def _found(expression: str, body: Any) -> Any:
    try:
        return evaluate(expression, body)
    except EvaluationFailed as error:
        raise BadCall("tool_error", "mapping_failed", f"The answer cannot be mapped. {error}") from error


def _in_circles() -> BadCall:
    return BadCall("tool_error", "pages_in_circles", "The next page is the same page again.")
