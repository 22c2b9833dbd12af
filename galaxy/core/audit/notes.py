"""Signed notes as C2SP writes them down (signed-note 1.0, Ed25519): a text, a blank line, one line per signature.

— <name> base64( SHA-256(name || 0x0A || 0x01 || public key)[:4] || signature over the text )
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from galaxy.core.vault.signing import SIGNATURE_BYTES, SigningKeys, is_signed

_ED25519 = b"\x01"
_DASH = "\u2014 "
MAX_SIGNATURES = 16


@dataclass(frozen=True)
class Note:
    """``text`` ends with a newline; ``signatures`` are (name, 4 bytes that hint at the key, signature)."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    def is_signed_by(self, name: str, public: bytes) -> bool:
        """Whether one of the signatures is by this key under this name."""
        hint = key_hint(name, public)
        signatures = [found for whose, which, found in self.signatures if (whose, which) == (name, hint)]
        return any(is_signed(public, one, self.text.encode()) for one in signatures)


def sign(text: str, name: str, keys: SigningKeys, ids: Iterable[str]) -> str:
    """``text`` as a note, signed under ``name`` by each of the keys."""
    lines = []
    for id in ids:
        signed = key_hint(name, keys.public(id)) + keys.sign(id, text.encode())
        lines.append(f"{_DASH}{name} {base64.b64encode(signed).decode()}\n")
    return f"{text}\n{''.join(lines)}"


def parse(note: str) -> Note:
    """Raises ValueError with a sentence for what is no signed note."""
    text, blank, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not blank or lines.pop() != "" or not 0 < len(lines) <= MAX_SIGNATURES:
        raise ValueError("It is no signed note.")
    return Note(f"{text}\n", tuple(_signature(line) for line in lines))


def key_hint(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """The key as other tools for signed notes take it: name, hint and key in one word."""
    return f"{name}+{key_hint(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        signed = base64.b64decode(encoded, validate=True)
    except ValueError:
        signed = b""
    if not line.startswith(_DASH) or not name or len(signed) != 4 + SIGNATURE_BYTES:
        raise ValueError("A signature of the note is not written as one.")
    return name, signed[:4], signed[4:]
