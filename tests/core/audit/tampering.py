"""What somebody can do to a trail who owns the database, and what is found: ``python -m tests.core.audit.tampering``.

The table stands in tampering.txt and is held to what verifying finds by test_tampering.py. Each case begins with the
same trail: ten events of a new workspace under the first checkpoint, 300 more under the second, then eight, each under
a checkpoint of its own, all copied outside the database.
"""

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from galaxy.core.audit import commitment
from galaxy.core.audit.anchors import Anchors
from galaxy.core.audit.checkpoints import head_of
from galaxy.core.audit.leaves import Entry, moment
from galaxy.core.audit.proofs import node_hash
from galaxy.core.audit.sequencer import Sequencer
from galaxy.core.audit.tree import StoredTree
from galaxy.core.models import AuditDetail, AuditEvent, AuditLeaf, Workspace
from galaxy.core.vault.signing import SigningKeys, make_signing_keys

EXPECTED = Path(__file__).with_name("tampering.txt")
COLUMNS = ("what was done", "what is found, and where")


class Line(NamedTuple):
    """One case: ``found`` is each kind of finding with its positions, or "intact"."""

    case: str
    found: str


@dataclass
class Trail:
    """A sealed trail in the hands of a superuser. ``sql`` runs as one, past triggers, rights and walls; ``write`` adds
    an event as Galaxy does (action, and data by name), and ``seal`` is the sequencer's next turn, with Galaxy's own
    keys and copies."""

    workspace: Workspace
    directory: Path
    keys: SigningKeys
    sql: Callable[..., list[tuple]]
    write: Callable[..., AuditEvent]

    @property
    def copies(self) -> Path:
        return self.directory / "checkpoints"

    def seal(self) -> None:
        sequencer = Sequencer(self.keys, Anchors(self.copies))
        sequencer.start()
        sequencer.seal(self.workspace.pk)
        sequencer.copy(self.workspace.pk)

    def event(self, position: int) -> AuditEvent:
        leaf = AuditLeaf.objects.get(workspace=self.workspace, position=position)
        return AuditEvent.objects.in_order().get(workspace=self.workspace, pk=leaf.event_id)

    def drop_tree(self, since: int = 0) -> None:
        """Leaves, inner hashes and checkpoints from a position on."""
        self.sql("DELETE FROM core_auditleaf WHERE position >= %s", since)
        self.sql("DELETE FROM core_auditnode WHERE (place + 1) << level > %s", since)
        self.sql("DELETE FROM core_auditcheckpoint WHERE size > %s", since)

    def build_again(self, keys: SigningKeys) -> None:
        """The tree, from what the tables hold now, with checkpoints that ``keys`` sign; the copies stay as they are."""
        if keys.current != self.keys.current:
            self.sql("DELETE FROM core_auditkey")
        sequencer = Sequencer(keys, Anchors(self.directory / "elsewhere"))
        sequencer.start()
        sequencer.seal(self.workspace.pk)

    def strange_keys(self) -> SigningKeys:
        make_signing_keys(self.directory / "strange.json")
        return SigningKeys(self.directory / "strange.json")


def edit_event(trail: Trail) -> None:
    trail.sql("UPDATE core_auditevent SET actor_id = 'nobody' WHERE id = %s", trail.event(42).pk)


def edit_value(trail: Trail) -> None:
    fields = '{"data.note": "something else"}'
    trail.sql("UPDATE core_auditdetail SET fields = fields || %s WHERE event_id = %s", fields, trail.event(42).pk)


def make_commitments_unreadable(trail: Trail) -> None:
    """Numbers that PostgreSQL keeps, and that Python refuses to read."""
    trail.sql("UPDATE core_auditevent SET commitments = '{\"action\": 1e9000}' WHERE id = %s", trail.event(42).pk)


def make_values_unreadable(trail: Trail) -> None:
    """In as many ways: too long a number, too deep a list, no map, no chain, no number of a double."""
    deep = "[" * 1500 + "]" * 1500
    values = ['{"data.note": 1e9000}', f'{{"data.note": {deep}}}', "[]", '{"actor.chain": [1]}', '{"data.note": 1e17}']
    for position, value in enumerate(values, 42):
        id = trail.event(position).pk
        trail.sql("UPDATE core_auditdetail SET fields = %s WHERE event_id = %s", value, id)


