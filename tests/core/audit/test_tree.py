"""The tree as it grows in the database: its leaves, its proofs, its checkpoints and what the sequencer refuses."""

import base64
import errno
import hashlib
import hmac
import json
import os
import re
from datetime import timedelta
from itertools import islice, pairwise

import pytest
import rfc8785
from django.db import DatabaseError, connection, connections, transaction

from galaxy.core.audit import commitment, tree
from galaxy.core.audit import sequencer as sequencing
from galaxy.core.audit.checkpoints import NO_NOTE, head_of, note_hash, origin_of
from galaxy.core.audit.keys import broken_links, introduce
from galaxy.core.audit.leaves import Entry
from galaxy.core.audit.notes import parse, verifier_key
from galaxy.core.audit.proofs import is_consistent, is_included
from galaxy.core.audit.sequencer import Refused, Sequencer
from galaxy.core.db.grants import ROLLUP_ROLE
from galaxy.core.models import AuditCheckpoint, AuditDetail, AuditEvent, AuditLeaf, AuditNode
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.signing import SigningKeys, add_signing_key, make_signing_keys
from tests.sealing import seal

_APPEND = """
INSERT INTO core_auditevent (workspace_id, occurred_at, action, actor_kind, actor_id, target_kind, target_id,
    request_id, simulated, commitments)
VALUES (%s, now(), 'box.opened', 'system', 'galaxy', 'box', '1', '', false, %s) RETURNING id
"""


def events_of(workspace) -> list[AuditEvent]:
    return list(AuditEvent.objects.in_workspace(workspace).in_order().order_by("epoch", "xid", "id"))


def sealed_one_by_one(sequencer, workspace, write, count) -> list[tree.Checkpoint]:
    """A checkpoint after each of ``count`` events, whatever there was before under the first."""
    seal(sequencer, workspace)
    found = [tree.checkpoint_of(workspace)]
    for number in range(count):
        write(f"box.n{number}")
        assert seal(sequencer, workspace) == 1
        found.append(tree.checkpoint_of(workspace))
    return found


# --- Leaves ------------------------------------------------------------------------------------------------------


