"""Where an extension may go: exact public host names over https, and nothing that could mean another place."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple

from publicsuffixlist import PublicSuffixList

CONNECTION_HOST = "{connection.host}"  # fixed when a person connects, under a declared suffix (Salesforce)

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):/{0,2}(?P<rest>.*)", re.DOTALL)
# Names that resolve inside a machine or a private network (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal).
_LOCAL_ENDINGS = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "lan",
    "home",
    "corp",
    "home.arpa",
)
_RESERVED_ENDINGS = ("onion", "invalid", "arpa")


class BadHost(ValueError):
    """``code`` is of the findings table; the text says why, ``fix`` what to write."""

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.fix = fix


class Address(NamedTuple):
    """An https address taken apart. ``path`` is empty or begins with a slash."""

    host: str
    path: str


def check_host(host: str, *, suffix: bool = False) -> str:
    """The host in lower case when it is one public DNS name. ``suffix``: it stands for all names below it.

    Raises BadHost.
    """
    name = host.strip().lower().removesuffix(".")
    if suffix:
        name = name.removeprefix(".")
    folded = unicodedata.normalize("NFKC", name).replace("。", ".")
    if _is_address(folded):
        raise BadHost("egress-address", f"{host!r:.80} is an IP address.")
    labels = folded.split(".")
    if any(folded == ending or folded.endswith(f".{ending}") for ending in _LOCAL_ENDINGS):
        raise BadHost("egress-localhost", f"{host!r:.80} is a name of this machine or its network.")
    if "*" in name:
        below = name.removeprefix("*").removeprefix(".")
        if below and "*" not in below and public_suffixes(private=True).is_public(below):
            raise BadHost("egress-public-suffix", f"Anybody can register a name under {below!r:.80}.")
        raise BadHost("egress-wildcard", f"{host!r:.80} admits hosts that nobody reviewed.")
    if not name.isascii():
        raise BadHost(
            "egress-host", f"{host!r:.80} is not ASCII, and other letters can look alike.", "Write its xn-- form."
        )
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadHost("egress-host", f"{host!r:.80} is not a DNS name.")
    if labels[-1] in _RESERVED_ENDINGS:
        raise BadHost("egress-host", f"{host!r:.80} ends in a name that is not of the public DNS.")
    # A company's own suffix (googleapis.com) may be an exact host; a registry's (co.uk) is nobody's host.
    if public_suffixes(private=suffix).is_public(name):
        if len(labels) == 1 and not suffix:
            raise BadHost("egress-host", f"{host!r:.80} has no domain, so it would be looked up in the local network.")
        raise BadHost("egress-public-suffix", f"Anybody can register a name under {name!r:.80}.")
    return name


def check_address(text: str) -> Address:
    """An https address, or a bare host name with or without a path, taken apart. Raises BadHost."""
    match = _URL.fullmatch(text.strip())
    rest = text.strip()
    if match and "://" in text:
        if match["scheme"].lower() != "https":
            raise BadHost("egress-not-https", f"The scheme of {text!r:.80} is {match['scheme'].lower()}.")
        rest = match["rest"]
    authority, slash, path = rest.partition("/")
    if "\\" in rest or "?" in rest or "#" in rest or any(letter.isspace() for letter in rest):
        raise BadHost("egress-host", f"{text!r:.80} holds a backslash, blank, query or fragment.")
    if "@" in authority:
        raise BadHost("egress-host", f"{text!r:.80} carries a user name.")
    if authority == CONNECTION_HOST:
        return Address(authority, slash + path)
    if ":" in authority:
        host, _, port = authority.rpartition(":")
        if authority.startswith("[") or ":" in host or _is_address(host.lower()):
            raise BadHost("egress-address", f"{authority!r:.80} is an IP address.")
        check_host(host)
        if port != "443":
            raise BadHost("egress-host", f"{text!r:.80} names a port; only 443 is used.", "Leave the port out.")
        authority = host
    return Address(check_host(authority), slash + path)


def _is_address(name: str) -> bool:
    """By the URL standard a host whose last label is a number is IPv4, in decimal, octal or hexadecimal."""
    if ":" in name or name.startswith("["):
        return True
    last = name.rstrip(".").rpartition(".")[2]
    return bool(re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last, re.ASCII))


@cache
def public_suffixes(*, private: bool) -> PublicSuffixList:
    """The list that ships in the package. ``private`` adds suffixes of companies, such as github.io."""
    return PublicSuffixList(only_icann=not private)
