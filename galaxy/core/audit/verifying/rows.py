"""The rows of a trail beside its tree: each leaf is computed again from its event, each root from the leaves."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models.expressions import RawSQL

from galaxy.core.audit.leaves import Entry
from galaxy.core.audit.packs.verify import TOMBSTONE, Purges
from galaxy.core.audit.proofs import Frontier
from galaxy.core.audit.reading import broken_fields
from galaxy.core.audit.tree import BLOCK_LEVELS
from galaxy.core.audit.verifying.heads import Signed
from galaxy.core.audit.verifying.report import Progress, Report
from galaxy.core.models import AuditDetail, AuditEvent, AuditLeaf, AuditNode

CHUNK = 1000
CLOCK_SKEW = timedelta(minutes=10)  # between hosts, and how long a transaction may take
_TIME = "%Y-%m-%d %H:%M"
_NAMED = 50  # events put in beside the tree that are looked up one by one
# Events that stand in no leaf, though the tree has gone beyond them.
_PUT_IN = """
SELECT e.id, e.occurred_at,
    (SELECT min(l.position) FROM core_auditleaf l
     WHERE l.workspace_id = %(workspace)s AND (l.epoch, l.xid, l.event_id) > (e.epoch, e.xid, e.id))
FROM core_auditevent e
WHERE e.workspace_id = %(workspace)s AND (e.epoch, e.xid, e.id) <= (%(epoch)s, %(xid)s::text::xid8, %(id)s)
AND NOT EXISTS (SELECT FROM core_auditleaf l WHERE l.workspace_id = %(workspace)s AND l.event_id = e.id)
ORDER BY e.epoch, e.xid, e.id LIMIT %(limit)s
"""
_WAITING = """
SELECT count(*), min(occurred_at) FROM core_auditevent
WHERE workspace_id = %(workspace)s AND (epoch, xid, id) > (%(epoch)s, %(xid)s::text::xid8, %(id)s)
"""
# Nobody has written these yet: the sequencer, which takes what no transaction can come before, would wait for ever.
_AHEAD = """
SELECT id, occurred_at FROM core_auditevent
WHERE workspace_id = %(workspace)s AND (epoch, xid, id) > (%(epoch)s, %(xid)s::text::xid8, %(id)s)
AND (epoch > (SELECT core_audit_epoch())
    OR epoch = (SELECT core_audit_epoch()) AND xid >= (SELECT pg_snapshot_xmax(pg_current_snapshot())))
