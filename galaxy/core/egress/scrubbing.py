"""Taking secrets out of what is about to be shown or stored, in whichever form they come back.

One Aho-Corasick automaton finds all forms of all values in one pass over the text in lower case; matches that touch or
overlap become one mark. Values with signs that get escaped are also looked for in the text without its escapes, and
long lines of a value on their own. Values shorter than placeholders.SHORTEST are ignored here, since marks would be
everywhere, which is why the broker does not send them either.
"""

import re
from collections.abc import Iterable
from typing import Any

import ahocorasick_rs

from galaxy.core.egress.encodings import forms
from galaxy.core.egress.placeholders import SHORTEST
from galaxy.core.egress.unescaping import Unescaped

MARK = "[redacted]"
_DEEPEST = 64
_LAYERS = 2  # of escapes within escapes
_LONG_LINE = 20  # bytes of a line that is a secret by itself, as in a private key
_SHORTEST_ANCHOR = 4
_NEVER_ESCAPED = re.compile(rb"[A-Za-z0-9._~-]+")


class Scrubber:
    """Knows the values of some secrets. Building it takes about 0.2 ms for each; it does not change afterwards."""

    def __init__(self, values: Iterable[str | bytes]):
        raws = {part for value in values for part in _parts(value) if len(part) >= SHORTEST}
        patterns: set[bytes] = set().union(*map(forms, raws))
        escaped = {raw.lower() for raw in raws if not _NEVER_ESCAPED.fullmatch(raw)}
        anchors = {max(_NEVER_ESCAPED.findall(raw), key=len, default=b"") for raw in escaped}
        # An escaped value shows by its longest part that nobody escapes; where that is too short, we always look.
        self._always_unescapes = any(len(anchor) < _SHORTEST_ANCHOR for anchor in anchors)
        anchors = set() if self._always_unescapes else anchors - patterns
        self._anchors_from = len(patterns)  # the number of the first pattern that is an anchor only
        self._automaton = _automaton([*sorted(patterns), *anchors])
        self._escaped = _automaton(sorted(escaped))

    def raw(self, data: bytes) -> bytes:
        spans = self._spans(data)
        return _marked(data, spans) if spans else data

    def text(self, text: str) -> str:
        if self._automaton is None:
            return text
        data = text.encode("utf-8", "surrogatepass")
        spans = self._spans(data)
        return _marked(data, spans).decode("utf-8", "replace") if spans else text

    def data(self, value: Any) -> Any:
        """``value`` of JSON with every text in it scrubbed, names of fields too; what nests too deep is a mark.

        ``value`` itself where nothing is found.
        """
        if self._automaton is None:
            return value
        texts: list[str] = []
        if _gather(value, texts, _DEEPEST) and not self._spans("\n".join(texts).encode("utf-8", "surrogatepass")):
            return value
        return self._data(value, _DEEPEST)

    def _data(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool | None):
            return value
        if isinstance(value, int | float):
            # A secret of digits alone is a number in JSON.
            written = str(value)
            return value if self.text(written) == written else MARK
        if not depth:
            return MARK
        if isinstance(value, dict):
            return {self.text(str(name)): self._data(part, depth - 1) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._data(part, depth - 1) for part in value]
        return self.text(str(value))

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where values stand, as (begin, end) in order, those that overlap or touch put together."""
        if self._automaton is None:
            return []
        lower = data.lower()
        found = self._automaton.find_matches_as_indexes(lower, overlapping=True)
        spans = [(begin, end) for number, begin, end in found if number < self._anchors_from]
        if found or self._always_unescapes:
            spans += self._escaped_matches(data, _LAYERS)
        return _merged(spans)

    def _escaped_matches(self, data: bytes, layers: int) -> list[tuple[int, int]]:
        if self._escaped is None or not layers:
            return []
        spans = []
        for long in (False, True) if b"\\U" in data else (False,):
            plain = Unescaped(data, long=long)
            if plain.data is None:
                continue
            lower = plain.data.lower()
            found = [(begin, end) for _, begin, end in self._escaped.find_matches_as_indexes(lower, overlapping=True)]
            found += self._escaped_matches(plain.data, layers - 1)
            spans += [plain.original(*span) for span in found]
        return spans


def _automaton(patterns: list[bytes]) -> ahocorasick_rs.BytesAhoCorasick | None:
    """An automaton that is made in a moment: the table that is taken for few patterns otherwise scans a little faster
    and takes ten times as long to make, which every call would pay, and a long value that repeats itself for seconds.
    """
    if not patterns:
        return None
    return ahocorasick_rs.BytesAhoCorasick(patterns, implementation=ahocorasick_rs.Implementation.ContiguousNFA)


def _gather(value: Any, texts: list[str], depth: int) -> bool:
    """Put every text within ``value`` into ``texts``; False where it nests too deep."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        if not depth:
            return False
        texts.extend(map(str, value))
        return all(_gather(part, texts, depth - 1) for part in value.values())
    elif isinstance(value, list | tuple):
        return depth > 0 and all(_gather(part, texts, depth - 1) for part in value)
    elif value is not None and not isinstance(value, bool):
        texts.append(str(value))
    return True


def _parts(value: str | bytes) -> list[bytes]:
    """A value as bytes, and of one with several lines also the long ones, since line ends come back as they please."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    lines = [line.strip() for line in raw.splitlines()]
    if len(lines) == 1:
        return [raw]
    return [raw, *(line for line in lines if len(line) >= _LONG_LINE and not line.startswith(b"-----"))]


def _merged(matches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for begin, end in sorted(matches):
        if spans and begin <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((begin, end))
    return spans


def _marked(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    parts = []
    at = 0
    for begin, end in spans:
        parts += [data[at:begin], MARK.encode()]
        at = end
    return b"".join([*parts, data[at:]])
