"""Heads of trees in the form of C2SP's tlog-checkpoint, one origin for each workspace.

    galaxy.audit/<id of the workspace>          the origin, and the name under which keys sign
    <size>
    <root, base64>
    number <of this checkpoint, from 1>
    epoch <in which it was signed>
    time <when, as 2026-11-22T13:25:00.120000Z>
    previous <SHA-256 of the checkpoint before, base64; 32 zero bytes for the first>

    — <signature, as in galaxy.core.audit.notes>

What follows the root are extension lines, which foreign tools carry along: they make the checkpoints a chain of their
own, so that none can be taken out of the middle, and put their times under the signature.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from galaxy.core.audit.leaves import moment
from galaxy.core.audit.notes import parse as parse_note

NO_NOTE = bytes(32)
ROOT_BYTES = 32
_ORIGIN = "galaxy.audit/"


@dataclass(frozen=True)
class Head:
    """What a checkpoint says; ``previous`` is the hash of the note before."""

    workspace_id: UUID
    size: int
    root: bytes
    number: int
    epoch: int
    signed_at: datetime
    previous: bytes

    @property
    def origin(self) -> str:
        return origin_of(self.workspace_id)

    def text(self) -> str:
        lines = [
            self.origin,
            str(self.size),
            base64.b64encode(self.root).decode(),
            f"number {self.number}",
            f"epoch {self.epoch}",
            f"time {moment(self.signed_at)}",
            f"previous {base64.b64encode(self.previous).decode()}",
        ]
        return "".join(f"{line}\n" for line in lines)


def origin_of(workspace_id: UUID) -> str:
    return f"{_ORIGIN}{workspace_id}"


def note_hash(note: str) -> bytes:
    return hashlib.sha256(note.encode()).digest()


def head_of(note: str) -> Head:
    """What a checkpoint says. Nothing of it is verified. Raises ValueError with a sentence where it is none."""
    text = parse_note(note).text
    try:
        origin, size, root, *extensions = text.removesuffix("\n").split("\n")
        named = dict(line.split(" ", 1) for line in extensions)
        head = Head(
            workspace_id=UUID(origin.removeprefix(_ORIGIN)),
            size=int(size),
            root=base64.b64decode(root, validate=True),
            number=int(named["number"]),
            epoch=int(named["epoch"]),
            signed_at=datetime.fromisoformat(named["time"]),
            previous=base64.b64decode(named["previous"], validate=True),
        )
    except (ValueError, KeyError):
        raise ValueError("It is no checkpoint of Galaxy.") from None
    if head.text() != text or len(head.root) != ROOT_BYTES or len(head.previous) != len(NO_NOTE):
        raise ValueError("It is no checkpoint as Galaxy writes them.")
    return head