AND xid IS DISTINCT FROM (SELECT pg_current_xact_id_if_assigned())
ORDER BY epoch, xid, id LIMIT %(limit)s
"""


@dataclass(frozen=True)
class _Leaf:
    position: int
    event_id: int
    place: tuple[int, int, int]
    hash: bytes


class Rows:
    """Walks leaves and events from the first on, as far as signed heads ask for.

    Two trees grow side by side, one over the leaves as stored and one over the events as they are now. At each signed
    head one of them, or both, must have its root; which one does tells whether an event was changed or its leaf. Where
    neither does, both were: it lies between this head and the last one that fitted.
    """

    def __init__(self, workspace_id: UUID, report: Report, progress: Progress):
        self._workspace_id = workspace_id
        self._report = report
        self._progress = progress
        rows = AuditLeaf.objects.filter(workspace=workspace_id).order_by("-position")
        last = rows.values_list("position", flat=True).first()
        self._total = 0 if last is None else last + 1  # what is sealed later has nothing to do with us
        self._leaves = self._read()
        self._stored, self._computed = Frontier(), Frontier()
        self._differing: list[tuple[_Leaf, bool]] = []  # since the last head that fitted; whether the event is there
        self._proven = 0  # the size of that head
        self._is_lost = False  # no later root can fit
        self._place = (0, 0, 0)
        self._signed_at: datetime | None = None
        self._times: list[tuple[datetime, int]] = []  # since the last head: the earliest and the latest, with position
        self._purges = Purges()
        self._cut: tuple[str, int] | None = None  # what is signed of a tree larger than ours, and its last position

    @property
    def size(self) -> int:
        return self._stored.size

    def compare(self, signed: Signed) -> None:
        """Walk on to the size of a head, and hold the trees to it."""
        head = signed.head
        while self.size < head.size and (found := next(self._leaves, None)):
            self._grow(*found)
        if self.size < head.size:
            self._is_lost = True
            if self._cut is None or self._cut[1] < head.size - 1:
                self._cut = (signed.words, head.size - 1)
            return
        self._compare_roots(signed)
        self._compare_times(signed)

    def finish(self) -> None:
        """Walk to the end, and look for events beside the tree."""
        end = self.size
        while self.size < self._total and (found := next(self._leaves, None)):
            self._grow(*found)
        self._tell_differing()
        if self._cut:
            words, last = self._cut
            self._report.add("cut", end, f"{words} was signed, and the tree ends before that.", last)
        elif self.size > end:
            self._report.add("leaf", end, "These leaves stand under no signed checkpoint.", self.size - 1)
        self._report.size = self.size
        self._explain_purges()
        self._look_beside()
        self._progress(self._total, self._total)

    def _read(self) -> Iterator[tuple[_Leaf, list[AuditEvent], AuditDetail | None]]:
        """Every leaf with the events of its id (one, unless somebody was there) and their values, if kept."""
        rows = AuditLeaf.objects.filter(workspace=self._workspace_id).order_by("position")
        names = ("position", "event_id", "epoch", "xid", "hash")
        start = 0
        while chunk := list(rows.filter(position__gte=start).values_list(*names)[:CHUNK]):
            leaves = [_Leaf(at, id, (epoch, xid, id), bytes(found)) for at, id, epoch, xid, found in chunk]
            ids = [leaf.event_id for leaf in leaves]
            events: dict[int, list[AuditEvent]] = {}
            for event in self._events(pk__in=ids):
                events.setdefault(event.pk, []).append(event)
            details = self._details(ids)
            self._compare_nodes(leaves)
            for leaf in leaves:
                yield leaf, events.get(leaf.event_id, []), details.get(leaf.event_id)
            start = leaves[-1].position + 1
            self._progress(min(start, self._total), self._total)

    def _events(self, **wanted: Any) -> Iterator[AuditEvent]:
        """With commitments of None where they are no JSON that can be read, which must not end the verification."""
        written = RawSQL("core_auditevent.commitments::text", [])
        rows = AuditEvent.objects.filter(workspace=self._workspace_id, **wanted).in_order()
        for event in rows.defer("commitments").annotate(written=written):
            event.commitments = _json(event.written)
            yield event

    def _details(self, ids: list[int]) -> dict[int, AuditDetail]:
        """With fields of None where they cannot be read."""
        rows = AuditDetail.objects.filter(workspace=self._workspace_id).defer("fields")
        details = rows.annotate(written=RawSQL("core_auditdetail.fields::text", [])).filter(event_id__in=ids)
        found: dict[int, AuditDetail] = {}
        for detail in details:
            detail.fields = _json(detail.written)
            found[detail.event_id] = detail
        return found

    def _grow(self, leaf: _Leaf, events: list[AuditEvent], detail: AuditDetail | None) -> None:
        if leaf.position != self.size:
            self._is_lost = True
            self._report.add("gap", self.size, "No leaf is stored here.", leaf.position - 1)
            self._stored, self._computed = _empty(leaf.position), _empty(leaf.position)
        if leaf.place <= self._place:
            words = f"Event {leaf.event_id} does not belong behind the one before it."
            self._report.add("moved", leaf.position - 1, words, leaf.position)
        self._place = leaf.place
        event = self._event_of(leaf, events)
        computed = _hash_of(event) if event else leaf.hash
        list(self._stored.grow(leaf.hash))
        list(self._computed.grow(computed))
        if event is None:
            self._report.add("deleted", leaf.position, f"Event {leaf.event_id} is gone from the table.")
            return
        if computed != leaf.hash or Entry.of(event).place != leaf.place:
            self._differing.append((leaf, computed != leaf.hash))
        self._compare_values(leaf.position, event, detail)
        first = self._times[0] if self._times else (event.occurred_at, leaf.position)
        last = self._times[-1] if self._times else first
        self._times = [min(first, (event.occurred_at, leaf.position)), max(last, (event.occurred_at, leaf.position))]

    def _event_of(self, leaf: _Leaf, events: list[AuditEvent]) -> AuditEvent | None:
        """The event of a leaf; of several with its number the one that fits, while the others were put in."""
        fitting = [event for event in events if _hash_of(event) == leaf.hash] or events[:1]
        for event in events:
            if event is not fitting[0]:
                self._report.add(
                    "inserted",
                    leaf.position,
                    f"A second event {event.pk}, of {event.occurred_at:%Y-%m-%d}, was put in.",
                )
        return fitting[0] if fitting else None

    def _compare_values(self, position: int, event: AuditEvent, detail: AuditDetail | None) -> None:
        if detail is None:
            self._report.gone += 1
            self._purges.miss(position, event.action)
            return
        if broken := broken_fields(event, detail):
            names = ", ".join(broken[:5]) + (" and more" if len(broken) > 5 else "")
            self._report.add("value", position, f"Event {event.pk} is not what was committed to: {names}.")
        else:
            self._report.values += 1

    def _explain_purges(self) -> None:
        """Values may be gone only where a tombstone says so. Those of purges that happened meanwhile count as well."""
        events = list(self._events(action=TOMBSTONE))
        details = self._details([event.pk for event in events])
        for event in events:
            detail = details.get(event.pk)
            if detail and not broken_fields(event, detail):
                with suppress(ValueError):  # what tells of nothing explains nothing
                    self._purges.tell(detail.fields)
        for first, last, count in self._purges.unexplained():
            if first == last:
                words = "The values of this event are gone, and no event says that retention took them."
            else:
                words = f"The values of {count:,} more are gone from these events than retention says it took."
            self._report.add("purged", first, words, last)

    def _compare_roots(self, signed: Signed) -> None:
        root, size = signed.head.root, signed.head.size
        if self._is_lost:
            self._tell_differing()
        elif self._stored.root() == root:
            self._tell_differing()
            self._computed = self._stored.copy()
            self._proven = size
        elif self._computed.root() == root:
            for leaf, _ in self._differing:
                self._report.add(
                    "leaf", leaf.position, f"The leaf of event {leaf.event_id} was changed; the event was not."
                )
            self._differing.clear()
            self._stored = self._computed.copy()
            self._proven = size
        else:
            self._is_lost = True
            self._tell_differing()
            words = f"{signed.words} was signed over something else than is stored here, events and leaves alike."
            self._report.add("rewritten", self._proven, words, size - 1)

    def _tell_differing(self) -> None:
        for leaf, is_other in self._differing:
            what = "is not what its leaf was made of" if is_other else "is not in the order that its leaf says"
            self._report.add("edited", leaf.position, f"Event {leaf.event_id} {what}.")
        self._differing.clear()

    def _compare_times(self, signed: Signed) -> None:
        """Events must have happened before they were sealed, and after whatever was sealed before them."""
        if self._times:
            (first, first_at), (last, last_at) = self._times[0], self._times[-1]
            if last > signed.head.signed_at + CLOCK_SKEW:
                self._report.add("clock", last_at, f"It says {last:{_TIME}}, after the time of its seal.")
            if self._signed_at and first < self._signed_at - CLOCK_SKEW:
                words = f"It says {first:{_TIME}}, and was written after the seal of {self._signed_at:{_TIME}}."
                self._report.add("clock", first_at, words)
        self._times = []
        self._signed_at = signed.head.signed_at

    def _compare_nodes(self, leaves: list[_Leaf]) -> None:
        """The inner hashes that are stored of this stretch, beside those of the leaves as stored."""
        if self._is_lost:
            return
        tree = self._stored.copy()
        wanted: dict[tuple[int, int], bytes] = {}
        for leaf in leaves:
            if leaf.position != tree.size:
                return
            wanted |= {
                (level, place): found for level, place, found in tree.grow(leaf.hash) if level % BLOCK_LEVELS == 0
            }
        for level in {level for level, _ in wanted}:
            places = [place for one, place in wanted if one == level]
            rows = AuditNode.objects.filter(workspace=self._workspace_id, level=level, place__in=places)
            found = {place: bytes(value) for place, value in rows.values_list("place", "hash")}
            for place in places:
                if found.get(place) != wanted[level, place]:
                    what = "is not that of its leaves" if place in found else "is not stored"
                    first = place << level
                    self._report.add("node", first, f"The hash over these leaves {what}.", first + (1 << level) - 1)

    def _look_beside(self) -> None:
        epoch, xid, id = self._place
        where: dict[str, Any] = {"workspace": self._workspace_id, "epoch": epoch, "xid": str(xid), "id": id}
        with connection.cursor() as cursor:
            cursor.execute(_PUT_IN, where | {"limit": _NAMED})
            for event_id, at, position in cursor.fetchall():
                self._report.add(
                    "inserted",
                    self.size if position is None else position,
                    f"Event {event_id}, of {at:{_TIME}}, stands in no leaf, though the tree has gone beyond it.",
                )
            cursor.execute(_AHEAD, where | {"limit": _NAMED})
            for event_id, at in cursor.fetchall():
                words = f"Event {event_id}, of {at:{_TIME}}, has the number of a transaction that has not begun."
                self._report.add("inserted", self.size, words)
            cursor.execute(_WAITING, where)
            self._report.waiting, self._report.waiting_since = cursor.fetchone()


def _json(text: str) -> Any:
    """None for what PostgreSQL keeps and nobody can read: numbers of thousands of digits, lists in lists in lists."""
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _hash_of(event: AuditEvent) -> bytes:
    """b"" for what is no event of Galaxy's, which fits no leaf."""
    try:
        return Entry.of(event).hash()
    except ValueError:
        return b""


def _empty(size: int) -> Frontier:
    """A tree of which nothing is known but its size."""
    return Frontier(size, [b""] * size.bit_count())
