"""Sealing and opening: authenticated encryption that knows what it sealed, for which row and which column.

A value is sealed with a data key that is made for this one version of it, the data key with the key of its workspace,
and that key with the root key of a Kms. Each sealed text is

    "GX" | format 1 byte | algorithm 1 byte | key version 4 bytes | nonce 12 bytes | ciphertext and 16-byte tag

The first eight bytes are authenticated together with the place: workspace, secret, version, name, hosts, places of use
and column, in fixed widths or with their lengths before them, so that no two places read the same. So a sealed text
moved to another row, workspace, version or column does not open, and neither does one whose row was bound to another
host.

Nonces are 96 random bits. A data key seals one text, so its nonce cannot come twice. A workspace's key seals one data
key per version of a secret and per recorded run; NIST SP 800-38D (8.3) allows 2**32 of those under random nonces, after
which the key has to be rotated: a workspace that records ten runs a second gets there in 13 years.
"""

import secrets
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from galaxy.core.vault.errors import CannotOpen

Cipher = type[AESGCM] | type[ChaCha20Poly1305]
ALGORITHMS: dict[int, tuple[str, Cipher]] = {1: ("AES-256-GCM", AESGCM), 2: ("ChaCha20-Poly1305", ChaCha20Poly1305)}
CURRENT_ALGORITHM = 1
KEY_BYTES = 32
_HEADER = struct.Struct(">2sBBI")
_NUMBERS = struct.Struct(">II")
_MAGIC, _FORMAT = b"GX", 1
_NONCE_BYTES = 12
_HEADER_BYTES = _HEADER.size
_START = _HEADER_BYTES + _NONCE_BYTES  # of the ciphertext


@dataclass(frozen=True)
class Place:
    """Which version of which secret a sealed text belongs to, and where its value may go."""

    workspace_id: UUID
    secret_id: UUID
    name: str
    version: int
    hosts: tuple[str, ...]
    places: tuple[str, ...]

    def authenticated(self, *columns: str) -> list[bytes]:
        """For each of ``columns`` the bytes that are authenticated in it."""
        hosts, places = sorted(self.hosts), sorted(self.places)
        place = b"galaxy vault %b%b%b%b" % (
            self.workspace_id.bytes,
            self.secret_id.bytes,
            _NUMBERS.pack(self.version, len(hosts)),
            framed((self.name, *hosts, *places)),
        )
        return [place + column.encode() for column in columns]


@dataclass(frozen=True)
class Envelope:
    """A sealed value: with which workspace key (its row's id), the wrapped data key, and the ciphertext."""

    key_id: UUID
    wrapped_key: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


class Header(NamedTuple):
    """What a sealed text says of itself: the name of its algorithm and the version of its key."""

    algorithm: str
    key_version: int


def framed(parts: Iterable[str]) -> bytes:
    """The texts one after the other, each with its length in bytes before it."""
    return b"".join([len(part).to_bytes(4, "big") + part for part in map(str.encode, parts)])


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, authenticated: bytes, *, key_version: int, algorithm: int = CURRENT_ALGORITHM):
    """``plaintext`` sealed with ``key``; ``key_version`` is the number by which the key will be found again."""
    header = _HEADER.pack(_MAGIC, _FORMAT, algorithm, key_version)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = ALGORITHMS[algorithm][1](key)
    return header + nonce + cipher.encrypt(nonce, plaintext, header + authenticated)


def open_sealed(key: bytes, sealed: bytes, authenticated: bytes, *, key_version: int) -> bytes:
    """What was sealed. Raises CannotOpen for another key, key version or place, and for changed bytes."""
    magic, form, algorithm, version = _split(sealed)
    if magic != _MAGIC or form != _FORMAT or version != key_version or algorithm not in ALGORITHMS:
        raise CannotOpen("What is stored here was not sealed for this place.")
    try:
        cipher = ALGORITHMS[algorithm][1](key)
        return cipher.decrypt(sealed[_HEADER_BYTES:_START], sealed[_START:], sealed[:_HEADER_BYTES] + authenticated)
    except (InvalidTag, ValueError):
        # Without the cause: a traceback of ours should hold neither keys nor plaintext.
        raise CannotOpen("What is stored here does not open with its key.") from None


def header_of(sealed: bytes) -> Header:
    """Algorithm and key version, unverified: for showing, never for deciding."""
    _, _, algorithm, version = _split(sealed)
    return Header(ALGORITHMS[algorithm][0] if algorithm in ALGORITHMS else "unknown", version)


def _split(sealed: bytes) -> tuple[bytes, int, int, int]:
    if len(sealed) < _START:
        raise CannotOpen("What is stored here is too short to be anything sealed.")
    return _HEADER.unpack_from(sealed)
