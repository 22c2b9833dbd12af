"""The proof that an event stands in its trail, put together and checked, for a page or an answer."""

from dataclasses import dataclass

from galaxy.core.audit.checkpoints import head_of, origin_of
from galaxy.core.audit.leaves import Entry
from galaxy.core.audit.notes import parse
from galaxy.core.audit.proofs import is_included
from galaxy.core.audit.tree import (
    Checkpoint,
    TreeIncomplete,
    checkpoint_of,
    inclusion_proofs,
    position_of,
    public_keys,
)
from galaxy.core.models import AuditEvent, Workspace


@dataclass(frozen=True)
class Proof:
    """An event at ``position`` of the tree that ``checkpoint`` signed. ``path`` has the hashes beside the way from its
    leaf to the root, ``sides`` whether each stands to the left; ``holds``: it leads to what one of our keys signed."""

    position: int
    checkpoint: Checkpoint
    path: list[bytes]
    sides: list[bool]
    holds: bool

    @property
    def words(self) -> str:
        return f"Leaf {self.position}, and {len(self.sides)} hashes beside its way to the root"


def proof_of(event: AuditEvent) -> Proof | None:
    """The proof for an event read by ``AuditEvent.objects.in_order()``; None while it is not sealed."""
    position, checkpoint = position_of(event), checkpoint_of(event.workspace)
    if position is None or checkpoint is None or position >= checkpoint.size:
        return None
    sides = sides_of(position, checkpoint.size)
    try:
        (path,) = inclusion_proofs(event.workspace, [position], checkpoint.size)
    except TreeIncomplete:
        return Proof(position, checkpoint, [], sides, holds=False)
    leads = is_included(Entry.of(event).hash(), position, checkpoint.size, path, checkpoint.root)
    return Proof(position, checkpoint, path, sides, leads and is_ours(checkpoint, event.workspace))


def is_ours(checkpoint: Checkpoint, workspace: Workspace) -> bool:
    """Whether one of the published keys signed a checkpoint that says what its columns say."""
    try:
        head, note = head_of(checkpoint.note), parse(checkpoint.note)
    except ValueError:
        return False
    says = (head.workspace_id, head.size, head.root) == (workspace.pk, checkpoint.size, checkpoint.root)
    return says and any(note.is_signed_by(origin_of(workspace.pk), key.public) for key in public_keys())


def sides_of(position: int, size: int) -> list[bool]:
    """For each hash of an inclusion proof, from the bottom up, whether it stands to the left of the way."""
    sides, last = [], size - 1
    while last:
        if position & 1:
            sides.append(True)
        elif position < last:
            sides.append(False)
        position, last = position >> 1, last >> 1
    return sides