def test_the_data_of_a_leaf_is_rfc_8785_over_the_columns(workspace, write):
    event = write("box.opened", simulated=True, after={"\U0001f980 crab": "é\n", "\ufb33 letter": "x" * 3})
    event = AuditEvent.objects.in_order().get(pk=event.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT epoch, xid::text FROM core_auditevent WHERE id = %s", [event.pk])
        epoch, xid = cursor.fetchone()
    wanted = {
        "v": 1,
        "workspace": str(workspace.pk),
        "epoch": epoch,
        "xid": xid,
        "id": str(event.pk),
        "occurred_at": event.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "action": "box.opened",
        "actor_kind": "person",
        "actor_id": event.actor_id,
        "target_kind": "workspace",
        "target_id": str(workspace.pk),
        "request_id": "",
        "simulated": True,
        "commitments": event.commitments,
    }
    assert tree.leaf_data(event) == rfc8785.dumps(wanted)
    assert "after.\U0001f980 crab" in event.commitments


@pytest.mark.parametrize(
    "value", ["", 'quo"te\\', "\x00\x1f\x7f\n", "é \u2028 \U0001f980 \ufb33 /", None, True, 7, 1.5, ["a"]]
)
def test_a_commitment_is_over_rfc_8785_whatever_the_value(value):
    salt, name = b"s" * 32, "after.\U0001f980"
    field_salt = hmac.new(salt, name.encode(), hashlib.sha256).digest()
    assert commitment(salt, name, value) == hashlib.sha256(field_salt + rfc8785.dumps([name, value])).hexdigest()


def test_an_event_read_by_the_sequencer_has_the_same_leaf(sequencer, workspace, write):
    write("box.opened", before={"note": 'quo"te\\ \u2028'})
    seal(sequencer, workspace)
    leaves = dict(AuditLeaf.objects.values_list("event_id", "hash"))
    assert {pk: bytes(found) for pk, found in leaves.items()} == {
        event.pk: hashlib.sha256(b"\x00" + tree.leaf_data(event)).digest() for event in events_of(workspace)
    }


def test_a_leaf_needs_no_values(sequencer, workspace, write):
    event = write()
    seal(sequencer, workspace)
    with connection.cursor() as cursor:
        cursor.execute("SELECT json_object_keys(%s::json)", [tree.leaf_data(events_of(workspace)[-1]).decode()])
        names = {name for (name,) in cursor.fetchall()}
    assert names.isdisjoint({"salt", "fields", "target_label", "actor_label"})
    assert AuditDetail.objects.filter(event_id=event.pk).exists()


# --- Checkpoints -------------------------------------------------------------------------------------------------


def test_positions_follow_the_order_and_a_checkpoint_names_size_and_root(sequencer, workspace, write):
    assert tree.checkpoint_of(workspace) is None
    event = write()
    assert tree.position_of(event) is None
    count = seal(sequencer, workspace)
    events, checkpoint = events_of(workspace), tree.checkpoint_of(workspace)
    assert count == checkpoint.size == len(events)
    assert [tree.position_of(one) for one in events] == list(range(count))
    assert tree.positions_of(events) == {one.pk: place for place, one in enumerate(events)}
    origin, size, root, *rest = parse(checkpoint.note).text.splitlines()
    assert (origin, int(size), base64.b64decode(root)) == (origin_of(workspace.pk), count, checkpoint.root)
    assert rest[:2] == ["number 1", "epoch 1"] and rest[3] == f"previous {base64.b64encode(NO_NOTE).decode()}"
    assert seal(sequencer, workspace) == 0 and tree.checkpoint_of(workspace) == checkpoint


@pytest.mark.asvs("4.1.5")
def test_a_checkpoint_is_signed_under_its_origin_by_the_published_key(sequencer, workspace):
    seal(sequencer, workspace)
    checkpoint, (key,) = tree.checkpoint_of(workspace), tree.public_keys()
    note = parse(checkpoint.note)
    assert checkpoint.key_id == key.key_id == hashlib.sha256(key.public).hexdigest()[:12]
    assert note.is_signed_by(origin_of(workspace.pk), key.public)
    assert not note.is_signed_by("galaxy.audit/another", key.public)
    changed = parse(checkpoint.note.replace("number 1", "number 2"))
    assert not changed.is_signed_by(origin_of(workspace.pk), key.public)
    name, hint, encoded = verifier_key(origin_of(workspace.pk), key.public).split("+", 2)
    assert base64.b64decode(encoded) == b"\x01" + key.public
    assert hint == hashlib.sha256(name.encode() + b"\n\x01" + key.public).hexdigest()[:8]


def test_each_checkpoint_continues_the_one_before(sequencer, workspace, write):
    found = sealed_one_by_one(sequencer, workspace, write, 20)
    for old, new in pairwise(found):
        proof = tree.consistency_proof(workspace, old.size, new.size)
        assert is_consistent(old.size, old.root, new.size, new.root, proof)
        assert head_of(new.note).previous == note_hash(old.note)
    first, last = found[0], found[-1]
    assert is_consistent(
        first.size, first.root, last.size, last.root, tree.consistency_proof(workspace, first.size, last.size)
    )


def test_a_clock_that_goes_back_leaves_the_times_in_order(sequencer, workspace, write):
    seal(sequencer, workspace)
    first = tree.checkpoint_of(workspace)
    sequencer._clock = lambda: first.signed_at - timedelta(hours=1)
    write()
    seal(sequencer, workspace)
    assert tree.checkpoint_of(workspace).signed_at == first.signed_at


@pytest.mark.asvs("16.4.3")
def test_the_copy_outside_holds_every_checkpoint_and_the_key(sequencer, workspace, write, tmp_path):
    found = sealed_one_by_one(sequencer, workspace, write, 3)
    lines = (tmp_path / "checkpoints" / f"{workspace.pk}.log").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"number": one.number, "note": one.note} for one in found]
    (key,) = map(json.loads, (tmp_path / "checkpoints" / "keys.log").read_text(encoding="utf-8").splitlines())
    assert [one.public for one in broken_links([key["note"]])[0]] == [tree.public_keys()[0].public]


# --- Proofs from what is stored ----------------------------------------------------------------------------------


