"""Keys in a file of ours, which only its owner may read: {"current": id, "keys": {id: base64 of 32 bytes}}."""

import base64
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from galaxy.core.vault.envelope import KEY_BYTES
from galaxy.core.vault.errors import VaultClosed

ID_CHARACTERS = 12  # hex digits


@dataclass(frozen=True)
class KeyFile:
    """``holds`` names what is in it, ``closed`` what its absence means, ``process`` who reads it, ``maker`` the command
    that makes it: all for the sentences of errors."""

    path: Path
    holds: str
    closed: str
    process: str
    maker: str

    def read(self) -> tuple[str, dict[str, bytes]]:
        """The id of the current key, and every key by its id.

        Raises VaultClosed where there is no file, ImproperlyConfigured where others may read it or it holds no keys.
        """
        try:
            with self.path.open(encoding="ascii") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read()
        except FileNotFoundError:
            raise VaultClosed(
                f"{self.closed}: the file of {self.holds} is not there.",
                f"Make it with `{self.maker}`, or put it back from your backup.",
            ) from None
        except PermissionError:
            raise VaultClosed(
                f"{self.closed}: this process may not read the file of {self.holds}.",
                f"Run {self.process} as the user who owns it.",
            ) from None
        if stat.S_IMODE(mode) & 0o077:
            raise ImproperlyConfigured(
                f"Others may read {self.path}, which holds {self.holds}: chmod 600 {self.path}, then rotate."
            )
        try:
            found = json.loads(text)
            keys = {id: base64.b64decode(key, validate=True) for id, key in found["keys"].items()}
            if _all_fit(keys) and found["current"] in keys:
                return found["current"], keys
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # told below, without a cause that would show keys
        raise ImproperlyConfigured(f"{self.path} is not a file of {self.holds}. Put it back from your backup.")

    def make(self, id: str, key: bytes) -> bool:
        """Make the file with a first key where there is none; returns whether it was made."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _write_new(self.path, _text(id, {id: key}))
        except FileExistsError:
            return False
        return True

    def add(self, id: str, key: bytes) -> None:
        """Add a key, which becomes the current one."""
        _, keys = self.read()
        fresh = self.path.with_name(f"{self.path.name}.new")
        fresh.unlink(missing_ok=True)
        _write_new(fresh, _text(id, keys | {id: key}))
        fresh.replace(self.path)  # whole or not at all, whenever the machine stops


def _all_fit(keys: dict[str, bytes]) -> bool:
    return all(len(id) == ID_CHARACTERS and len(key) == KEY_BYTES for id, key in keys.items())


def _text(current: str, keys: dict[str, bytes]) -> str:
    encoded = {name: base64.b64encode(key).decode() for name, key in keys.items()}
    return json.dumps({"current": current, "keys": encoded}, indent=1)


def _write_new(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
