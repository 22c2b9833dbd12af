"""The sequencer as processes of its own: one works, one stands by, and kill -9 loses and doubles nothing."""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest
from django.core.cache import cache
from django.db import connection, connections, transaction

from galaxy.core import audit
from galaxy.core.audit.checkpoints import head_of
from galaxy.core.audit.proofs import Frontier, leaf_hash
from galaxy.core.audit.tree import checkpoint_of, leaf_data
from galaxy.core.models import AuditCheckpoint, AuditEvent, AuditLeaf
from galaxy.core.ops import sealing
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.signing import make_signing_keys
from tests import asking
from tests.processes import ROOT, environment

DEADLINE_S = 600  # transactions of other tests on the same server are waited for
ASKED_EVERY_S = 2  # for the end of theirs that last for a file
both = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def sequencers(tmp_path):
    """``start()`` starts one; all share a key file and a directory of copies."""
    make_signing_keys(tmp_path / "keys.json")
    env = environment(GALAXY_SIGNING_KEYS=str(tmp_path / "keys.json"), GALAXY_CHECKPOINTS_DIR=str(tmp_path / "copies"))
    found = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "manage.py", "sequencer"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        )
        found.append(process)
        return process

    yield start
    for process in found:
        if process.poll() is None:
            process.kill()
        process.wait(DEADLINE_S)
        process.stdout.close()


def until(condition) -> None:
    deadline, ask_at = time.monotonic() + DEADLINE_S, 0.0
    while not condition():
        now = time.monotonic()
        assert now < deadline, "not in time"
        if now >= ask_at:
            asking.for_quiet()
            ask_at = now + ASKED_EVERY_S
        time.sleep(0.05)


def all_sealed(workspace) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM core_auditevent WHERE workspace_id = %(w)s),"
            " (SELECT count(*) FROM core_auditleaf WHERE workspace_id = %(w)s)",
            {"w": workspace.pk},
        )
        events, leaves = cursor.fetchone()
    return events == leaves


def write_until(over: threading.Event, workspace, written: list[int]) -> None:
    with workspace_scope([workspace.pk]):
        while not over.wait(0.002):
            with transaction.atomic():
                written.append(audit.record("box.opened", actor=None, target=workspace).pk)
    connections.close_all()


@both
def test_another_takes_over_from_one_that_is_killed(cast, sequencers, tmp_path):
    workspace = cast["meridian"]
    victim = sequencers()
    assert victim.stdout.readline() == "The sequencer is at work.\n"
    heir = sequencers()
    assert heir.stdout.readline() == "Another sequencer is at work; this one stands by.\n"
    written: list[int] = []
    over = threading.Event()
    writer = threading.Thread(target=write_until, args=[over, workspace, written])
    with workspace_scope([workspace.pk]):
        writer.start()
        until(lambda: AuditCheckpoint.objects.count() >= 2)
        victim.send_signal(signal.SIGKILL)
        before = len(written)
        until(lambda: len(written) > before + 100)
        over.set()
        writer.join()
        assert heir.stdout.readline() == "The sequencer is at work.\n"
        until(lambda: all_sealed(workspace))

        assert set(written) <= set(AuditLeaf.objects.values_list("event_id", flat=True))
        tree, roots = Frontier(), {}
        for event in AuditEvent.objects.in_order().order_by("epoch", "xid", "id"):
            tree.grow(leaf_hash(leaf_data(event)))
            roots[tree.size] = tree.root()
        notes = list(AuditCheckpoint.objects.order_by("number").values_list("note", flat=True))
        assert all(roots[head.size] == head.root for head in map(head_of, notes))
        assert checkpoint_of(workspace).size == tree.size
        copy = tmp_path / "copies" / f"{workspace.pk}.log"
        until(lambda: len(copy.read_text().splitlines()) == len(notes))
        assert [json.loads(line)["note"] for line in copy.read_text().splitlines()] == notes

    until(lambda: sealing.sequencer().state == "good")
    heir.terminate()
    assert heir.wait(DEADLINE_S) == 0


@both
def test_a_sequencer_without_its_key_says_so_and_stays(cast, sequencers, tmp_path):
    (tmp_path / "keys.json").unlink()
    cache.delete(sealing.KEY)
    process = sequencers()
    until(lambda: cache.get(sealing.KEY))
    found = sealing.sequencer()
    assert (found.state, found.sentence) == ("warn", "Nothing is signed: the file of signing keys is not there.")
    assert process.poll() is None
    process.terminate()
    assert process.wait(DEADLINE_S) == 0


@both
def test_an_event_that_commits_late_is_not_overtaken(cast, sequencer_of_all):
    """Its transaction began first, so whatever else is written meanwhile waits for it, and comes behind it."""
    workspace, begun, go_on = cast["meridian"], threading.Event(), threading.Event()
    late: list[int] = []

    def write_late():
        with workspace_scope([workspace.pk]), transaction.atomic():
            late.append(audit.record("box.late", actor=None, target=workspace).pk)
            begun.set()
            go_on.wait(DEADLINE_S)
        connections.close_all()

    writer = threading.Thread(target=write_late)
    with workspace_scope([workspace.pk]):
        until(lambda: sequencer_of_all.turn() and all_sealed(workspace))
        writer.start()
        begun.wait(DEADLINE_S)
        with transaction.atomic():
            early = audit.record("box.early", actor=None, target=workspace).pk
        assert sequencer_of_all.turn().sealed == 0
        go_on.set()
        writer.join()
        until(lambda: sequencer_of_all.turn() and all_sealed(workspace))
        order = AuditLeaf.objects.filter(event_id__in=[early, *late]).order_by("position")
        assert list(order.values_list("event_id", flat=True)) == [*late, early]