def move_to_another_workspace(trail: Trail) -> None:
    id, other = trail.event(42).pk, uuid4()
    trail.sql("UPDATE core_auditevent SET workspace_id = %s WHERE id = %s", other, id)
    trail.sql("UPDATE core_auditdetail SET workspace_id = %s WHERE event_id = %s", other, id)


def delete_values(trail: Trail, *positions: int) -> None:
    """Of one event, or of those at ``positions``; the event, its commitments and its leaf stay."""
    ids = [trail.event(position).pk for position in positions or (42,)]
    trail.sql("DELETE FROM core_auditdetail WHERE event_id = ANY(%s)", ids)


def delete_values_beside_a_purge(trail: Trail) -> None:
    """Of five events, where retention took three and says so."""
    purge(trail)
    delete_values(trail, 43, 44)


def delete_values_with_their_tombstone(trail: Trail) -> None:
    purge(trail)
    delete_values(trail, 318)


def purge(trail: Trail) -> None:
    """What retention does, by no rule and at once."""
    delete_values(trail, 40, 42, 50)
    trail.write("retention.purged", count=3, first_position=40, last_position=50, events="box.")
    trail.seal()


def edit_event_and_values(trail: Trail) -> None:
    """So that every commitment fits again."""
    event = trail.event(42)
    detail = AuditDetail.objects.get(event_id=event.pk)
    fields = detail.fields | {"data.note": "something else"}
    commitments = {name: commitment(bytes(detail.salt), name, value) for name, value in fields.items()}
    trail.sql("UPDATE core_auditdetail SET fields = %s WHERE event_id = %s", _json(fields), event.pk)
    trail.sql("UPDATE core_auditevent SET commitments = %s WHERE id = %s", _json(commitments), event.pk)


def rewrite_time(trail: Trail) -> None:
    id = trail.event(42).pk
    trail.sql("UPDATE core_auditevent SET occurred_at = occurred_at - interval '1 hour' WHERE id = %s", id)


def delete_event(trail: Trail) -> None:
    id = trail.event(42).pk
    trail.sql("DELETE FROM core_auditevent WHERE id = %s", id)
    trail.sql("DELETE FROM core_auditdetail WHERE event_id = %s", id)


def delete_event_and_leaf(trail: Trail) -> None:
    delete_event(trail)
    trail.sql("DELETE FROM core_auditleaf WHERE position = 42")


def insert_in_the_middle(trail: Trail) -> None:
    """A copy of an event with another number, as if its transaction had come before the next one."""
    _copy_of(trail, 42, xid="(xid::text::bigint + 1)::text::xid8", id="id + 1000000")


def insert_a_second_of_a_number(trail: Trail) -> None:
    _copy_of(trail, 42, occurred_at="occurred_at + interval '1 second'")


def insert_with_an_old_time(trail: Trail) -> None:
    """In order, so that it is sealed as any other, but telling of a day before its neighbours."""
    event = trail.write("box.planted")
    trail.sql("UPDATE core_auditevent SET occurred_at = occurred_at - interval '6 hours' WHERE id = %s", event.pk)
    trail.seal()


def insert_ahead_of_time(trail: Trail) -> None:
    """With the number of a transaction that is years away: it is shown, and no seal would ever reach it."""
    _copy_of(trail, 42, id="id + 1000000", xid="'9000000000000000000'::xid8")


def insert_ahead_of_the_epoch(trail: Trail) -> None:
    insert_ahead_of_time(trail)
    trail.sql("UPDATE core_auditevent SET epoch = 99, xid = '1' WHERE id > 1000000")


def swap_two_events(trail: Trail) -> None:
    """Their content changes places; numbers and order stay."""
    one, other = trail.event(42), trail.event(77)
    for to, source in ((one, other), (other, one)):
        trail.sql(
            "UPDATE core_auditevent SET action = %s, commitments = %s WHERE id = %s",
            source.action,
            _json(source.commitments),
            to.pk,
        )


def swap_two_leaves(trail: Trail) -> None:
    for before, after in ((42, 1000), (77, 42), (1000, 77)):
        trail.sql("UPDATE core_auditleaf SET position = %s WHERE position = %s", after, before)


