"""Epochs: after a restore, numbers of transactions start anew, so events from then on belong to a later epoch.

Raising it is said in two places: in the database, as the default of the events' column, and outside of it, beside the
copies of the checkpoints, with the head that each trail was restored to. The sequencer goes on, and verifying passes
what the restore lost, only where both agree: somebody who owns nothing but the database can declare no loss.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, connections, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit.anchors import Anchors, Line
from galaxy.core.audit.checkpoints import Head, head_of
from galaxy.core.audit.leaves import moment
from galaxy.core.audit.tree import Checkpoint
from galaxy.core.models import Workspace

EPOCHS = "epochs"


@dataclass(frozen=True)
class Epoch:
    """An epoch that was declared outside the database: ``heads`` maps a workspace to (number, size) of the last
    checkpoint that the restored database had; a workspace that is not in it had none."""

    number: int
    declared_at: datetime
    heads: dict[UUID, tuple[int, int]]

    def head(self, workspace_id: UUID) -> tuple[int, int]:
        return self.heads.get(workspace_id, (0, 0))

    def lost(self, head: Head) -> bool:
        """Whether a checkpoint says what the restore that began this epoch did away with."""
        return head.epoch < self.number and head.number > self.head(head.workspace_id)[0]


def declare(heads: dict[UUID, Checkpoint | None], anchors: Anchors) -> Epoch:
    """Begin a new epoch; returns it. ``heads`` has every workspace with its newest checkpoint. Needs the owner's role.

    Raises OSError where it cannot be written outside; nothing has changed then.
    """
    seen = [_current(), *(one.number for one in declared(anchors))]
    seen += [head_of(last[1]).epoch for id in heads if (last := anchors.last(id))]
    restored = {id: (head.number, head.size) for id, head in heads.items() if head}
    epoch = Epoch(max(seen) + 1, timezone.now(), restored)
    anchors.append(EPOCHS, [(epoch.number, _text(epoch))])
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE core_auditevent ALTER COLUMN epoch SET DEFAULT {epoch.number:d}")
    return epoch


def record_restore(workspace: Workspace, epoch: Epoch, anchors: Anchors) -> int:
    """Write into a workspace's trail, which must be in scope, that it was restored; returns how many events are gone
    that the copy outside had seen sealed."""
    _, size = epoch.head(workspace.pk)
    last = anchors.last(workspace.pk)
    copied = max(size, head_of(last[1]).size) if last else size
    with transaction.atomic():
        audit.record(
            "trail.restored", actor=None, target=workspace, epoch=epoch.number, tree_size=size, copied_size=copied
        )
    return copied - size


def declared(anchors: Anchors) -> list[Epoch]:
    """Every epoch that was declared outside the database, in order; [] where there is no such file."""
    try:
        lines = [line for line in anchors.read(EPOCHS) if isinstance(line, Line)]
    except FileNotFoundError:
        return []
    return [_parse(line) for line in lines]


def _current() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_audit_epoch()")
        return cursor.fetchone()[0]


def _text(epoch: Epoch) -> str:
    heads = {str(id): list(head) for id, head in epoch.heads.items()}
    return json.dumps({"declared_at": moment(epoch.declared_at), "heads": heads})


def _parse(line: Line) -> Epoch:
    found = json.loads(line.note)
    heads = {UUID(id): (number, size) for id, (number, size) in found["heads"].items()}
    return Epoch(line.number, datetime.fromisoformat(found["declared_at"]), heads)
