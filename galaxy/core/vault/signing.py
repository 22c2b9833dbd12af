"""Keys that sign (Ed25519, RFC 8032): private ones in a file that one process alone is given.

The heads of the trail are signed by the sequencer (``GALAXY_SIGNING_KEYS``), versions by sandboxd
(``GALAXY_MARKETPLACE_KEYS``); everywhere else signing is closed, so that a web process that was broken into can write
false rows and still sign for none of them.
"""

import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from galaxy.core.vault.envelope import new_key
from galaxy.core.vault.errors import VaultClosed
from galaxy.core.vault.key_files import ID_CHARACTERS, KeyFile

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
TRAIL, VERSIONS = "trail", "versions"  # what keys are for, as the sentences of errors say it
_WORDS = {
    TRAIL: ("signing keys", "Nothing is signed", "the sequencer", "manage.py audit make-key"),
    VERSIONS: ("the marketplace's keys", "No version is signed", "sandboxd", "manage.py marketplace key make"),
}


class SigningKeys:
    """Private keys from ``path``, which is read once; an id is the beginning of the SHA-256 of the public key.

    Raises VaultClosed where there is no file, ImproperlyConfigured where others may read it or it holds no keys.
    """

    def __init__(self, path: str | Path, use: str = TRAIL):
        self.current, seeds = _file(Path(path), use).read()
        self._keys = {id: Ed25519PrivateKey.from_private_bytes(seed) for id, seed in seeds.items()}

    def __repr__(self) -> str:
        return f"SigningKeys({self.current}, {len(self._keys)} keys)"

    def __contains__(self, id: str) -> bool:
        return id in self._keys

    def public(self, id: str) -> bytes:
        return self._keys[id].public_key().public_bytes_raw()

    def sign(self, id: str, data: bytes) -> bytes:
        """64 bytes. KeyError where the key is not in the file."""
        return self._keys[id].sign(data)


def current() -> SigningKeys:
    """The keys of this process. Raises VaultClosed where it was given none."""
    if not settings.GALAXY_SIGNING_KEYS:
        raise VaultClosed(
            "Nothing is signed in this process: it was given no signing keys.",
            "Set GALAXY_SIGNING_KEYS for the sequencer, and for no other process.",
        )
    return SigningKeys(settings.GALAXY_SIGNING_KEYS)


def make_signing_keys(path: Path, use: str = TRAIL) -> bool:
    """Make the file with a first key where there is none; returns whether it was made."""
    return _file(path, use).make(*_new())


def add_signing_key(path: Path, use: str = TRAIL) -> str:
    """Add a key, which signs once the one before has handed over to it. Returns its id."""
    id, seed = _new()
    _file(path, use).add(id, seed)
    return id


def id_of(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:ID_CHARACTERS]


def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether ``signature`` over ``data`` is by the owner of the public key."""
    if len(public) != PUBLIC_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _new() -> tuple[str, bytes]:
    seed = new_key()
    return id_of(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()), seed


def _file(path: Path, use: str) -> KeyFile:
    return KeyFile(path, *_WORDS[use])
