"""Root keys in a file of ours: for one machine, and for development."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from galaxy.core.vault.envelope import framed, new_key, open_sealed, seal
from galaxy.core.vault.errors import CannotOpen
from galaxy.core.vault.key_files import ID_CHARACTERS, KeyFile

_ROOT_VERSION = 1  # root keys are told apart by id, which is authenticated as well


class LocalKms:
    """Keys from ``path``, which is read once. An id is random.

    Raises VaultClosed where there is no file, ImproperlyConfigured where others may read it or it holds no keys.
    """

    def __init__(self, path: str | Path):
        self._current, self._keys = _file(Path(path)).read()

    def __repr__(self) -> str:
        return f"LocalKms({self.key_id}, {len(self._keys)} keys)"

    @property
    def key_id(self) -> str:
        return f"local:{self._current}"

    def wrap(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        key = self._keys[self._current]
        sealed = seal(key, plaintext, _authenticated(self._current, context), key_version=_ROOT_VERSION)
        return self._current.encode() + sealed

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        id = blob[:ID_CHARACTERS].decode("ascii", errors="replace")
        if id not in self._keys:
            raise CannotOpen("The root key that this was wrapped with is not among ours.")
        sealed = blob[ID_CHARACTERS:]
        return open_sealed(self._keys[id], sealed, _authenticated(id, context), key_version=_ROOT_VERSION)


def make_key_file(path: Path) -> bool:
    """Make the file with a first key where there is none; returns whether it was made."""
    return _file(path).make(_new_id(), new_key())


def add_key(path: Path) -> str:
    """Add a key that wraps from now on; the others go on unwrapping. Returns its id. A running process must restart."""
    id = _new_id()
    _file(path).add(id, new_key())
    return id


def _file(path: Path) -> KeyFile:
    return KeyFile(path, "root keys", "The vault is closed", "sandboxd", "manage.py vault make-key")


def _new_id() -> str:
    return secrets.token_hex(ID_CHARACTERS // 2)


def _authenticated(id: str, context: Mapping[str, str]) -> bytes:
    return framed(["galaxy root key", id, *(part for pair in sorted(context.items()) for part in pair)])
