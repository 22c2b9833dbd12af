"""The one form of web address that leaves Galaxy, so that no two parsers can read two places in it.

    https://host[:port]/path[?query]

Plain ASCII; the host a DNS name, never an address; no user, no fragment, no escapes before the path. A path that could
mean another one (dot segments, also escaped ones, empty segments, backslashes) is refused rather than repaired: the
rule on path prefixes then speaks of the very bytes that are sent.
"""

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from galaxy.core.egress.refusals import Refused

MAX_CHARACTERS = 2048
HTTPS = 443
MAX_PORT = 65_535

# A name as manifests take it (registry.manifests.hosts). One whose last label is a number is an IPv4 address by the URL
# standard.
_HOST = re.compile(r"(?=.{1,253}\Z)(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)+(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<rest>#.*)?",
    re.ASCII,
)
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+", re.ASCII)
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]|-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_MOST_DECODINGS = 3


class Url(NamedTuple):
    """An address taken apart. ``path`` begins with a slash; ``query`` is None where there is none."""

    host: str
    port: int
    path: str
    query: str | None

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    def __str__(self) -> str:
        port = "" if self.port == HTTPS else f":{self.port}"
        return f"https://{self.host}{port}{self.target}"


def parse(text: object) -> Url:
    """The address in ``text``, taken apart. Raises Refused with the code ``bad_url``."""
    if not isinstance(text, str) or not text:
        raise Refused("bad_url", "The address is no text.")
    if len(text) > MAX_CHARACTERS:
        raise Refused("bad_url", f"The address is longer than {MAX_CHARACTERS} characters.")
    if not text.isascii() or re.search(r"[\x00-\x20\x7f\\]", text):
        raise Refused("bad_url", "The address holds a blank, backslash, control or non-ASCII character; escape it.")
    match = _URL.fullmatch(text)
    if not match:
        raise Refused("bad_url", "The address is not of the form https://host/path.")
    if match["scheme"].lower() != "https":
        raise Refused("bad_url", f"Only https leaves Galaxy, not {match['scheme'].lower():.20}.")
    if match["rest"] is not None:
        raise Refused("bad_url", "The address holds a fragment, which is never sent; leave out # and what follows.")
    host, port = _authority(match["authority"])
    path = match["path"] or "/"
    check_path(path)
    if match["query"] is not None and not _QUERY.fullmatch(match["query"]):
        raise Refused("bad_url", "The query holds a character that has to be escaped.")
    return Url(host, port, path, match["query"])


def is_host(name: str) -> bool:
    """Whether ``name`` is a DNS name of two labels or more in lower case, and no IPv4 address in any notation."""
    return bool(_HOST.fullmatch(name)) and not _NUMBER.fullmatch(name.rpartition(".")[2])


def check_path(path: str) -> None:
    """Raises Refused unless ``path`` is absolute and means the same place to whoever unescapes it, how often ever."""
    if not _PATH.fullmatch(path):
        raise Refused("bad_url", "The path holds a character that has to be escaped.")
    plain = _unescaped(path)
    segments = re.split(r"[/\\]", plain)
    # Some servers cut the parameters of a segment off first: "/..;x/" is "/../" to them.
    if any(segment.partition(";")[0].strip() in {".", ".."} for segment in segments):
        raise Refused("bad_url", "The path holds a dot segment, which could lead out of what is allowed.")
    if "" in segments[1:-1]:
        raise Refused("bad_url", "The path holds an empty segment.")
    if "\\" in plain or any(unicodedata.category(sign) == "Cc" for sign in plain):
        raise Refused("bad_url", "The path hides a backslash or control character behind an escape.")


def _authority(text: str) -> tuple[str, int]:
    if "@" in text:
        raise Refused("bad_url", "The address carries a user name; credentials go into a header.")
    if "%" in text or "[" in text or "]" in text:
        raise Refused("bad_url", "The host is an address or holds an escape; only plain names are called.")
    host, colon, digits = text.partition(":")
    if colon and not (re.fullmatch(r"[1-9][0-9]{0,4}", digits, re.ASCII) and int(digits) <= MAX_PORT):
        raise Refused("bad_url", "The port is no plain number.")
    host = host.lower()
    if not is_host(host):
        raise Refused("bad_url", "The host is not a plain DNS name.")
    return host, int(digits) if colon else HTTPS


def _unescaped(path: str) -> str:
    """``path`` as the most eager of servers would read it: unescaped until nothing changes, look-alikes folded."""
    plain = path
    for _ in range(_MOST_DECODINGS):
        try:
            decoded = unquote_to_bytes(plain).decode()
        except UnicodeDecodeError as error:
            raise Refused("bad_url", "The escapes of the path are no UTF-8.") from error
        if decoded == plain:
            return unicodedata.normalize("NFKC", plain)
        plain = decoded
    raise Refused("bad_url", "The path is escaped more than twice over.")