def test_proofs_hold_across_blocks_of_256(sequencer, workspace, monkeypatch, write):
    write()
    base = Entry.of(events_of(workspace)[-1])
    made = (base._replace(id=10**9 + number, xid="1") for number in range(70_000))
    monkeypatch.setattr(sequencing, "_news", lambda workspace_id, place: list(islice(made, 5000)))
    while sequencer.seal(workspace.pk):
        pass
    checkpoint = tree.checkpoint_of(workspace)
    assert checkpoint.size == 70_000
    assert dict_of_levels() == {8: 70_000 // 256, 16: 1}
    leaves = [bytes(found) for found in AuditLeaf.objects.order_by("position").values_list("hash", flat=True)]
    positions = [0, 1, 255, 256, 257, 511, 65_535, 65_536, 69_887, 69_888, 69_999, 300, 5]
    for position, path in zip(positions, tree.inclusion_proofs(workspace, positions, 70_000), strict=True):
        assert is_included(leaves[position], position, 70_000, path, checkpoint.root)
    older = tree.StoredTree(workspace.pk).root(300)
    assert is_consistent(300, older, 70_000, checkpoint.root, tree.consistency_proof(workspace, 300, 70_000))
    (path,) = tree.inclusion_proofs(workspace, [299], 300)
    assert is_included(leaves[299], 299, 300, path, older)
    with pytest.raises(ValueError, match="has no subtree"):
        list(tree.inclusion_proofs(workspace, [70_000], 70_000))
    again = Sequencer(sequencer._keys, sequencer._anchors)
    again.start()
    assert again.seal(workspace.pk) == 0


def dict_of_levels() -> dict[int, int]:
    levels = list(AuditNode.objects.values_list("level", flat=True))
    return {level: levels.count(level) for level in set(levels)}


# --- What the tree is protected by, and what is refused -----------------------------------------------------------


@pytest.mark.parametrize("table", ["core_auditleaf", "core_auditnode", "core_auditcheckpoint", "core_auditkey"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_nothing_of_the_tree_can_be_changed_or_removed(sequencer, workspace, table, statement):
    seal(sequencer, workspace)
    column = {"core_auditkey": "public = ''", "core_auditcheckpoint": "root = ''"}.get(table, "hash = ''")
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement.format(table, column))


@pytest.mark.django_db(databases=["default", "owner"])
def test_the_trails_to_seal_are_found_from_their_last_leaf_on():
    """By the index over their order, under the role that the function runs as, and not from the first event on."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'core_trails_to_seal'")
        body = cursor.fetchone()[0].replace(">= since", ">= now()").replace("< below", "< '9'::xid8")
        cursor.execute(f"SET LOCAL ROLE {ROLLUP_ROLE}")
        cursor.execute("SET LOCAL enable_sort = off")  # empty tables are sorted as cheaply as they are looked up
        cursor.execute(f"EXPLAIN {body}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert re.search(r"Index Cond: .*ROW\(e?[._0-9]*epoch, e?[._0-9]*xid, e?[._0-9]*id\) > ROW\(", plan), plan


def test_a_foreign_workspace_is_sealed_by_itself(sequencer, cast, workspace):
    seal(sequencer, workspace)
    with workspace_scope([cast["tidewater"].pk]):
        assert not AuditLeaf.objects.exists()
        seal(sequencer, cast["tidewater"])
        assert {leaf.workspace_id for leaf in AuditLeaf.objects.all()} == {cast["tidewater"].pk}


def test_a_leaf_that_somebody_added_is_not_built_upon(sequencer, workspace, write):
    size = seal(sequencer, workspace)
    AuditLeaf.objects.create(workspace=workspace, position=size, event_id=10**9, epoch=1, xid=1, hash=b"x" * 32)
    write()
    with pytest.raises(Refused, match=f"{size} events are under the last checkpoint, and the tree has {size + 1}"):
        sequencer.seal(workspace.pk)


def test_a_checkpoint_that_we_did_not_sign_is_not_continued(sequencer, workspace, write):
    seal(sequencer, workspace)
    row = AuditCheckpoint.objects.get()
    AuditCheckpoint.objects.create(
        workspace=workspace, number=2, size=row.size + 1, root=row.root, key_id=row.key_id, signed_at=row.signed_at,
        note=row.note.replace("number 1", "number 2"),
    )  # fmt: skip
    with pytest.raises(Refused, match="signed by none of our keys"):
        sequencer.seal(workspace.pk)


@pytest.mark.parametrize(
    "commitments", ['{"action": 1e400}', '{"action": {"a": "00"}}', '{"action": null}', '["action"]']
)
def test_an_event_that_galaxy_did_not_write_stops_its_own_trail_alone(sequencer, cast, workspace, commitments):
    seal(sequencer, workspace)
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, [workspace.pk, commitments])
        id = cursor.fetchone()[0]
    done = sequencer.turn()
    assert list(done.refused) == [workspace.pk]
    assert done.refused[workspace.pk].startswith(f"The commitments of event {id} are no map of text to text.")
    with workspace_scope([cast["tidewater"].pk]):
        assert tree.checkpoint_of(cast["tidewater"]).size == AuditEvent.objects.count()


def test_a_copy_that_failed_is_made_up_for(sequencer, workspace, write, monkeypatch):
    seal(sequencer, workspace)
    with monkeypatch.context() as full:
        full.setattr(sequencer._anchors, "append", _full_disk)
        for _ in range(2):
            write()
            told = sequencer.turn().uncopied[workspace.pk]
            assert told == "The copy of its checkpoints cannot be written: No space left on device."
    assert sequencer.turn().uncopied == {}
    assert _copied(sequencer, workspace) == _notes(workspace)


def test_a_copy_that_lacks_nothing_else_asks_the_database_for_nothing(
    sequencer, workspace, write, django_assert_num_queries
):
    seal(sequencer, workspace)
    for _ in range(3):
        write()
        sequencer.seal(workspace.pk)
    with django_assert_num_queries(0):
        sequencer.copy(workspace.pk)
    assert _copied(sequencer, workspace) == _notes(workspace)


def test_a_checkpoint_of_another_sequencer_is_copied_before_the_next(sequencer, workspace, write):
    """One that stood by took over for a while, and was killed before it wrote its copy."""
    seal(sequencer, workspace)
    other = Sequencer(sequencer._keys, sequencer._anchors)
    other.start()
    for one in (other, sequencer):
        write()
        one.seal(workspace.pk)
    sequencer.copy(workspace.pk)
    assert _copied(sequencer, workspace) == _notes(workspace)


def _full_disk(*args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _copied(sequencer, workspace) -> list[str]:
    return [line.note for line in sequencer._anchors.read(workspace.pk)]


def _notes(workspace) -> list[str]:
    return list(AuditCheckpoint.objects.in_workspace(workspace).order_by("number").values_list("note", flat=True))


def test_a_database_that_lags_behind_the_copy_is_not_continued(sequencer, workspace, write, tmp_path):
    seal(sequencer, workspace)
    write()
    point = transaction.savepoint()
    seal(sequencer, workspace)
    newest = tree.checkpoint_of(workspace)
    transaction.savepoint_rollback(point)
    write("box.closed")
    with pytest.raises(Refused, match=f"ends with checkpoint 2 over {newest.size} events, which the database does not"):
        sequencer.seal(workspace.pk)


# --- Keys --------------------------------------------------------------------------------------------------------


@pytest.mark.asvs("11.2.2")
def test_a_new_key_is_introduced_by_the_one_before(sequencer, workspace, write, tmp_path):
    seal(sequencer, workspace)
    add_signing_key(tmp_path / "signing-keys.json")
    later = Sequencer(SigningKeys(tmp_path / "signing-keys.json"), sequencer._anchors)
    later.start()
    write()
    seal(later, workspace)
    chain, wrong = broken_links(key.note for key in tree.public_keys())
    assert ([key.number for key in chain], wrong) == ([1, 2], [])
    note = parse(tree.checkpoint_of(workspace).note)
    assert [note.is_signed_by(origin_of(workspace.pk), key.public) for key in chain] == [False, True]
    lines = (tmp_path / "checkpoints" / "keys.log").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["note"] for line in lines] == [key.note for key in chain]


def test_a_file_without_the_last_key_cannot_hand_over(sequencer, tmp_path):
    make_signing_keys(tmp_path / "other.json")
    with pytest.raises(Refused, match="cannot hand over"):
        Sequencer(SigningKeys(tmp_path / "other.json"), sequencer._anchors).start()


def test_a_key_slipped_into_the_chain_is_told(sequencer, tmp_path):
    (first,) = tree.public_keys()
    make_signing_keys(tmp_path / "other.json")
    stranger = SigningKeys(tmp_path / "other.json")
    alone = introduce(stranger, None, first.introduced_at)
    keys, wrong = broken_links([first.note, alone.note])
    assert keys == [first] and wrong == [(2, f"Signing key 2 ({alone.key_id}) says that it is number 1.")]
    text = alone.note.replace("\n1\n", "\n2\n", 1)
    assert "did not sign its own" in broken_links([first.note, text])[1][0][1]
