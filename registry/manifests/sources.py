"""From bytes to text: the checks that come before any parser sees a manifest."""

from __future__ import annotations

import re
from pathlib import PurePath

from .findings import Findings
from .nodes import Mark

MAX_BYTES = 256 * 1024
FORMATS = ("yaml", "json", "python")
_BY_SUFFIX = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".py": "python"}
_UTF_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
# Controls and line separators that parsers disagree about; bidirectional overrides make a text read otherwise than
# it is (Trojan Source, CVE-2021-42574).
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def decode(source: str | bytes, findings: Findings) -> str | None:
    """The text with plain line ends, or None after a finding."""
    if len(source) > MAX_BYTES:
        findings.add(
            "too-large",
            Mark(1, 1),
            message=f"The text has {len(source):,} characters; the most is {MAX_BYTES:,} bytes.",
        )
        return None
    if isinstance(source, bytes):
        if source.startswith(_UTF_MARKS):
            findings.add("encoding", Mark(1, 1), message="The file begins with a byte order mark.")
            return None
        raw = source
        try:
            source = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            before = raw[: error.start]
            line_start = before.rfind(b"\n") + 1
            column = len(before[line_start:].decode("utf-8", "replace")) + 1
            where = Mark(before.count(b"\n") + 1, column)
            findings.add("encoding", where, message=f"Byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8.")
            return None
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    if bad := find_forbidden(text):
        findings.add("encoding", mark_at(text, bad.start()), message=describe_forbidden(bad))
        return None
    if len(text.encode()) > MAX_BYTES:
        findings.add("too-large", Mark(1, 1))
        return None
    return text


def detect_format(text: str, filename: str | None) -> str:
    """By the file's name, else by its first sign: a brace begins JSON, a top-level def is Python, the rest is YAML."""
    if filename and (known := _BY_SUFFIX.get(PurePath(filename).suffix.lower())):
        return known
    if text.lstrip()[:1] in ("{", "["):
        return "json"
    return "python" if re.search(r"^(?:async )?def \w+\(", text, re.MULTILINE) else "yaml"


def find_forbidden(text: str) -> re.Match[str] | None:
    """The first character no text of a manifest may hold; escapes in quoted values must not bring one in either."""
    return _FORBIDDEN.search(text)


def describe_forbidden(bad: re.Match[str]) -> str:
    return f"The character U+{ord(bad.group()):04X} is not permitted in a manifest."


def mark_at(text: str, offset: int) -> Mark:
    return Mark(text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)
