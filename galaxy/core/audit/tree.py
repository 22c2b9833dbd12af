"""The sealed tree of a workspace, as it is stored: positions, the newest checkpoint, and proofs. Reads only.

Every leaf is kept, and of the inner hashes each eighth level, so whatever is asked for is put together from blocks of
256 hashes. The workspace must be in scope.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from galaxy.core.audit.keys import PublicKey
from galaxy.core.audit.leaves import leaf_data
from galaxy.core.audit.proofs import consistency_path, inclusion_path, node_hash, root_of
from galaxy.core.models import AuditCheckpoint, AuditEvent, AuditKey, AuditLeaf, Workspace

__all__ = [
    "Checkpoint",
    "StoredTree",
    "TreeIncomplete",
    "checkpoint_of",
    "consistency_proof",
    "inclusion_proofs",
    "leaf_data",
    "position_of",
    "positions_of",
    "public_keys",
]

BLOCK_LEVELS = 8
BLOCK = 1 << BLOCK_LEVELS
HASH_BYTES = 32
_KEPT_BLOCKS = 128  # 511 hashes each, so some 4 MB
_LEAVES = """
SELECT position, hash FROM core_auditleaf
WHERE workspace_id = %(workspace)s AND position >= %(start)s AND position < %(end)s
"""
_NODES = """
SELECT place, hash FROM core_auditnode
WHERE workspace_id = %(workspace)s AND level = %(level)s AND place >= %(start)s AND place < %(end)s
"""
_BLOCKS = "SELECT count(*), max(n), string_agg(hash, ''::bytea ORDER BY n) FROM ({source}) AS found (n, hash)"


class TreeIncomplete(Exception):
    """A hash that belongs to the tree is not stored; it lies at or behind ``position``, within the same block."""

    def __init__(self, position: int):
        super().__init__(f"The stored tree has a gap at or behind position {position}.")
        self.position = position


@dataclass(frozen=True)
class Checkpoint:
    """A signed head: ``note`` says everything that the other fields say, and is signed by the key ``key_id``."""

    number: int
    size: int
    root: bytes
    note: str
    key_id: str
    signed_at: datetime


def checkpoint_of(workspace: Workspace) -> Checkpoint | None:
    """The newest one; None while nothing of this workspace is sealed."""
    row = AuditCheckpoint.objects.in_workspace(workspace).order_by("-number").first()
    if row is None:
        return None
    return Checkpoint(row.number, row.size, bytes(row.root), row.note, row.key_id, row.signed_at)


def position_of(event: AuditEvent) -> int | None:
    """The event's position in its workspace's tree, from 0; None while it is not sealed, which takes less than a second
    after its transaction."""
    return positions_of([event]).get(event.pk)


def positions_of(events: Iterable[AuditEvent]) -> dict[int, int]:
    """{id: position} of those that are sealed, of one workspace, in one query."""
    ids = {event.pk: event.workspace_id for event in events}
    rows = AuditLeaf.objects.filter(workspace__in=set(ids.values()), event_id__in=list(ids))
    return dict(rows.values_list("event_id", "position"))


def public_keys() -> list[PublicKey]:
    """Every key that ever signed here, in order, as the database has them; galaxy.core.audit.keys checks the chain."""
    return [
        PublicKey(row.number, row.key_id, bytes(row.public), row.introduced_at, row.note)
        for row in AuditKey.objects.order_by("number")
    ]


def inclusion_proofs(workspace: Workspace, positions: Iterable[int], size: int) -> Iterator[list[bytes]]:
    """For each position the hashes that lead from its leaf to the root of the tree of ``size``, from the bottom up.

    Of a million positions in rising order each block is read once; in any other order blocks are read again. Raises
    ValueError for a position that is not in the tree, TreeIncomplete where a hash is missing.
    """
    tree = StoredTree(workspace.pk, ahead=32)

    @lru_cache(maxsize=4)
    def above(block: int) -> list[bytes]:
        return inclusion_path(block, size, tree.subtree, level=BLOCK_LEVELS)

    for position in positions:
        block = position >> BLOCK_LEVELS
        if position >= 0 and (block + 1) << BLOCK_LEVELS <= size:
            levels = tree.block(0, block)
            place = position & BLOCK - 1
            within = [levels[level][place >> level ^ 1] for level in range(BLOCK_LEVELS)]
            yield within + above(block)
        else:
            yield inclusion_path(position, size, tree.subtree)


def consistency_proof(workspace: Workspace, old: int, new: int) -> list[bytes]:
    """That the tree of ``old`` leaves is the beginning of that of ``new``. Raises ValueError or TreeIncomplete."""
    return consistency_path(old, new, StoredTree(workspace.pk).subtree)


class StoredTree:
    """Complete subtrees by level and index, from the tables. ``ahead``: how many blocks of leaves are read at once."""

    def __init__(self, workspace_id: UUID, *, ahead: int = 1):
        self._workspace_id = workspace_id
        self._ahead = ahead
        self._blocks: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    def subtree(self, level: int, index: int) -> bytes:
        """Raises TreeIncomplete."""
        within = level % BLOCK_LEVELS
        shift = BLOCK_LEVELS - within
        hashes = self.block(level - within, index >> shift)[within]
        place = index & (1 << shift) - 1
        if place >= len(hashes):
            raise TreeIncomplete(index << level)
        return hashes[place]

    def root(self, size: int) -> bytes:
        return root_of(size, self.subtree)

    def block(self, base: int, index: int) -> list[list[bytes]]:
        """The hashes of one block: those of level ``base``, which is stored, and of the eight levels above, as far as
        their subtrees are complete."""
        key = (base, index)
        if key not in self._blocks:
            self._read(base, index)
        self._blocks.move_to_end(key)
        return self._blocks[key]

    def _read(self, base: int, index: int) -> None:
        count = self._ahead if base == 0 else 1
        hashes = self._hashes(base, index * BLOCK, (index + count) * BLOCK)
        for number in range(count):
            self._blocks[base, index + number] = _levels(hashes[number * BLOCK : (number + 1) * BLOCK])
        while len(self._blocks) > max(_KEPT_BLOCKS, count):
            self._blocks.popitem(last=False)

    def _hashes(self, base: int, start: int, end: int) -> list[bytes]:
        """Those from ``start`` on, until the tree ends. Raises TreeIncomplete where one is missing before that."""
        source = _LEAVES if base == 0 else _NODES
        where: dict[str, Any] = {"workspace": self._workspace_id, "level": base, "start": start, "end": end}
        with connection.cursor() as cursor:
            cursor.execute(_BLOCKS.format(source=source), where)
            count, last, joined = cursor.fetchone()
        joined = bytes(joined or b"")
        if count and (last != start + count - 1 or len(joined) != count * HASH_BYTES):
            raise TreeIncomplete(start << base)
        return [joined[place : place + HASH_BYTES] for place in range(0, len(joined), HASH_BYTES)]


def _levels(hashes: list[bytes]) -> list[list[bytes]]:
    """A block from its lowest hashes up, each level half as long as the one below."""
    levels = [hashes]
    for _ in range(BLOCK_LEVELS):
        below = levels[-1]
        levels.append([node_hash(below[place], below[place + 1]) for place in range(0, len(below) - 1, 2)])
    return levels
