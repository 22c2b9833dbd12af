"""The sequencer: puts events into their workspace's tree, in an order that late commits cannot upset, and signs heads.

Events are ordered by (epoch, xid, id). A transaction that is still running may yet commit events with its xid, so only
those below ``pg_snapshot_xmin`` are taken: nobody can come in before them any more. Whoever appends waits for nothing.

Each turn is one transaction per workspace: leaves, inner hashes and the signed checkpoint stand there together or not
at all, so it may be killed anywhere. The copy outside the database follows the commit; what a kill left out of it is
brought up at the next start. One sequencer works at a time (the command takes an advisory lock), others stand by.

It signs only what continues what it signed before: a tree that is not what the last checkpoint says, or a copy outside
that knows more than the database (a backup was restored), is refused and told, while other workspaces go on.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.audit.anchors import KEYS, Anchors
from galaxy.core.audit.checkpoints import NO_NOTE, Head, head_of, note_hash, origin_of
from galaxy.core.audit.epochs import declared
from galaxy.core.audit.keys import PublicKey, introduce
from galaxy.core.audit.leaves import COLUMNS, Entry
from galaxy.core.audit.notes import parse, sign
from galaxy.core.audit.proofs import Frontier
from galaxy.core.audit.tree import BLOCK_LEVELS, StoredTree, TreeIncomplete, public_keys
from galaxy.core.db.writing import insert
from galaxy.core.models import AuditCheckpoint, AuditKey
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.signing import SigningKeys

BATCH = 5000  # events under one checkpoint
RECENT = timedelta(days=1)  # what happened before is looked for once a minute
SWEEP_EVERY_S = 60.0
_COPIES_A_TURN = 100  # of workspaces that are only looked after, at the start
_NOTES_AT_ONCE = 1000
# Transactions below this are over, as the statement sees it that asks.
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())"
_TO_SEAL = "SELECT workspace_id FROM core_trails_to_seal(%s::timestamptz, {horizon})"
_STATE = """
SELECT core_audit_epoch(), ({horizon})::text, c.note, l.position, l.epoch, l.xid::text,
    l.event_id
FROM (SELECT) AS one
LEFT JOIN LATERAL (
    SELECT * FROM core_auditcheckpoint WHERE workspace_id = %(workspace)s ORDER BY number DESC LIMIT 1
) AS c ON true
LEFT JOIN LATERAL (
    SELECT * FROM core_auditleaf WHERE workspace_id = %(workspace)s ORDER BY position DESC LIMIT 1
) AS l ON true
"""
# What stands in a sub-select is asked for once, and not of every row.
_NEWS = """
SELECT {columns} FROM core_auditevent
WHERE workspace_id = %(workspace)s AND (epoch, xid, id) > (%(epoch)s, %(xid)s::text::xid8, %(id)s)
AND (epoch < (SELECT core_audit_epoch()) OR xid < (SELECT {horizon}))
ORDER BY epoch, xid, id LIMIT %(batch)s
"""
# Hashes travel as one run of bytes: an array of them costs several times as much to write down and to read.
_ADD_LEAVES = """
INSERT INTO core_auditleaf (workspace_id, position, event_id, epoch, xid, hash)
SELECT %(workspace)s, %(start)s + n - 1, id, epoch, xid::xid8,
    substring(%(hashes)s::bytea FROM (n::integer - 1) * 32 + 1 FOR 32)
FROM unnest(%(ids)s::bigint[], %(epochs)s::integer[], %(xids)s::text[]) WITH ORDINALITY AS new (id, epoch, xid, n)
"""
_ADD_NODES = """
INSERT INTO core_auditnode (workspace_id, level, place, hash)
SELECT %(workspace)s, level, place, hash
FROM unnest(%(levels)s::smallint[], %(places)s::bigint[], %(hashes)s::bytea[]) AS new (level, place, hash)
"""


class Refused(Exception):
    """This tree cannot be continued, or nothing can be signed; the message says why, in sentences."""


@dataclass
class Turn:
    """What one turn did: events sealed, and the workspaces that were refused, or whose copies could not be written,
    each with its sentence."""

    sealed: int = 0
    refused: dict[UUID, str] = field(default_factory=dict)
    uncopied: dict[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Tree:
    """Where a tree stands: its edge, the note that says so ("" while nothing is signed), and its last event's place."""

    frontier: Frontier
    note: str
    place: tuple[int, int, int]


