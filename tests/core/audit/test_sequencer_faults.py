"""The sequencer killed at every step: before and after each statement, within a line of the copy, at its sync.

A kill is an exception that nothing of Galaxy catches; what was not committed is rolled back, as the server does when a
client is gone, and a new sequencer starts with nothing but the tables and the files. Afterwards every event is in the
tree once, every checkpoint is over what the definition says, and the copy has each of them, in order.

GALAXY_FAULT_RUNS=1000 tries that many random batches, each killed at a random step; the suite tries every step of one.
"""

import os
import random
import shutil
import sys

import pytest
from django.db import connection, transaction

from galaxy.core.audit import anchors as anchoring
from galaxy.core.audit import sequencer as sequencing
from galaxy.core.audit.anchors import Anchors, Line
from galaxy.core.audit.checkpoints import head_of
from galaxy.core.audit.proofs import EMPTY_ROOT, leaf_hash, node_hash
from galaxy.core.audit.sequencer import Sequencer
from galaxy.core.audit.tree import leaf_data
from galaxy.core.audit.verifying import verify
from galaxy.core.models import AuditCheckpoint, AuditEvent, AuditLeaf

RUNS = int(os.environ.get("GALAXY_FAULT_RUNS", "15"))
_APPEND = """
INSERT INTO core_auditevent (workspace_id, occurred_at, action, actor_kind, actor_id, target_kind, target_id,
    request_id, simulated, commitments, xid)
SELECT %s, now(), 'box.opened', 'system', 'galaxy', 'box', n::text, '', false, '{"action": "00"}', (xid)::text::xid8
FROM unnest(%s::bigint[]) WITH ORDINALITY AS new (xid, n)
"""


class Killed(BaseException):
    """The process is gone."""


class Faults:
    """Counts the steps of a sequencer, and kills it at number ``at`` (never, where None)."""

    def __init__(self, monkeypatch):
        self.steps, self.at, self.rng = 0, None, random.Random(1)
        write, sync = os.write, os.fsync
        monkeypatch.setattr(anchoring.os, "write", lambda descriptor, data: self.torn(write, descriptor, data))
        monkeypatch.setattr(anchoring.os, "fsync", lambda descriptor: self.around(sync, descriptor))

    def statement(self, execute, sql, params, many, context):
        released = sql.startswith("RELEASE SAVEPOINT")
        if self.is_due():
            if released:  # a client that is gone before it commits has committed nothing
                execute(sql.replace("RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT"), params, many, context)
            raise Killed
        found = execute(sql, params, many, context)
        if self.is_due():
            raise Killed
        return found

    def torn(self, write, descriptor, data):
        if self.is_due():
            write(descriptor, data[: self.rng.randrange(len(data) + 1)])
            raise Killed
        return write(descriptor, data)

    def around(self, act, *args):
        if self.is_due():
            raise Killed
        act(*args)
        if self.is_due():
            raise Killed

    def is_due(self) -> bool:
        self.steps += 1
        return self.at == self.steps


@pytest.fixture
def ground(workspace, sequencer, tmp_path):
    """A trail of some 250 events under one checkpoint, so that the next ones fill a block of 256."""
    append(workspace, [10 * number for number in range(1, 251)])
    sequencer.seal(workspace.pk)
    sequencer.copy(workspace.pk)
    shutil.copytree(tmp_path / "checkpoints", tmp_path / "kept")
    return sequencer


@pytest.fixture
def again(workspace, ground, tmp_path):
    """``again()``: the ground as it was, whatever a run did to it."""
    point = transaction.savepoint()

    def rolled_back():
        transaction.savepoint_rollback(point)
        shutil.rmtree(tmp_path / "checkpoints")
        shutil.copytree(tmp_path / "kept", tmp_path / "checkpoints")

    return rolled_back


def append(workspace, xids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, [workspace.pk, [10**15 + xid for xid in xids]])


def restarted(sequencer: Sequencer) -> Sequencer:
    """A new process: it knows what the tables and the files say."""
    found = Sequencer(sequencer._keys, Anchors(sequencer._anchors.directory))
    found.start()
    return found


def work(sequencer: Sequencer, workspace) -> None:
    while sequencer.seal(workspace.pk):
        sequencer.copy(workspace.pk)
    sequencer.copy(workspace.pk)


def killed_at(step: int | None, faults: Faults, sequencer: Sequencer, workspace) -> bool:
    """Run until killed at ``step``; returns whether it came to that."""
    faults.steps, faults.at = 0, step
    try:
        with connection.execute_wrapper(faults.statement):
            work(restarted(sequencer), workspace)
    except Killed:
        return True
    finally:
        faults.at = None
    return False


def naive_root(hashes: list[bytes]) -> bytes:
    """By the definition, from the leaves alone."""
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY_ROOT
    middle = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(naive_root(hashes[:middle]), naive_root(hashes[middle:]))


def assert_whole(sequencer: Sequencer, workspace) -> None:
    events = list(AuditEvent.objects.filter(workspace=workspace).in_order().order_by("epoch", "xid", "id"))
    leaves = AuditLeaf.objects.filter(workspace=workspace).order_by("position")
    assert list(leaves.values_list("position", "event_id")) == list(enumerate(event.pk for event in events))
    hashes = [leaf_hash(leaf_data(event)) for event in events]
    notes = list(AuditCheckpoint.objects.filter(workspace=workspace).order_by("number").values_list("note", flat=True))
    for head in map(head_of, notes):
        assert head.root == naive_root(hashes[: head.size])
    assert head_of(notes[-1]).size == len(events)
    copied = [line.note for line in sequencer._anchors.read(workspace.pk) if isinstance(line, Line)]
    assert list(dict.fromkeys(copied)) == notes


def assert_verifies(sequencer: Sequencer, workspace) -> None:
    """Nothing is wrong but that ``append`` gives its events no values."""
    report = verify(workspace, sequencer._anchors.directory)
    assert {one.kind for one in report.findings} == {"purged"} and not report.waiting


@pytest.mark.asvs("2.3.3")
def test_killed_at_every_step_nothing_is_lost_or_doubled(ground, again, workspace, monkeypatch):
    monkeypatch.setattr(
        sequencing, "BATCH", 9
    )  # 20 events: three checkpoints, and the block of 256 filled by the first
    faults = Faults(monkeypatch)
    step, killed = 0, True
    while killed:
        step += 1
        append(workspace, [3000 + 10 * number for number in range(20)])
        killed = killed_at(step, faults, ground, workspace)
        work(restarted(ground), workspace)
        assert_whole(ground, workspace)
        again()
    assert step > 60
    assert_verifies(ground, workspace)


def test_random_batches_killed_at_random_steps(ground, again, workspace, monkeypatch):
    """Each batch is killed up to three times on its way, and some of it comes only after the first kill."""
    faults, rng = Faults(monkeypatch), random.Random(20261126)
    kills = 0
    for _ in range(RUNS):
        monkeypatch.setattr(sequencing, "BATCH", rng.randint(1, 40))
        xids = sorted(rng.sample(range(3000, 9000), rng.randint(1, 60)))
        cut = rng.randint(0, len(xids))
        append(workspace, xids[:cut])
        for number in range(rng.randint(1, 3)):
            kills += killed_at(rng.randint(1, 90), faults, ground, workspace)
            if number == 0:
                append(workspace, xids[cut:])
        work(restarted(ground), workspace)
        assert_whole(ground, workspace)
        again()
    assert kills > RUNS / 2
    assert_verifies(ground, workspace)
    sys.stdout.write(f"{RUNS} batches, {kills} kills: every tree whole, every event sealed once\n")
