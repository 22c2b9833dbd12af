"""Recordings of runs, sealed: what a replay needs holds people's data in the clear, so only sandboxd reads it.

A recording has a data key of its own, wrapped by the workspace's key of that time; once that key is rotated away, its
recordings cannot be opened any more. They are kept for weeks, keys for much longer.
"""

import struct
import zlib
from uuid import UUID

from galaxy.core.models import WorkspaceKey
from galaxy.core.vault.envelope import framed, header_of, new_key, open_sealed, seal
from galaxy.core.vault.errors import CannotOpen, KeyDestroyed
from galaxy.core.vault.keys import newest_key, unwrapped

MAX_BYTES = 64 * 1024 * 1024  # of an opened recording; what a run may move is far below
_SIZE = struct.Struct(">I")


def seal_recording(workspace_id: UUID, run_id: str, recording: bytes) -> bytes:
    """``recording`` sealed for one run. The workspace must be in scope. Raises VaultClosed or KeyDestroyed."""
    key = newest_key(workspace_id)
    data_key = new_key()
    wrapped = seal(unwrapped(key), data_key, _place(workspace_id, run_id, "key"), key_version=key.version)
    sealed = seal(data_key, zlib.compress(recording), _place(workspace_id, run_id, "recording"), key_version=1)
    return _SIZE.pack(len(wrapped)) + wrapped + sealed


def open_recording(workspace_id: UUID, run_id: str, sealed: bytes) -> bytes:
    """What was sealed for this run. The workspace must be in scope. Raises VaultClosed, KeyDestroyed or CannotOpen."""
    if len(sealed) < _SIZE.size:
        raise CannotOpen("What is stored here is too short to be a recording.")
    (size,) = _SIZE.unpack_from(sealed)
    wrapped, sealed = sealed[_SIZE.size : _SIZE.size + size], sealed[_SIZE.size + size :]
    version = header_of(wrapped).key_version
    key = WorkspaceKey.objects.filter(workspace=workspace_id, version=version).first()
    if key is None:
        raise KeyDestroyed("The key that this recording was sealed with is not there.")
    data_key = open_sealed(unwrapped(key), wrapped, _place(workspace_id, run_id, "key"), key_version=version)
    packed = open_sealed(data_key, sealed, _place(workspace_id, run_id, "recording"), key_version=1)
    unpacker = zlib.decompressobj()
    recording = unpacker.decompress(packed, MAX_BYTES)
    if unpacker.unconsumed_tail:
        raise CannotOpen("The recording is larger than any run may make one.")
    return recording


def _place(workspace_id: UUID, run_id: str, column: str) -> bytes:
    return framed(("galaxy recording", column, str(workspace_id), run_id))
