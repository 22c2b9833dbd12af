"""Text with its escapes undone, and where each part of it stood, so that what is found can be struck in the original.

Which signs of a value are escaped differs from one language to the next (a slash in an address, ``<`` in JSON, quotes
in HTML), so that no list of forms holds every mixture. Undoing whatever is escaped finds them all.
"""

import re
import sys
from bisect import bisect_right

_USUAL = (
    rb"|%([0-9a-f]{2})|\\x([0-9a-f]{2})|\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|\\u([0-9a-f]{4})"
    rb"|&#x0{0,2}([0-9a-f]{1,6});|&#([0-9]{1,7});|&(amp|lt|gt|quot|apos);|\\([\"'\\/bfnrt])"
)
# In upper case an escape of four digits looks like the beginning of one of eight, so texts are read in both ways.
_ESCAPE = re.compile(rb"(?!)()" + _USUAL, re.IGNORECASE)
_LONG = re.compile(rb"(?-i:\\U)(00(?:0[1-9a-f]|10)[0-9a-f]{4})" + _USUAL, re.IGNORECASE)
_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class Unescaped:
    """``data`` is the text without escapes of one layer, in bytes; None where it has none.

    ``long``: ``\\U`` in upper case begins eight digits, as Python writes signs beyond U+FFFF that it does not print.
    """

    def __init__(self, data: bytes, *, long: bool = False):
        self.data: bytes | None = None
        if b"%" not in data and b"\\" not in data and b"&" not in data:
            return
        parts: list[bytes] = []
        self._starts: list[int] = []  # of each escape in the result
        self._ends: list[tuple[int, int]] = []  # where it ends there and here
        at = length = 0
        for match in (_LONG if long else _ESCAPE).finditer(data):
            plain = _plain(match)
            length += match.start() - at
            self._starts.append(length)
            parts += [data[at : match.start()], plain]
            at, length = match.end(), length + len(plain)
            self._ends.append((length, at))
        if parts:
            self.data = b"".join([*parts, data[at:]])

    def original(self, begin: int, end: int) -> tuple[int, int]:
        """The span of the original text that the span of ``data`` stood in, whole escapes at both ends."""
        return self._place(begin, is_end=False), self._place(end, is_end=True)

    def _place(self, at: int, *, is_end: bool) -> int:
        number = bisect_right(self._starts, at - 1 if is_end else at) - 1
        if number < 0:
            return at
        length, place = self._ends[number]
        if at >= length:
            return place + at - length
        if is_end:
            return place
        # Within an escape: it begins as far before its end as what lies before it is long.
        before, here = self._ends[number - 1] if number else (0, 0)
        return here + self._starts[number] - before


def _plain(match: re.Match[bytes]) -> bytes:
    beyond, percent, hex_byte, high, low, unit, hex_entity, entity, name, sign = match.groups()
    if percent or hex_byte:
        return bytes.fromhex((percent or hex_byte).decode())
    if high:
        return bytes.fromhex((high + low).decode()).decode("utf-16-be").encode()
    if name:
        return _NAMED[name.lower()]
    if sign:
        return _CONTROLS.get(sign.lower(), sign)
    number = int(entity) if entity else int(beyond or unit or hex_entity, 16)
    return chr(number).encode("utf-8", "surrogatepass") if number <= sys.maxunicode else match[0]