class Sequencer:
    """Seals trails with ``keys``, and copies checkpoints to ``anchors``. Not for two threads at once."""

    def __init__(self, keys: SigningKeys, anchors: Anchors, *, clock: Callable[[], datetime] = timezone.now):
        self._keys = keys
        self._anchors = anchors
        self._clock = clock
        self._chain: list[PublicKey] = []
        self._trees: dict[UUID, _Tree] = {}
        self._copied: dict[UUID, tuple[int, str] | None] = {}
        self._fresh: dict[UUID, list[tuple[int, str]]] = {}  # sealed, and not yet copied
        self._unseen: set[UUID] = set()  # sealed by whoever was here before, and perhaps not copied
        self._swept_at: float | None = None

    def start(self) -> None:
        """Introduce the current key if it is new, and see whose copies have to be brought up. Raises Refused where the
        key is no successor of the one before, OSError where the copies cannot be written."""
        self._chain = public_keys()
        newest = self._chain[-1] if self._chain else None
        if newest is None or newest.key_id != self._keys.current:
            key = self._introduced(newest)
            AuditKey.objects.create(
                number=key.number, key_id=key.key_id, public=key.public, note=key.note, introduced_at=key.introduced_at
            )
            self._chain.append(key)
        self._copy_keys()
        self._unseen = set(_workspaces("SELECT workspace_id FROM core_sealed_trails()"))

    def turn(self) -> Turn:
        """Seal what there is in every workspace, and write the copies."""
        now = time.monotonic()
        is_sweep = self._swept_at is None or now - self._swept_at >= SWEEP_EVERY_S
        since = "-infinity" if is_sweep else (self._clock() - RECENT).isoformat()
        done = Turn()
        for workspace_id in _workspaces(_TO_SEAL.format(horizon=HORIZON), since):
            try:
                while (count := self.seal(workspace_id)) == BATCH:
                    done.sealed += count
                done.sealed += count
            except Refused as error:
                done.refused[workspace_id] = str(error)
        self._write_copies(done)
        if is_sweep:
            self._swept_at = now
        return done

    def seal(self, workspace_id: UUID) -> int:
        """Seal up to BATCH events of one workspace under one checkpoint; returns how many. Raises Refused."""
        try:
            with workspace_scope([workspace_id]), transaction.atomic():
                tree = self._tree(workspace_id)
                entries = _news(workspace_id, tree.place)
                if not entries:
                    return 0
                tree = self._grown(workspace_id, tree, entries)
        except IntegrityError:
            # Somebody else continued this tree meanwhile. The next turn looks at what stands there now.
            self._trees.pop(workspace_id, None)
            return 0
        self._trees[workspace_id] = tree
        self._fresh.setdefault(workspace_id, []).append((head_of(tree.note).number, tree.note))
        return len(entries)

    def copy(self, workspace_id: UUID) -> None:
        """Bring the copy of one workspace's checkpoints up to what is sealed. Raises OSError."""
        fresh, copied = self._fresh.pop(workspace_id, []), self._copied.get(workspace_id)
        if copied and fresh and head_of(fresh[0][1]).previous == note_hash(copied[1]):
            self._anchors.append(workspace_id, fresh)
            self._copied[workspace_id] = fresh[-1]
            return
        with workspace_scope([workspace_id]):
            if workspace_id not in self._copied:
                self._copied[workspace_id] = self._anchors.last(workspace_id)
            rows = _uncopied(workspace_id, self._copied[workspace_id])
            while notes := list(rows[:_NOTES_AT_ONCE]):
                self._anchors.append(workspace_id, notes)
                self._copied[workspace_id] = notes[-1]
                rows = _uncopied(workspace_id, notes[-1])

    def _introduced(self, newest: PublicKey | None) -> PublicKey:
        """The current key with the note that introduces it as the successor of ``newest``."""
        current = self._keys.current
        if newest and any(key.key_id == current for key in self._chain):
            raise Refused(f"Key {current} has handed over to {newest.key_id} already. Sign with that one.")
        if newest and newest.key_id not in self._keys:
            raise Refused(
                f"The trail was signed last by key {newest.key_id}, which is not in the file of signing keys, so it "
                f"cannot hand over to {current}. Put it back from your backup."
            )
        return introduce(self._keys, newest, self._clock())

    def _copy_keys(self) -> None:
        last = self._anchors.last(KEYS)
        known = {key.number: key.note for key in self._chain}
        if last and known.get(last[0]) != last[1]:
            raise Refused(
                f"Signing key {last[0]} in the copy outside the database is not the one in the database. Run "
                "`manage.py audit verify` to see what happened."
            )
        self._anchors.append(KEYS, [(key.number, key.note) for key in self._chain if not last or key.number > last[0]])

    def _tree(self, workspace_id: UUID) -> _Tree:
        """Where the tree stands, as remembered, or as stored where somebody else wrote last. Raises Refused."""
        with connection.cursor() as cursor:
            cursor.execute(_STATE.format(horizon=HORIZON), {"workspace": workspace_id})
            epoch, horizon, note, *last = cursor.fetchone()
        position, *place = last if last[0] is not None else (-1, 0, 0, 0)
        place = tuple(map(int, place))
        if place[0] > epoch or (place[0] == epoch and place[1] >= int(horizon)):
            raise Refused(
                "The newest event under seal has a number that the database has not reached yet: it was restored from "
                "a backup. Run `manage.py audit new-epoch`."
            )
        tree = self._trees.get(workspace_id)
        if tree is None or tree.note != (note or ""):
            tree = self._loaded(workspace_id, note or "", place, epoch)
        if position + 1 != tree.frontier.size:
            raise Refused(
                f"{tree.frontier.size} events are under the last checkpoint, and the tree has {position + 1} leaves. "
                "Run `manage.py audit verify` to see which."
            )
        return tree

    def _loaded(self, workspace_id: UUID, note: str, place: tuple[int, int, int], epoch: int) -> _Tree:
        """The tree as stored, held to what was signed. Raises Refused."""
        self._compare_copy(workspace_id, note, epoch)
        if not note:
            return _Tree(Frontier(), "", place)
        head = self._signed_head(workspace_id, note)
        try:
            frontier = Frontier.read(head.size, StoredTree(workspace_id).subtree)
        except TreeIncomplete as error:
            raise Refused(f"{error} Run `manage.py audit verify` to see what is missing.") from error
        if frontier.root() != head.root:
            raise Refused(
                f"The stored tree is not the one that checkpoint {head.number} over {head.size} events was signed for. "
                "Run `manage.py audit verify` to see where it differs."
            )
        return _Tree(frontier, note, place)

    def _signed_head(self, workspace_id: UUID, note: str) -> Head:
        try:
            head = head_of(note)
            signed = parse(note)
        except ValueError as error:
            raise Refused(f"The last checkpoint cannot be read. {error}") from error
        if head.workspace_id != workspace_id or not any(
            signed.is_signed_by(head.origin, key.public) for key in self._chain
        ):
            raise Refused(f"The last checkpoint, over {head.size} events, was signed by none of our keys.")
        return head

    def _compare_copy(self, workspace_id: UUID, note: str, epoch: int) -> None:
        """Refuse to go on where the copy outside knows what the database does not, unless a new epoch was declared."""
        last = self._anchors.last(workspace_id)
        if (
            last is None
            or AuditCheckpoint.objects.filter(workspace=workspace_id, number=last[0], note=last[1]).exists()
        ):
            return
        copied = head_of(last[1])
        if not any(one.number <= epoch and one.lost(copied) for one in declared(self._anchors)):
            size = head_of(note).size if note else 0
            raise Refused(
                f"The copy outside the database ends with checkpoint {copied.number} over {copied.size} events, which "
                f"the database does not have: it ends at {size} events. Where a backup was restored, run "
                "`manage.py audit new-epoch`; otherwise somebody removed it."
            )

    def _grown(self, workspace_id: UUID, tree: _Tree, entries: list[Entry]) -> _Tree:
        """Write the leaves, the inner hashes and the signed checkpoint."""
        frontier = tree.frontier.copy()
        start = frontier.size
        try:
            hashes = [entry.hash() for entry in entries]
        except ValueError as error:
            raise Refused(f"{error} Galaxy wrote no such event.") from error
        nodes = [node for leaf in hashes for node in frontier.grow(leaf) if node[0] % BLOCK_LEVELS == 0]
        leaves: dict[str, Any] = {
            "workspace": workspace_id,
            "start": start,
            "hashes": b"".join(hashes),
            "ids": _array(entry.id for entry in entries),
            "epochs": _array(entry.epoch for entry in entries),
            "xids": _array(entry.xid for entry in entries),
        }
        with connection.cursor() as cursor:
            cursor.execute(_ADD_LEAVES, leaves)
            if nodes:
                levels, places, inner = map(list, zip(*nodes, strict=True))
                inserted: dict[str, Any] = {
                    "workspace": workspace_id,
                    "levels": levels,
                    "places": places,
                    "hashes": inner,
                }
                cursor.execute(_ADD_NODES, inserted)
        note = self._sign(workspace_id, frontier, tree.note, entries[-1].epoch)
        return _Tree(frontier, note, entries[-1].place)

    def _sign(self, workspace_id: UUID, frontier: Frontier, before: str, epoch: int) -> str:
        """Write the checkpoint; returns its note. Its time never lies before that of the one before."""
        now, number = self._clock(), 1
        if before:
            last = head_of(before)
            now, number = max(now, last.signed_at), last.number + 1
        previous = note_hash(before) if before else NO_NOTE
        head = Head(workspace_id, frontier.size, frontier.root(), number, epoch, now, previous)
        note = sign(head.text(), origin_of(workspace_id), self._keys, [self._keys.current])
        insert(
            AuditCheckpoint(
                workspace_id=workspace_id,
                number=number,
                size=head.size,
                root=head.root,
                key_id=self._keys.current,
                note=note,
                signed_at=now,
            )
        )
        return note

    def _write_copies(self, done: Turn) -> None:
        """Of what was sealed in this turn, and of some that nobody has looked at since the start."""
        unseen = sorted(self._unseen - self._fresh.keys())[:_COPIES_A_TURN]
        for workspace_id in [*self._fresh, *unseen]:
            self._unseen.discard(workspace_id)
            try:
                self.copy(workspace_id)
            except OSError as error:
                done.uncopied[workspace_id] = f"The copy of its checkpoints cannot be written: {error.strerror}."
                self._copied.pop(workspace_id, None)
                self._fresh[workspace_id] = []  # what is missing there, the next turn reads in the database


