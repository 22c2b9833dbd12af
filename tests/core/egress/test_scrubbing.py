"""Scrubbing: no usual encoding of a secret gets past, and what is no secret stays as it is."""

import base64
import codecs
import html
import json
import quopri
import re
import time
from contextlib import suppress
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from galaxy.core.egress.scrubbing import MARK, Scrubber
from tests.core.egress.conftest import PATIENT

SECRET = 'p@ss/w0rd+"<é>\\&=%~ 1'
PLAIN_SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"

# Name, and how a peer, a library or a log would write a text of which the value is a part.
WRITERS = {
    "plain": lambda text: text,
    "upper": lambda text: text.upper() if text.isascii() else text,
    "reversed": lambda text: text[::-1],
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex with blanks": lambda text: text.encode().hex(" "),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, unpadded": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64, url-safe": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in an address": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "percent": lambda text: quote(text, safe=""),
    "percent, some kept": lambda text: quote(text, safe="/@=&+"),
    "percent, lower case": lambda text: re.sub("%..", lambda match: match[0].lower(), quote(text, safe="")),
    "percent, every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "JSON": json.dumps,
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON, slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON, safe in HTML": lambda text: re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04X}", json.dumps(text)),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "unicode escapes": lambda text: "".join(f"\\u{unit}" for unit in text.encode("utf-16-be").hex(" ", 2).split()),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "HTML": html.escape,
    "HTML, text only": lambda text: html.escape(text, quote=False),
    "HTML, decimal quotes": lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "HTML, every sign": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "HTML, every sign in hex": lambda text: "".join(f"&#x{ord(sign):X};" for sign in text),
    "codes": lambda text: ",".join(str(ord(sign)) for sign in text),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "base85": lambda text: base64.b85encode(text.encode()).decode(),
}  # fmt: skip
STANDS_ALONE = {"base85"}  # depends on all that stands before


ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\(.)")


def padded(decode, run: str, unit: int):
    """What ``run`` decodes to, begun at each place of a unit and cut where it stops to make sense."""
    for skip in range(unit):
        part = run[skip:]
        for cut in range(3):
            cut_part = part[: len(part) - cut]
            with suppress(ValueError):
                yield decode(cut_part + "=" * (-len(cut_part) % unit))


def unslashed(text: str) -> str:
    signs = ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)) if match[1] or match[2] else match[3], text)
    return signs.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def readings(text: str):
    """Everything that somebody who knows the usual encodings could read out of ``text``."""
    yield text
    yield text[::-1]
    yield codecs.encode(text, "rot13")
    yield unquote(text)
    yield unquote(unquote(text))
    yield unquote_plus(text)
    yield html.unescape(text)
    yield unslashed(text)
    yield unslashed(unslashed(text))
    yield unslashed(text).encode("latin-1", "replace").decode("utf-8", "replace")
    for run in re.findall(r"(?:[0-9a-fA-F]{2}[: ]?){6,}", text):
        yield bytes.fromhex(re.sub("[: ]", "", run)).decode("utf-8", "replace")
    for run in re.findall(r"[A-Za-z0-9+/_-]{8,}", unquote(text)):
        for raw in padded(base64.b64decode, run.replace("-", "+").replace("_", "/"), 4):
            yield raw.decode("utf-8", "replace")
            yield raw.decode("utf-16-le", "replace")
            yield raw[1:].decode("utf-16-le", "replace")
    for run in re.findall(r"[A-Z2-7]{8,}", text):
        for raw in padded(base64.b32decode, run, 8):
            yield raw.decode("utf-8", "replace")
    for run in re.findall(r"(?:[0-9]{1,7},? ?){6,}", text):
        yield "".join(chr(min(int(number), 0x10FFFF)) for number in re.findall("[0-9]+", run))


@pytest.mark.parametrize("secret", [SECRET, PLAIN_SECRET], ids=["special", "plain"])
@pytest.mark.parametrize("name", WRITERS)
def test_every_usual_form_is_struck(name, secret):
    write = WRITERS[name]
    for before, after in [("", ""), ("a", "b"), ("ab", "cd"), ("abc", "de"), ("Authorization: Bearer ", "\r\n")]:
        if name in STANDS_ALONE and before:
            continue
        written = write(before + secret + after)
        assert any(secret.lower() in reading.lower() for reading in readings(written)) or name in STANDS_ALONE
        left = Scrubber([secret]).text(f"<<{written}>>")
        assert MARK in left
        assert not any(secret.lower() in reading.lower() for reading in readings(left))


