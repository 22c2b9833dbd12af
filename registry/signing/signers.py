"""Who signs for the marketplace: a process that was given its private keys, or sandboxd, which is asked.

Web and workers have no key. sandboxd signs what it finds in the database by itself: a version whose stored bytes have
the digest that an approved submission names (``register_release_reader``). An operator's command signs what it
publishes, within ``operator_keys()``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings

from galaxy.core.vault.errors import VaultClosed
from galaxy.core.vault.signing import VERSIONS, SigningKeys, make_signing_keys
from registry.models import Version

# Asks for a signature of the version with this id, of this workspace (None: a public one). Raises DomainError.
RemoteSigner = Callable[[UUID, UUID | None], None]
ReleaseReader = Callable[[Version], bool]
_remote: list[RemoteSigner] = []
_readers: list[ReleaseReader] = []
_operators: ContextVar[Path | None] = ContextVar("galaxy_marketplace_keys", default=None)


def register_signer(remote: RemoteSigner) -> None:
    """Say who signs for processes without keys; once, when the app is ready."""
    if remote not in _remote:
        _remote.append(remote)


def register_release_reader(reader: ReleaseReader) -> None:
    """Say who knows that a version was approved, with exactly its digest; once, when the app is ready."""
    if reader not in _readers:
        _readers.append(reader)


def is_released(version: Version) -> bool:
    """Whether somebody who may say so let exactly these bytes out."""
    return any(reader(version) for reader in _readers)


def local() -> SigningKeys | None:
    """The keys of this process; None where it has none. Raises VaultClosed where their file is out of reach."""
    path = _operators.get() or (settings.GALAXY_MARKETPLACE_KEYS and Path(settings.GALAXY_MARKETPLACE_KEYS))
    return _read(path, path.stat().st_mtime_ns if path.exists() else 0) if path else None


def required() -> SigningKeys:
    """The keys of this process. Raises VaultClosed where it was given none."""
    keys = local()
    if keys is None:
        raise VaultClosed(
            "Nothing is signed in this process: it was given no keys of the marketplace.",
            "Set GALAXY_MARKETPLACE_KEYS for sandboxd, and for no other process.",
        )
    return keys


def remote() -> RemoteSigner | None:
    return _remote[0] if _remote else None


def key_file() -> Path:
    """Where the private keys lie, for those who may read them."""
    return Path(settings.GALAXY_MARKETPLACE_KEYS or settings.GALAXY_MARKETPLACE_KEY_FILE)


@contextmanager
def operator_keys() -> Iterator[None]:
    """An operator's command signs with the marketplace's keys: those of the setting, outside production else a file of
    this checkout's own, which is made where there is none."""
    path = key_file()
    if not settings.HARDENED and not settings.GALAXY_MARKETPLACE_KEYS:
        make_signing_keys(path, VERSIONS)
    token = _operators.set(path)
    try:
        yield
    finally:
        _operators.reset(token)


@lru_cache(maxsize=4)
def _read(path: Path, changed_at: int) -> SigningKeys:
    return SigningKeys(path, VERSIONS)
