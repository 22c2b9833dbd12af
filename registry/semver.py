"""Semantic Versions: an order that the database can sort by, and ranges."""

import re

from semantic_version import NpmSpec, Version

_NUMERIC = re.compile("[0-9]+", re.ASCII)
DRAFT = re.compile(r"[.-]draft\.[0-9]+$", re.ASCII)  # the end of a draft's number


def sort_key(number: str) -> str:
    """``number`` (SemVer 2.0.0) as text that sorts by precedence, at most 156 characters for 64 of a version.

    Digits and a to f only, so every collation of PostgreSQL agrees. A number is its length in two digits and its
    digits; a release bears 1, a pre-release 0 and its identifiers: 1 before a number, 2 before hexadecimal text that
    ends with 00, and 0 where the list ends (semver.org, section 11). Build metadata does not order. Raises ValueError.
    """
    if not number.isascii() or not number.isprintable():
        raise ValueError("digits of other scripts and line ends are no part of a version")
    version = Version(number)
    key = "".join(_numeral(str(part)) for part in (version.major, version.minor, version.patch))
    if not version.prerelease:
        return f"{key}1"
    return f"{key}0{''.join(_identifier(part) for part in version.prerelease)}0"


def satisfies(number: str, wanted: str) -> bool:
    """Whether ``number`` lies in the range ``wanted`` (npm's notation: ``^1.2``, ``>=1.0 <2.0``)."""
    return Version(number) in NpmSpec(wanted)


def _identifier(text: str) -> str:
    return f"1{_numeral(text)}" if _NUMERIC.fullmatch(text) else f"2{text.encode().hex()}00"


def _numeral(digits: str) -> str:
    return f"{len(digits):02d}{digits}"
