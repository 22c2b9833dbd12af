"""Which headers a call may carry: none that frames the message, names another host, or widens what was declared."""

import re
from collections.abc import Iterable

from galaxy.core.egress.refusals import Refused

MOST = 50
MOST_BYTES = 16_384

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|", re.ASCII)
_OURS = frozenset({
    # the message and its connection (RFC 9110, RFC 9112)
    "accept-encoding", "connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "te",
    "trailer", "trailers", "transfer-encoding", "upgrade",
    # whom the peer takes the caller for
    "cf-connecting-ip", "client-ip", "forwarded", "origin", "true-client-ip", "via", "x-client-ip", "x-real-ip",
    # another method, host or path than the one that was checked
    "x-host", "x-http-method", "x-http-method-override", "x-method-override", "x-original-host", "x-original-url",
    "x-rewrite-url",
    # the word that opens metadata services of clouds
    "metadata", "metadata-flavor",
})  # fmt: skip
_OUR_FAMILIES = ("proxy-", "sec-", "x-forwarded-", "x-aws-ec2-metadata-", "x-google-metadata-")
# What peers store with a thing, show in their pages or put into their answers, so that a later run could read it.
_SHOWN = ("accept", "content-", "date", "from", "if-", "link", "prefer", "range", "referer", "slug", "user-agent")
_STORED = re.compile(r"x-.*\bmeta\b.*")  # x-amz-meta-, x-goog-meta-, x-ms-meta-, x-object-meta-


def check(given: object) -> list[tuple[str, str]]:
    """``given`` as pairs of name and value, in their order; a mapping of text to text, None for none.

    Raises Refused. Values are as the code wrote them: placeholders are put in later, and the result checked again.
    """
    if given is None:
        return []
    if not isinstance(given, dict) or len(given) > MOST:
        raise Refused("bad_header", f"Headers are a map of at most {MOST} names to texts.")
    pairs = []
    seen = set()
    for name, value in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Refused("bad_header", f"{name!r:.60} is no name of a header.")
        # Many servers read an underscore as the dash, so that X_Forwarded_For is X-Forwarded-For to them.
        folded = name.lower().replace("_", "-")
        if folded in _OURS or folded.startswith(_OUR_FAMILIES):
            raise Refused("bad_header", f"The header {name} is set by Galaxy or by nobody.")
        if folded in seen:
            raise Refused("bad_header", f"The header {name} stands there twice.")
        seen.add(folded)
        check_value(name, value)
        pairs.append((name, value))
    if sum(len(name) + len(value) + 4 for name, value in pairs) > MOST_BYTES:
        raise Refused("bad_header", f"The headers are longer than {MOST_BYTES} bytes.")
    return pairs


def check_value(name: str, value: object) -> None:
    """Raises Refused unless ``value`` is one line of printable ASCII without blanks around it."""
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise Refused("bad_header", f"The value of the header {name} is not one line of printable ASCII.")


def may_hold_secret(name: str) -> bool:
    """Whether a header is one that peers read credentials from, and not one that they hand out again."""
    folded = name.lower().replace("_", "-")
    return not folded.startswith(_SHOWN) and not _STORED.fullmatch(folded)


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers of a response as one map: names in lower case, repeated ones joined by ", " (RFC 9110, 5.3).

    Cookies hold commas and so are joined by line breaks.
    """
    result: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        if key in result:
            value = result[key] + ("\n" if key == "set-cookie" else ", ") + value
        result[key] = value
    return result