def cut_the_end(trail: Trail) -> None:
    """The last three events with their leaves and checkpoints, as if they had never been."""
    for position in (315, 316, 317):
        delete_event_of(trail, position)
    trail.drop_tree(315)


def cut_everything(trail: Trail) -> None:
    for table in ("auditevent", "auditdetail", "auditleaf", "auditnode", "auditcheckpoint"):
        trail.sql(f"DELETE FROM core_{table}")


def restore_a_backup(trail: Trail) -> None:
    """The database as it was three events ago; then work goes on."""
    cut_the_end(trail)
    trail.write("box.after_the_restore")


def restore_and_go_on(trail: Trail) -> None:
    """A backup, and somebody who has the keys seals what happened since: two histories, both signed."""
    cut_the_end(trail)
    for number in range(3):
        trail.write(f"box.other_{number}")
    trail.build_again(trail.keys)


def raise_the_epoch_alone(trail: Trail) -> None:
    """To pass the cut for a restore, which the database alone cannot declare."""
    cut_the_end(trail)
    trail.sql("ALTER TABLE core_auditevent ALTER COLUMN epoch SET DEFAULT 2")


def edit_leaf(trail: Trail) -> None:
    trail.sql("UPDATE core_auditleaf SET hash = sha256('something else') WHERE position = 42")


def edit_node(trail: Trail) -> None:
    trail.sql("UPDATE core_auditnode SET hash = sha256('something else') WHERE level = 8 AND place = 0")


def edit_event_and_leaf(trail: Trail) -> None:
    edit_event(trail)
    trail.sql("UPDATE core_auditleaf SET hash = %s WHERE position = 42", Entry.of(trail.event(42)).hash())


def edit_event_leaf_and_node(trail: Trail) -> None:
    """And the inner hash above them, so that what is stored fits together."""
    edit_event_and_leaf(trail)
    rows = AuditLeaf.objects.filter(workspace=trail.workspace, position__lt=256).order_by("position")
    hashes = [bytes(one) for one in rows.values_list("hash", flat=True)]
    while len(hashes) > 1:
        hashes = [node_hash(hashes[place], hashes[place + 1]) for place in range(0, len(hashes), 2)]
    trail.sql("UPDATE core_auditnode SET hash = %s WHERE level = 8 AND place = 0", hashes[0])


def rewrite_without_the_key(trail: Trail) -> None:
    """History and tree anew, and the new roots written into the old notes."""
    edit_event_leaf_and_node(trail)
    for number, size, note in trail.sql("SELECT number, size, note FROM core_auditcheckpoint WHERE size > 42"):
        root = _root(trail, size)
        text = note.replace(note.split("\n")[2], root[1])
        trail.sql("UPDATE core_auditcheckpoint SET root = %s, note = %s WHERE number = %s", root[0], text, number)


def rewrite_with_another_key(trail: Trail) -> None:
    """History, tree, checkpoints and the published key: everything that the database holds fits together again."""
    edit_event_and_values(trail)
    trail.drop_tree()
    trail.build_again(trail.strange_keys())


def rewrite_with_the_stolen_key(trail: Trail) -> None:
    edit_event_and_values(trail)
    trail.drop_tree()
    trail.build_again(trail.keys)


def swap_the_key(trail: Trail) -> None:
    keys = trail.strange_keys()
    trail.sql("UPDATE core_auditkey SET key_id = %s, public = %s", keys.current, keys.public(keys.current))
    (note,) = (note for (note,) in trail.sql("SELECT note FROM core_auditkey"))
    trail.sql("UPDATE core_auditkey SET note = %s", note.replace("galaxy.audit/keys\n1", "galaxy.audit/keys\n01", 1))


def remove_a_checkpoint(trail: Trail) -> None:
    trail.sql("DELETE FROM core_auditcheckpoint WHERE number = 4")


def remove_the_last_checkpoint(trail: Trail) -> None:
    trail.sql("DELETE FROM core_auditcheckpoint WHERE number = 10")


def rewrite_a_signing_time(trail: Trail) -> None:
    trail.sql("UPDATE core_auditcheckpoint SET signed_at = signed_at - interval '1 hour' WHERE number = 4")


