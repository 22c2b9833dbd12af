"""What of an event the tree commits to: one canonical line of bytes, which anybody can put together again.

The data of a leaf is the RFC 8785 form of

    {"action", "actor_id", "actor_kind", "commitments", "epoch", "id", "occurred_at", "request_id", "simulated",
     "target_id", "target_kind", "v": 1, "workspace", "xid"}

with ``epoch`` as a number, ``id`` and ``xid`` (64 bits, which a double does not hold) as decimal text, ``occurred_at``
as ``2026-11-22T13:20:44.183000Z``, ``simulated`` as true or false, ``commitments`` as {field: hex}, and the rest as
text. Values and salts are no part of it, so that a leaf stays verifiable when retention has deleted them.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from galaxy.core import jcs
from galaxy.core.audit.proofs import leaf_hash

if TYPE_CHECKING:
    from galaxy.core.models import AuditEvent

VERSION = 1
# Columns of core_auditevent in the order of ``Entry``, written by the database as a leaf has them.
COLUMNS = """
    workspace_id::text, epoch, xid, id, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    action, actor_kind, actor_id, target_kind, target_id, request_id, simulated, commitments::text
"""


class Entry(NamedTuple):
    """An event as a row of ``COLUMNS``; ``commitments`` are a map, or its JSON."""

    workspace: str
    epoch: int
    xid: str
    id: int
    occurred_at: str
    action: str
    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    request_id: str
    simulated: bool
    commitments: str | dict[str, str]

    @classmethod
    def of(cls, event: "AuditEvent") -> "Entry":
        """Of an event read by ``AuditEvent.objects.in_order()``, which brings the database's own columns along."""
        return cls(
            str(event.workspace_id),
            event.epoch,
            str(event.xid),
            event.pk,
            moment(event.occurred_at),
            event.action,
            event.actor_kind,
            event.actor_id,
            event.target_kind,
            event.target_id,
            event.request_id,
            event.simulated,
            event.commitments,
        )

    @property
    def place(self) -> tuple[int, int, int]:
        """By what events are ordered: (epoch, xid, id)."""
        return self.epoch, int(self.xid), self.id

    def data(self) -> bytes:
        """Raises ValueError where the commitments are no map of text to text, as ``record`` never wrote them."""
        commitments = _map(self.commitments)
        if not isinstance(commitments, dict) or not set(map(type, commitments.values())) <= {str}:
            raise ValueError(f"The commitments of event {self.id} are no map of text to text.")
        data: dict[str, Any] = {
            "action": self.action,
            "actor_id": self.actor_id,
            "actor_kind": self.actor_kind,
            "commitments": commitments,
            "epoch": self.epoch,
            "id": str(self.id),
            "occurred_at": self.occurred_at,
            "request_id": self.request_id,
            "simulated": self.simulated,
            "target_id": self.target_id,
            "target_kind": self.target_kind,
            "v": VERSION,
            "workspace": self.workspace,
            "xid": self.xid,
        }
        return jcs.dumps(data)

    def hash(self) -> bytes:
        return leaf_hash(self.data())


def _map(commitments: object) -> object:
    try:
        return orjson.loads(commitments) if isinstance(commitments, str) else commitments
    except ValueError:
        return None  # a number beyond all doubles, or maps within maps within maps


def leaf_data(event: "AuditEvent") -> bytes:
    """The bytes that the tree commits to; ``event`` comes from ``AuditEvent.objects.in_order()``. Pure."""
    return Entry.of(event).data()


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
