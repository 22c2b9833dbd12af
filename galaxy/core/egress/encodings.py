"""The forms in which a value turns up again when a peer, a library or a log writes it its own way."""

import base64
import codecs
import html
import json
import quopri
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

_WRITTEN_AS_IT_IS = re.compile(r"[A-Za-z0-9._~-]+")
SHORTEST_FORM = 6  # bytes of a form; fewer would strike ordinary text


def forms(value: str | bytes) -> set[bytes]:
    """Every form of ``value`` that is looked for, in lower case, as UTF-8 or as the bytes they are.

    Letters are compared without case, so that hex, percent escapes and base32 are found however they are written. Left
    out, and so not found: compressed or encrypted forms, base64 of base64, forms with signs put in between, and those
    that escape a letter here and there.
    """
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    raw = text.encode("utf-8", "surrogateescape")
    found = {raw, raw[::-1], *_texts(text), *_bytes(raw)}
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "latin-1", "cp1252", "utf-7"):
        other = _encoded(text, codec)
        found.add(other)
        if codec.startswith("utf-16"):
            found.update({other.hex().encode(), *_base64(other)})
    return {form.lower() for form in found if len(form) >= SHORTEST_FORM}


def _texts(text: str) -> Iterator[bytes]:
    """Forms that escape signs of a text."""
    written = {text[::-1], codecs.encode(text, "rot13"), *_numbered(text)}
    if not _WRITTEN_AS_IT_IS.fullmatch(text):  # a token of letters and digits has no sign that anybody escapes
        written |= _escaped(text)
    for form in written:
        yield form.encode("utf-8", "surrogateescape")
    yield from _mailed(text)


def _escaped(text: str) -> set[str]:
    """With escapes for those signs alone that need them."""
    return {
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        json.dumps(text)[1:-1].replace("/", "\\/"),
        json.dumps(json.dumps(text)[1:-1])[1:-1],
        repr(text)[1:-1],
        quote(text, safe="", errors="surrogateescape"),
        quote(text, safe="/", errors="surrogateescape"),
        quote_plus(text, errors="surrogateescape"),
        quote(quote(text, safe="", errors="surrogateescape"), safe=""),
        html.escape(text),
        html.escape(text, quote=False),
        html.escape(text).replace("&#x27;", "&#39;"),
    }


def _numbered(text: str) -> Iterator[str]:
    """Every sign by its number."""
    numbers = [ord(sign) for sign in text]
    decimal = [str(number) for number in numbers]
    hexadecimal = [f"{number:02x}" for number in numbers]
    yield "\\u" + "\\u".join(_units(text))
    yield "\\x" + "\\x".join(hexadecimal)
    yield "&#" + ";&#".join(decimal) + ";"
    yield "&#x" + ";&#x".join([f"{number:x}" for number in numbers]) + ";"
    yield " ".join(decimal)
    yield ",".join(decimal)
    yield ", ".join(decimal)


def _mailed(text: str) -> Iterator[bytes]:
    for every_blank in (True, False):
        mail = quopri.encodestring(text.encode("utf-8", "surrogateescape"), quotetabs=every_blank)
        yield mail.replace(b"=\n", b"")


def _bytes(raw: bytes) -> Iterator[bytes]:
    """Forms that write bytes as letters and digits."""
    yield raw.hex().encode()
    for separator in (" ", ":", "-", "%", "=", "_"):
        yield raw.hex(separator).encode()
    pairs = raw.hex(" ")
    for separator in ("\\x", ", 0x"):
        yield pairs.replace(" ", separator).encode()
    yield raw[::-1].hex().encode()
    yield base64.b85encode(raw)
    yield base64.a85encode(raw)
    yield from _base64(raw)
    yield from _base64(raw[::-1])
    yield from _aligned(raw, base64.b32encode, unit=5, signs=8)


def _base64(raw: bytes) -> Iterator[bytes]:
    for form in _aligned(raw, base64.b64encode, unit=3, signs=4):
        yield form
        if not form.isalnum():  # then it has one of three signs that addresses write in another way
            yield form.translate(_URL_SAFE)
            yield form.replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D")


def _aligned(raw: bytes, encode: Callable[[bytes], bytes], *, unit: int, signs: int) -> Iterator[bytes]:
    """``raw`` as it looks inside of a longer text that was encoded, at each place it may begin within a unit.

    Signs that also depend on the neighbours are left out, so the first of them gives away a few bits at most, and the
    last one only where another text follows.
    """
    bits = 8 * unit // signs
    for before in range(unit):
        encoded = encode(bytes(before) + raw).rstrip(b"=")
        first = -(-8 * before // bits)
        last = 8 * (before + len(raw)) // bits
        yield encoded[first:last]
        yield encoded[first:]


def _units(text: str) -> list[str]:
    """UTF-16 code units in four hex digits each, as JSON and JavaScript escape them."""
    digits = text.encode("utf-16-be", "surrogatepass").hex()
    return [digits[at : at + 4] for at in range(0, len(digits), 4)]


def _encoded(text: str, codec: str) -> bytes:
    """Empty where the codec has no such sign."""
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return b""


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
