"""Root keys in a file of ours: for one machine, and for development."""

import base64
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from galaxy.core.vault.envelope import framed, new_key, open_sealed, seal
from galaxy.core.vault.errors import CannotOpen, VaultClosed

_ID_CHARACTERS = 12  # hex digits of a key's random id
_ROOT_VERSION = 1  # root keys are told apart by id, which is authenticated as well


class LocalKms:
    """Keys from ``path``: {"current": id, "keys": {id: base64 of 32 bytes}}. The file is read once.

    Raises VaultClosed where there is no file, ImproperlyConfigured where others may read it or it holds no keys.
    """

    def __init__(self, path: str | Path):
        self._current, self._keys = _read(Path(path))

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
        id = blob[:_ID_CHARACTERS].decode("ascii", errors="replace")
        if id not in self._keys:
            raise CannotOpen("The root key that this was wrapped with is not among ours.")
        sealed = blob[_ID_CHARACTERS:]
        return open_sealed(self._keys[id], sealed, _authenticated(id, context), key_version=_ROOT_VERSION)


def make_key_file(path: Path) -> bool:
    """Make the file with a first key where there is none; returns whether it was made."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        _write_new(path, _with_new_key({}))
    except FileExistsError:
        return False
    return True


def add_key(path: Path) -> str:
    """Add a key that wraps from now on; the others go on unwrapping. Returns its id. A running process must restart."""
    _, keys = _read(path)
    text = _with_new_key(keys)
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    _write_new(fresh, text)
    fresh.replace(path)  # whole or not at all, whenever the machine stops
    return json.loads(text)["current"]


def _with_new_key(keys: dict[str, bytes]) -> str:
    id = secrets.token_hex(_ID_CHARACTERS // 2)
    encoded = {name: base64.b64encode(key).decode() for name, key in (keys | {id: new_key()}).items()}
    return json.dumps({"current": id, "keys": encoded}, indent=1)


def _write_new(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> tuple[str, dict[str, bytes]]:
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except FileNotFoundError:
        raise VaultClosed(
            "The vault is closed: the file of root keys is not there.",
            "Make it with `manage.py vault make-key`, or put it back from your backup.",
        ) from None
    except PermissionError:
        raise VaultClosed(
            "The vault is closed: this process may not read the file of root keys.",
            "Run sandboxd as the user who owns it.",
        ) from None
    if stat.S_IMODE(mode) & 0o077:
        raise ImproperlyConfigured(f"Others may read {path}, which holds root keys: chmod 600 {path}, then rotate.")
    try:
        found = json.loads(text)
        keys = {id: base64.b64decode(key, validate=True) for id, key in found["keys"].items()}
        if all(len(id) == _ID_CHARACTERS and len(key) == 32 for id, key in keys.items()) and found["current"] in keys:
            return found["current"], keys
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # told below, without a cause that would show keys
    raise ImproperlyConfigured(f"{path} is not a file of root keys. Put it back from your backup.")


def _authenticated(id: str, context: Mapping[str, str]) -> bytes:
    return framed(["galaxy root key", id, *(part for pair in sorted(context.items()) for part in pair)])
