"""Finding personal and secret values in text, by patterns whose numbers are checked.

Names, addresses and the like have no pattern: those are known by the data class of their field.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import phonenumbers
from stdnum import iban, luhn
from stdnum.us import ssn


class Match(NamedTuple):
    """``text[start:end]`` is of the class; offsets count characters."""

    start: int
    end: int
    data_class: str


# Local part and labels are bounded, so that a long text costs time in proportion to its length.
_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9_][A-Za-z0-9._%+'-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}\b",
    re.ASCII,
)
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])", re.ASCII)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)", re.ASCII)
_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", re.ASCII)
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:]))", re.ASCII
)
# The fixed beginnings that issuers give their keys so that scanners find them.
_SECRET = re.compile(
    r"(?<!\w)(?:AKIA[0-9A-Z]{16}|gh[opsru]_[A-Za-z0-9]{36,251}|xox[abeoprs]-[A-Za-z0-9-]{10,250}|sk_live_[A-Za-z0-9]{16,250}"
    r"|eyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,2000})(?![\w-])",
    re.ASCII,
)
_SHORTEST_SECRET = 15
# Without one of these signs there is nothing but a secret; and no number of a phone is shorter than this.
_TELLING = re.compile(r"[\d@:]")
_PHONE_LIKE = re.compile(r"\d(?:\D*\d){2}")
# A number in national notation is taken only where its grouping is that country's own; others need the +.
_NATIONAL = "US"


def find(text: str, classes: frozenset[str] | None = None) -> list[Match]:
    """Every value of the classes (all that have a pattern when None), in order and without overlaps; longest wins."""
    if len(text) < _SHORTEST_SECRET and not _TELLING.search(text):
        return []
    return _found(text, classes)


def _found(text: str, classes: frozenset[str] | None) -> list[Match]:
    found = [match for name, finder in _FINDERS.items() if classes is None or name in classes for match in finder(text)]
    kept: list[Match] = []
    for match in sorted(found, key=lambda match: (match.start, -match.end, match.data_class)):
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
    return kept


def _emails(text: str) -> Iterator[Match]:
    yield from (Match(*match.span(), "email") for match in _EMAIL.finditer(text))


def _phones(text: str) -> Iterator[Match]:
    if not _PHONE_LIKE.search(text):
        return
    for region, leniency in ((None, phonenumbers.Leniency.VALID), (_NATIONAL, phonenumbers.Leniency.STRICT_GROUPING)):
        for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=leniency):
            if region is None or not match.raw_string.isdigit():
                yield Match(match.start, match.end, "phone")


def _payments(text: str) -> Iterator[Match]:
    for match in _CARD.finditer(text):
        if luhn.is_valid(re.sub(r"\D", "", match[0])) and len(set(match[0]) - set(" -")) > 1:
            yield Match(*match.span(), "payment")
    for match in _IBAN.finditer(text):
        # The pattern may run on into the next word, so the longest beginning that checks is taken.
        ends = [word.end() for word in re.finditer(r"[A-Z0-9]+", match[0])]
        end = next((at for at in reversed(ends) if iban.is_valid(match[0][:at])), None)
        if end:
            yield Match(match.start(), match.start() + end, "payment")


def _government_ids(text: str) -> Iterator[Match]:
    yield from (Match(*match.span(), "government_id") for match in _SSN.finditer(text) if ssn.is_valid(match[0]))


def _ip_addresses(text: str) -> Iterator[Match]:
    for match in _ADDRESS.finditer(text):
        try:
            ipaddress.ip_address(match[0])
        except ValueError:
            continue
        yield Match(*match.span(), "ip_address")


def _secrets(text: str) -> Iterator[Match]:
    yield from (Match(*match.span(), "secret") for match in _SECRET.finditer(text))


_FINDERS: dict[str, Callable[[str], Iterator[Match]]] = {
    "email": _emails,
    "government_id": _government_ids,
    "ip_address": _ip_addresses,
    "payment": _payments,
    "phone": _phones,
    "secret": _secrets,
}