SIGNS = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
VALUES = st.text(alphabet=SIGNS, min_size=8, max_size=40).filter(lambda text: len(set(text)) > 4)


@settings(PATIENT, max_examples=300)
@given(
    secret=VALUES,
    name=st.sampled_from(sorted(set(WRITERS) - STANDS_ALONE)),
    before=st.text(alphabet=SIGNS, max_size=9),
    after=st.text(alphabet=SIGNS, max_size=9),
)
@example(secret=SECRET, name="base64", before="x", after="y")
@example(secret="000012'\U0001e02b", name="repr", before="", after='"')
def test_no_mutation_of_any_value_gets_past(secret, name, before, after):
    written = WRITERS[name](before + secret + after)
    left = Scrubber([secret]).text(written)
    assert secret not in list(readings(left))
    assert MARK in left


@PATIENT
@given(st.text(max_size=200))
def test_text_without_a_secret_stays_as_it_is(text):
    scrubber = Scrubber(["correct horse battery staple", PLAIN_SECRET])
    assert scrubber.text(text) == text
    assert scrubber.raw(text.encode("utf-8", "surrogatepass")) == text.encode("utf-8", "surrogatepass")


def test_bytes_of_other_character_sets_are_struck():
    scrubber = Scrubber([SECRET])
    for codec in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"):
        data = scrubber.raw(b"\x00\xff" + f"a{SECRET}b".encode(codec) + b"\xfe")
        assert SECRET not in data.decode(codec, "replace")
        assert MARK.encode() in data


def test_values_that_overlap_become_one_mark():
    scrubber = Scrubber(["abcdefgh", "efghijkl"])
    assert scrubber.text("<abcdefghijkl>") == f"<{MARK}>"
    assert scrubber.text("<abcdefghabcdefgh>") == f"<{MARK}>"


def test_json_is_struck_in_texts_names_and_numbers():
    scrubber = Scrubber([PLAIN_SECRET, "12345678"])
    value = {"a": [f"x {PLAIN_SECRET}", 12345678, 7, 1.5, True, None], PLAIN_SECRET: {"deep": PLAIN_SECRET[::-1]}}
    assert scrubber.data(value) == {"a": [f"x {MARK}", MARK, 7, 1.5, True, None], MARK: {"deep": MARK}}


def test_json_that_nests_without_end_is_cut():
    value = PLAIN_SECRET
    for _ in range(500):
        value = [value]
    assert PLAIN_SECRET not in json.dumps(Scrubber([PLAIN_SECRET]).data(value))


def test_values_too_short_to_tell_from_text_are_left_alone():
    assert Scrubber(["a", "12345", ""]).text("a 12345") == "a 12345"
    assert Scrubber([]).data({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("length", range(16, 22))
def test_no_sign_is_left_of_a_value_at_the_end_of_base64(length):
    secret = PLAIN_SECRET[:length]
    for before in ("", "a", "ab"):
        written = base64.b64encode((before + secret).encode()).decode()
        left = Scrubber([secret]).text(written).rstrip("=")
        assert left.endswith(MARK) and len(left) <= len(MARK) + 3


def test_a_private_key_is_struck_line_by_line():
    lines = [base64.b64encode(bytes([number]) * 48).decode() for number in range(3)]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])
    for written in (key, key.replace("\n", "\r\n"), "".join(lines), json.dumps(key), " ".join(lines)):
        left = Scrubber([key]).text(written)
        assert not any(line in left for line in lines) and MARK in left
    assert Scrubber([key]).text("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_quoted_printable_is_struck():
    written = quopri.encodestring(b"key " + SECRET.encode()).decode()
    assert MARK in Scrubber([SECRET]).text(written) and "w0rd" not in Scrubber([SECRET]).text(written)


def test_a_long_value_that_repeats_itself_is_known_in_a_moment():
    """An automaton with a full table would take minutes for it, before anything is sent."""
    begun = time.process_time()
    assert Scrubber(["x9A" * 400]).text("a " + "x9A" * 400 + " b") == "a [redacted] b"
    assert time.process_time() - begun < 2
