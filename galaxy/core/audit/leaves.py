"""What of an event the tree commits to: one canonical line of bytes, which anybody can put together again.

The data of a leaf is the RFC 8785 form of

    {"action", "actor_id", "actor_kind", "commitments", "epoch", "id", "occurred_at", "request_id", "simulated",
     "target_id", "target_kind", "v": 1, "workspace", "xid"}

with ``epoch`` as a number, ``id`` and ``xid`` (64 bits, which a double does not hold) as decimal text, ``occurred_at``
as ``2026-11-22T13:20:44.183000Z``, ``simulated`` as true or false, ``commitments`` as {field: hex}, and the rest as
text. Values and salts are no part of it, so that a leaf stays verifiable when retention has deleted them.
"""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from galaxy.core.audit.proofs import leaf_hash

if TYPE_CHECKING:
    from galaxy.core.models import AuditEvent

VERSION = 1
# Columns of core_auditevent in the order of ``Entry``.
COLUMNS = (
    "workspace_id, epoch, xid, id, occurred_at, action, actor_kind, actor_id, target_kind, target_id, request_id,"
    " simulated, commitments::text"
)


class Entry(NamedTuple):
    """An event as a row of ``COLUMNS``."""

    workspace_id: UUID
    epoch: int
    xid: str
    id: int
    occurred_at: datetime
    action: str
    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    request_id: str
    simulated: bool
    commitments: str

    @classmethod
    def of(cls, event: "AuditEvent") -> "Entry":
        """Of an event read by ``AuditEvent.objects.in_order()``, which brings the database's own columns along."""
        return cls(
            event.workspace_id,
            event.epoch,
            str(event.xid),
            event.pk,
            event.occurred_at,
            event.action,
            event.actor_kind,
            event.actor_id,
            event.target_kind,
            event.target_id,
            event.request_id,
            event.simulated,
            json.dumps(event.commitments),
        )

    @property
    def place(self) -> tuple[int, int, int]:
        """By what events are ordered: (epoch, xid, id)."""
        return self.epoch, int(self.xid), self.id

    def data(self) -> bytes:
        return _canonical(
            {
                "action": self.action,
                "actor_id": self.actor_id,
                "actor_kind": self.actor_kind,
                "commitments": _sorted(json.loads(self.commitments)),
                "epoch": self.epoch,
                "id": str(self.id),
                "occurred_at": moment(self.occurred_at),
                "request_id": self.request_id,
                "simulated": self.simulated,
                "target_id": self.target_id,
                "target_kind": self.target_kind,
                "v": VERSION,
                "workspace": str(self.workspace_id),
                "xid": self.xid,
            }
        )

    def hash(self) -> bytes:
        return leaf_hash(self.data())


def leaf_data(event: "AuditEvent") -> bytes:
    """The bytes that the tree commits to; ``event`` comes from ``AuditEvent.objects.in_order()``. Pure."""
    return Entry.of(event).data()


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _sorted(names: dict[str, Any]) -> dict[str, Any]:
    """By UTF-16 code units, as RFC 8785 sorts names; where all are ASCII that is how Python sorts text."""
    if "".join(names).isascii():
        return {name: names[name] for name in sorted(names)}
    return {name: names[name] for name in sorted(names, key=lambda name: name.encode("utf-16-be"))}


# Of objects sorted already, and without numbers other than whole ones, this is RFC 8785; and it is C code.
_canonical_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _canonical(value: dict[str, Any]) -> bytes:
    return _canonical_text(value).encode()