def _news(workspace_id: UUID, place: tuple[int, int, int]) -> list[Entry]:
    epoch, xid, id = place
    where: dict[str, Any] = {"workspace": workspace_id, "epoch": epoch, "xid": str(xid), "id": id, "batch": BATCH}
    with connection.cursor() as cursor:
        cursor.execute(_NEWS.format(columns=COLUMNS, horizon=HORIZON), where)
        return [Entry(*row) for row in cursor.fetchall()]


def _array(values: Iterable[int | str]) -> str:
    """Numbers as PostgreSQL writes an array of them, which psycopg would put together one by one."""
    return "{" + ",".join(map(str, values)) + "}"


def _uncopied(workspace_id: UUID, last: tuple[int, str] | None) -> QuerySet[AuditCheckpoint, tuple[int, str]]:
    """(number, note) of the checkpoints that come after ``last`` in the copy, in order.

    Where the database does not have ``last`` (it was restored), those that were signed in a later epoch.
    """
    rows = AuditCheckpoint.objects.filter(workspace=workspace_id).order_by("number")
    if last and rows.filter(number=last[0], note=last[1]).exists():
        rows = rows.filter(number__gt=last[0])
    elif last:
        epoch = head_of(last[1]).epoch
        first = next((row.number for row in rows.iterator() if head_of(row.note).epoch > epoch), None)
        rows = rows.none() if first is None else rows.filter(number__gte=first)
    return rows.values_list("number", "note")


def _workspaces(statement: str, *params: str) -> Iterator[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return iter([id for (id,) in cursor.fetchall()])
