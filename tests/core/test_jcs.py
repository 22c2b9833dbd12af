"""The quick way to canonical JSON writes the bytes of RFC 8785's own library, and refuses what it refuses."""

import enum
from datetime import datetime
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from galaxy.core import jcs

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_ASCII = st.text(st.characters(max_codepoint=127), max_size=6)
_LEAVES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False) | _TEXTS
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_ASCII | _TEXTS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=500, deadline=None)
@given(_VALUES)
def test_the_bytes_are_those_of_rfc_8785(value):
    try:
        wanted = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:  # an infinite number
        with pytest.raises(rfc8785.CanonicalizationError):
            jcs.dumps(value)
    else:
        assert jcs.dumps(value) == wanted


def test_characters_are_written_alike_whatever_they_are():
    """Each below U+3000, where all that is escaped is, and one in 97 of the others."""
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000 and (code < 0x3000 or code % 97 == 0):
            assert jcs.dumps([chr(code)]) == rfc8785.dumps([chr(code)]), hex(code)


def test_names_are_sorted_by_utf_16():
    assert jcs.dumps({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


class Colour(enum.StrEnum):
    RED = "red"


_FORMLESS = [
    2**53,
    -(2**53),
    [10**30],
    float("nan"),
    "\ud800",
    {1: "a"},
    {"a": {1, 2}},
    UUID(int=1),
    datetime.max,
    b"a",
]


@pytest.mark.parametrize("value", _FORMLESS)
def test_what_has_no_form_is_refused_alike(value):
    with pytest.raises((ValueError, TypeError)) as wanted:
        rfc8785.dumps(value)
    with pytest.raises(wanted.type):
        jcs.dumps(value)


def test_subclasses_and_depth_are_left_to_the_library():
    deep: list = []
    for _ in range(300):
        deep = [deep]
    for value in (Colour.RED, [Colour.RED], {"a": Colour.RED}, (1, "a"), deep):
        assert jcs.dumps(value) == rfc8785.dumps(value)