def rewrite_a_signing_time_in_the_note(trail: Trail) -> None:
    ((note,),) = trail.sql("SELECT note FROM core_auditcheckpoint WHERE number = 4")
    head = head_of(note)
    earlier = note.replace(moment(head.signed_at), moment(head.signed_at - timedelta(hours=1)))
    trail.sql(
        "UPDATE core_auditcheckpoint SET note = %s, signed_at = signed_at - interval '1 hour' WHERE number = 4", earlier
    )


def delete_event_of(trail: Trail, position: int) -> None:
    id = trail.event(position).pk
    trail.sql("DELETE FROM core_auditevent WHERE id = %s", id)
    trail.sql("DELETE FROM core_auditdetail WHERE event_id = %s", id)


def _copy_of(
    trail: Trail, position: int, *, xid: str = "xid", id: str = "id", occurred_at: str = "occurred_at"
) -> None:
    columns = "workspace_id, action, actor_kind, actor_id, target_kind, target_id, request_id, simulated, commitments"
    trail.sql(
        f"INSERT INTO core_auditevent ({columns}, epoch, xid, id, occurred_at)"
        f" SELECT {columns}, epoch, {xid}, {id}, {occurred_at} FROM core_auditevent WHERE id = %s",
        trail.event(position).pk,
    )


def _root(trail: Trail, size: int) -> tuple[bytes, str]:
    root = StoredTree(trail.workspace.pk).root(size)
    return root, base64.b64encode(root).decode()


def _json(value: dict) -> str:
    return json.dumps(value)


CASES: dict[str, Callable[[Trail], None]] = {
    "nothing": lambda trail: None,
    "an event is edited": edit_event,
    "a value is edited": edit_value,
    "values are deleted": delete_values,
    "more values are deleted where retention took some": delete_values_beside_a_purge,
    "the values of a tombstone are deleted": delete_values_with_their_tombstone,
    "an event is edited with its values and commitments": edit_event_and_values,
    "the commitments of an event are made unreadable": make_commitments_unreadable,
    "the values of five events are made unreadable": make_values_unreadable,
    "an event is moved to another workspace": move_to_another_workspace,
    "the time of an event is changed": rewrite_time,
    "an event is deleted": delete_event,
    "an event is deleted with its leaf": delete_event_and_leaf,
    "an event is put in between two others": insert_in_the_middle,
    "a second event of the same number is put in": insert_a_second_of_a_number,
    "an event is put in at the end, dated back": insert_with_an_old_time,
    "an event is put in ahead of all transactions": insert_ahead_of_time,
    "an event is put in ahead of the epoch": insert_ahead_of_the_epoch,
    "two events change places": swap_two_events,
    "two leaves change places": swap_two_leaves,
    "the last three events are cut off with their tree": cut_the_end,
    "everything is deleted": cut_everything,
    "an older backup is restored and work goes on": restore_a_backup,
    "a cut is passed off as a restore, in the database": raise_the_epoch_alone,
    "a leaf is edited": edit_leaf,
    "an inner hash is edited": edit_node,
    "an event and its leaf are edited": edit_event_and_leaf,
    "an event, its leaf and the inner hash are edited": edit_event_leaf_and_node,
    "history is rewritten and hashed anew, without the key": rewrite_without_the_key,
    "history is rewritten and signed with another key": rewrite_with_another_key,
    "history is rewritten and signed with the stolen key": rewrite_with_the_stolen_key,
    "the end is forked and signed with the stolen key": restore_and_go_on,
    "the published key is swapped": swap_the_key,
    "a checkpoint is removed": remove_a_checkpoint,
    "the last checkpoint is removed": remove_the_last_checkpoint,
    "the time of a checkpoint is changed": rewrite_a_signing_time,
    "the time of a checkpoint is changed in its note too": rewrite_a_signing_time_in_the_note,
}


def read() -> list[Line]:
    return [Line(*line.split(" | ")) for line in EXPECTED.read_text(encoding="utf-8").splitlines()]


def write(lines: list[Line]) -> None:
    EXPECTED.write_text("".join(" | ".join(line) + "\n" for line in lines), encoding="utf-8")


def show() -> str:
    """As a Markdown table."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *read()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(show() + "\n")
