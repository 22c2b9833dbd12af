"""Sealing and opening, without any rows: what is authenticated, what a header says, and what nonces there are."""

import itertools
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galaxy.core.vault.envelope import (
    ALGORITHMS,
    Envelope,
    Header,
    Place,
    framed,
    header_of,
    new_key,
    open_sealed,
    seal,
)
from galaxy.core.vault.errors import CannotOpen
from galaxy.core.vault.sealing import open_under, seal_under

KEY = new_key()
PLACE = Place(uuid4(), uuid4(), "crm-key", 1, ("a.example",), ("header",))


@given(value=st.text(), algorithm=st.sampled_from(list(ALGORITHMS)))
def test_what_was_sealed_opens_again(value, algorithm):
    sealed = seal(KEY, value.encode(), b"here", key_version=3, algorithm=algorithm)
    assert open_sealed(KEY, sealed, b"here", key_version=3) == value.encode()
    assert header_of(sealed) == Header(ALGORITHMS[algorithm][0], 3)


@pytest.mark.asvs("11.3.3")
@pytest.mark.parametrize("position", range(8 + 12 + 6 + 16))
def test_no_byte_of_it_can_be_changed(position):
    """Header, nonce, ciphertext and tag: 8 + 12 + 6 + 16 bytes."""
    sealed = bytearray(seal(KEY, b"secret", b"here", key_version=1))
    sealed[position] ^= 1
    with pytest.raises(CannotOpen):
        open_sealed(KEY, bytes(sealed), b"here", key_version=1)


@pytest.mark.asvs("11.2.2")
def test_an_algorithm_cannot_be_claimed_for_another():
    """Agility without confusion: the header is authenticated, and an unknown number is refused."""
    sealed = seal(KEY, b"secret", b"here", key_version=1, algorithm=1)
    for number in (0, 2, 255):
        with pytest.raises(CannotOpen):
            open_sealed(KEY, sealed[:3] + bytes([number]) + sealed[4:], b"here", key_version=1)


@pytest.mark.parametrize("sealed", [b"", b"GX", b"GX\x01\x01" + bytes(15), bytes(64)])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(CannotOpen):
        open_sealed(KEY, sealed, b"here", key_version=1)


def test_each_part_of_the_place_is_authenticated():
    envelope = seal_under(uuid4(), 1, KEY, PLACE, "secret")
    assert open_under(KEY, 1, PLACE, envelope.wrapped_key, envelope.ciphertext) == "secret"
    others = {
        "workspace_id": uuid4(),
        "secret_id": uuid4(),
        "name": "crm-kez",
        "version": 2,
        "hosts": ("a.example", "evil.example"),
        "places": ("body", "header"),
    }
    assert set(others) == set(Place.__dataclass_fields__)
    for name, value in others.items():
        with pytest.raises(CannotOpen):
            open_under(KEY, 1, replace(PLACE, **{name: value}), envelope.wrapped_key, envelope.ciphertext)


def test_the_columns_do_not_change_places():
    envelope = seal_under(uuid4(), 1, KEY, PLACE, "secret")
    assert len(set(PLACE.authenticated("wrapped_key", "ciphertext"))) == 2
    with pytest.raises(CannotOpen):
        open_under(KEY, 1, PLACE, envelope.ciphertext, envelope.wrapped_key)


def test_no_two_lists_of_parts_read_the_same():
    parts = ["", "a", "b", "ab", "\0", "ü"]
    lists = [list(one) for length in range(4) for one in itertools.product(parts, repeat=length)]
    assert len({framed(one) for one in lists}) == len(lists)


@pytest.mark.asvs("11.3.4")
def test_nonces_and_data_keys_are_never_the_same_twice():
    found = [seal_under(uuid4(), 1, KEY, PLACE, "same") for _ in range(2000)]
    for texts in ([one.wrapped_key for one in found], [one.ciphertext for one in found]):
        assert len({text[8:20] for text in texts}) == 2000
        assert len(set(texts)) == 2000


def test_an_envelope_shows_neither_of_its_texts():
    assert repr(Envelope(uuid4(), b"wrapped-text", b"cipher-text")).count("text") == 0
