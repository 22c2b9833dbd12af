"""Who seals: this process where it has a Kms, else sandboxd through whatever was registered here.

A sealer takes values in and gives sealed texts out. None of its methods answers with a value, so that asking sandboxd
to seal is no way to read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables

from galaxy.core.errors import Conflict
from galaxy.core.models import SecretVersion, WorkspaceKey
from galaxy.core.scope import workspace_scope
from galaxy.core.vault import kms
from galaxy.core.vault.envelope import Envelope, Place, new_key, open_sealed, seal
from galaxy.core.vault.errors import VaultClosed
from galaxy.core.vault.keys import add_key, newest_key, unwrapped

KEY_COLUMN, VALUE_COLUMN = "wrapped_key", "ciphertext"


@dataclass(frozen=True)
class Wrapped:
    """A data key as it is stored: which workspace key wraps it (its version's number), and for which place."""

    place: Place
    key_version: int
    wrapped_key: bytes = field(repr=False)


class Sealer(Protocol):
    """Each method raises VaultClosed where the root key is out of reach."""

    def check(self) -> None:
        """Return where sealing would work now."""

    def seal(self, place: Place, value: str) -> Envelope:
        """A new data key for ``value``, both sealed for ``place`` under the workspace's newest key."""

    def add_key(self, workspace_id: UUID) -> UUID:
        """Make the workspace's next key; returns the id of its row."""

    def rewrap(self, workspace_id: UUID, items: Sequence[Wrapped]) -> tuple[UUID, list[bytes]]:
        """The data keys under the workspace's newest key (its row's id), in the order given; all of one workspace."""


class LocalSealer:
    """Seals in this process, with the Kms it was given."""

    def check(self) -> None:
        kms.current()

    @sensitive_variables("value", "data_key")
    def seal(self, place: Place, value: str) -> Envelope:
        with workspace_scope([place.workspace_id]):
            key = newest_key(place.workspace_id)
            return seal_under(key.pk, key.version, unwrapped(key), place, value)

    def add_key(self, workspace_id: UUID) -> UUID:
        with workspace_scope([workspace_id]):
            try:
                with transaction.atomic():
                    return add_key(workspace_id).pk
            except IntegrityError as error:
                raise Conflict("Somebody else rotates the key of this workspace right now.") from error

    def rewrap(self, workspace_id: UUID, items: Sequence[Wrapped]) -> tuple[UUID, list[bytes]]:
        with workspace_scope([workspace_id]):
            newest = newest_key(workspace_id)
            versions = {item.key_version for item in items}
            rows = WorkspaceKey.objects.filter(workspace=workspace_id, version__in=versions)
            old = {row.version: unwrapped(row) for row in rows}
        return newest.pk, rewrap_under(newest.version, unwrapped(newest), old, items)


@sensitive_variables("key", "value", "data_key")
def seal_under(key_id: UUID, key_version: int, key: bytes, place: Place, value: str) -> Envelope:
    """``value`` sealed for ``place`` with a data key of its own, wrapped by ``key``."""
    data_key = new_key()
    of_key, of_value = place.authenticated(KEY_COLUMN, VALUE_COLUMN)
    return Envelope(
        key_id=key_id,
        wrapped_key=seal(key, data_key, of_key, key_version=key_version),
        ciphertext=seal(data_key, value.encode(), of_value, key_version=place.version),
    )


@sensitive_variables("key", "data_key")
def open_under(key: bytes, key_version: int, place: Place, wrapped_key: bytes, ciphertext: bytes) -> str:
    """The value of an envelope. Raises CannotOpen."""
    of_key, of_value = place.authenticated(KEY_COLUMN, VALUE_COLUMN)
    data_key = open_sealed(key, wrapped_key, of_key, key_version=key_version)
    return open_sealed(data_key, ciphertext, of_value, key_version=place.version).decode()


@sensitive_variables("key", "old", "data_key")
def rewrap_under(key_version: int, key: bytes, old: dict[int, bytes], items: Sequence[Wrapped]) -> list[bytes]:
    """Each data key unwrapped with its old key and wrapped by ``key``. The ciphertexts stay as they are."""
    found = []
    for item in items:
        (of_key,) = item.place.authenticated(KEY_COLUMN)
        data_key = open_sealed(old[item.key_version], item.wrapped_key, of_key, key_version=item.key_version)
        found.append(seal(key, data_key, of_key, key_version=key_version))
    return found


def place_of(version: SecretVersion) -> Place:
    """Where a version stands now; what it was sealed for must be the same."""
    return Place(
        workspace_id=version.workspace_id,
        secret_id=version.secret_id,
        name=version.secret.name,
        version=version.number,
        hosts=tuple(version.hosts),
        places=tuple(version.places),
    )


_registered: list[Callable[[], Sealer]] = []


def register(factory: Callable[[], Sealer]) -> None:
    """Who seals for processes without a Kms: called at start-up by the floor that speaks to sandboxd."""
    _registered[:] = [factory]


def sealer() -> Sealer:
    """Raises VaultClosed where this process has neither a Kms nor anybody to ask."""
    if settings.GALAXY_KMS:
        return LocalSealer()
    if _registered:
        return _registered[0]()
    raise VaultClosed("The vault is closed: start sandboxd.")


def why_closed() -> VaultClosed | None:
    """None where values can be stored now; else what stands in the way, for a page."""
    try:
        sealer().check()
    except VaultClosed as error:
        return error
    return None
