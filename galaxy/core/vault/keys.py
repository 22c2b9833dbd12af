"""Keys of workspaces: made, found and unwrapped. Only where this process has a Kms."""

from functools import lru_cache
from uuid import UUID

from django.db import IntegrityError, transaction

from galaxy.core.models import WorkspaceKey
from galaxy.core.vault.envelope import new_key
from galaxy.core.vault.errors import KeyDestroyed
from galaxy.core.vault.kms import Kms, current

_KEPT = 1024  # unwrapped keys that a process remembers, 32 bytes each


def newest_key(workspace_id: UUID) -> WorkspaceKey:
    """The key that wraps now; the first one is made here. The workspace must be in scope."""
    found = _latest(workspace_id)
    if found is None:
        try:
            with transaction.atomic():
                found = add_key(workspace_id)
        except IntegrityError:  # another process made it in the same moment
            found = WorkspaceKey.objects.get(workspace=workspace_id, version=1)
    if found.wrapped is None:
        raise KeyDestroyed("The keys of this workspace are destroyed, so nothing can be sealed in it any more.")
    return found


def add_key(workspace_id: UUID) -> WorkspaceKey:
    """The next version of the workspace's key, under the root key that wraps now. Raises KeyDestroyed after shredding.

    Raises IntegrityError where another process was faster.
    """
    kms = current()
    latest = _latest(workspace_id)
    if latest is not None and latest.wrapped is None:
        raise KeyDestroyed("The keys of this workspace are destroyed, so it gets no new ones.")
    version = latest.version + 1 if latest else 1
    wrapped = kms.wrap(new_key(), _context(workspace_id, version))
    return WorkspaceKey.objects.create(
        workspace_id=workspace_id, version=version, kms_key_id=kms.key_id, wrapped=wrapped
    )


def unwrapped(key: WorkspaceKey) -> bytes:
    """The key itself. Raises VaultClosed, KeyDestroyed, or CannotOpen for a row that was moved or changed.

    It is remembered by the very bytes of its row, so that a destroyed or altered row is never served from memory.
    """
    kms = current()
    if key.wrapped is None:
        raise KeyDestroyed(f"Key {key.version} of this workspace is destroyed, and what it sealed with it.")
    return _unwrap(kms, bytes(key.wrapped), key.workspace_id, key.version)


def forget_keys() -> None:
    """Drop every unwrapped key from memory."""
    _unwrap.cache_clear()


def _latest(workspace_id: UUID) -> WorkspaceKey | None:
    return WorkspaceKey.objects.filter(workspace=workspace_id).order_by("-version").first()


@lru_cache(maxsize=_KEPT)
def _unwrap(kms: Kms, wrapped: bytes, workspace_id: UUID, version: int) -> bytes:
    return kms.unwrap(wrapped, _context(workspace_id, version))


def _context(workspace_id: UUID, version: int) -> dict[str, str]:
    """What a wrapped key is bound to; AWS shows it in CloudTrail."""
    return {"galaxy-workspace": str(workspace_id), "galaxy-key-version": str(version)}
