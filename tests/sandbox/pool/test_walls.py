"""The walls are proven, and where one is missing Python does not run, or says so loudly."""

import socket
from pathlib import Path

import pytest

from sandbox.pool import REDUCED, Pool, SandboxUnavailable, artefact, build, seccomp, walls
from sandbox.pool import pool as pool_module
from sandbox.pool.channel import MAX_FRAME_BYTES, Lost, ParentEnd, WorkerEnd
from sandbox.pool.process import kernel_view
from sandbox.pool.walls import WALLS, probe
from tests.escape.native_worker import STEPS
from tests.sandbox.pool.jobs import job


def test_every_wall_stands_on_this_host_and_says_what_it_stops():
    found = probe()
    assert [wall["name"] for wall in found] == list(WALLS)
    assert [wall for wall in found if not wall["in_force"]] == []
    assert all(wall["detail"] == WALLS[wall["name"]] for wall in found)


def test_a_run_states_which_walls_were_up(pool, peer):
    outcome = pool.run(job("return 1"), peer)
    assert {wall["name"]: wall["in_force"] for wall in outcome.walls} == dict.fromkeys(WALLS, True)


@pytest.mark.parametrize("wall", ["landlock", "seccomp", "resource_limits", "privileges"])
def test_with_a_wall_missing_no_worker_takes_a_job(wall):
    with pytest.raises(SandboxUnavailable, match="taken away"):
        Pool(1, program=("tests.escape.bare_worker", wall))


def test_what_the_host_cannot_put_up_is_named(monkeypatch):
    missing = [{"name": name, "in_force": name != "landlock", "detail": "Function not implemented"} for name in WALLS]
    monkeypatch.setattr(pool_module, "proven", lambda: missing)
    with pytest.raises(SandboxUnavailable, match="landlock: Function not implemented"):
        Pool(1)


def test_a_host_that_cannot_prove_its_walls_has_none(monkeypatch):
    monkeypatch.setattr(walls, "command", lambda module: ["/nonexistent"])
    assert {wall["in_force"] for wall in probe()} == {False}
    assert probe()[1]["detail"] == "it could not be tried: FileNotFoundError"


def test_reduced_isolation_runs_and_says_so(peer):
    with Pool(1, walls=REDUCED, program=("tests.escape.bare_worker", ",".join(STEPS))) as pool:
        outcome = pool.run(job("return 1"), peer)
    assert outcome.output == 1
    assert [wall["name"] for wall in outcome.walls if wall["in_force"]] == ["webassembly", "parent_death"]
    assert {wall["detail"] for wall in outcome.walls if not wall["in_force"]} == {"taken away"}


def test_the_parent_asks_the_kernel_and_not_the_worker():
    unsealed = kernel_view(1, uid=64321)
    assert {"seccomp", "resource_limits"} <= set(unsealed)


@pytest.fixture
def ends():
    """The parent's end of a channel, and the socket of somebody who says what they like."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ParentEnd(ours), theirs


def patience():
    return 1.0


@pytest.mark.asvs("1.5.2")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\xff\xff\xff\xff" + b"x" * 100, "protocol_violation"),
        ((MAX_FRAME_BYTES + 1).to_bytes(4, "big"), "protocol_violation"),
        (b"\x00\x00\x00\x02[]", "protocol_violation"),
        (b"\x00\x00\x00\x03NaN", "protocol_violation"),
        (b"\x00\x00\x00\x02\xff\xfe", "protocol_violation"),
        (b"\x00\x01\x00\x00" + b"[" * 65536, "protocol_violation"),
        (b"\x00\x00\x00\x09{}", "worker_lost"),
        (b"\x00", "worker_lost"),
        (b"", "worker_lost"),
    ],
    ids=["length", "above", "list", "constant", "not_utf8", "depth", "cut_off", "cut_size", "nothing"],
)
def test_a_forged_frame_is_no_message(ends, raw, code):
    parent, theirs = ends
    theirs.sendall(raw)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(Lost) as lost:
        parent.receive(patience)
    assert lost.value.code == code


def test_whoever_speaks_between_runs_is_lost(ends):
    parent, theirs = ends
    theirs.sendall(b"\x00\x00\x00\x02{}\x00\x00\x00\x02{}")
    assert parent.receive(patience) == {}
    with pytest.raises(Lost, match="out of turn"):
        parent.begin_run()


def test_frames_go_both_ways_whatever_the_text(ends):
    parent, theirs = ends
    worker = WorkerEnd(theirs.fileno())
    parent.send({"a": "é\ud800\0"}, patience)
    assert worker.receive() == {"a": "é\ud800\0"}
    worker.send({"op": "x", "text": "\ud800"})
    assert parent.receive(patience) == {"op": "x", "text": "\ud800"}


@pytest.fixture
def copied(tmp_path):
    """A build of one's own that may be spoilt."""
    place = tmp_path / "guest"
    place.mkdir(mode=0o700)
    (place / artefact.COMPILED).write_bytes(b"machine code")
    (place / artefact.FACTS).write_text(
        f'{{"digest": "d", "compiled_digest": "{artefact.file_digest(place / artefact.COMPILED)}"}}', encoding="ascii"
    )
    return place


def test_a_guest_is_used_as_it_was_built(copied):
    assert artefact.load(copied).digest == "d"
    assert build.ensure().path.stat().st_mode & 0o777 == 0o400


def test_a_guest_that_was_changed_is_refused(copied):
    (copied / artefact.COMPILED).write_bytes(b"other machine code")
    with pytest.raises(artefact.BuildError, match="was changed after it was built"):
        artefact.load(copied)


def test_a_guest_that_others_may_write_is_refused(copied):
    (copied / artefact.COMPILED).chmod(0o666)
    with pytest.raises(artefact.BuildError, match="can be written by others"):
        artefact.load(copied)


def test_whatever_a_guest_is_made_of_leads_to_another_build(monkeypatch):
    before = artefact.key()
    assert artefact.key() == before
    monkeypatch.setitem(artefact.ENGINE_OPTIONS, "max_wasm_stack", 1)
    other_options = artefact.key()
    monkeypatch.undo()
    monkeypatch.setattr(artefact, "GUEST", Path(artefact.GUEST, "wit"))
    assert len({before, other_options, artefact.key()}) == 3


def test_data_directories_of_one_checkout_share_a_build(monkeypatch, tmp_path):
    monkeypatch.setenv("GALAXY_DATA_DIR", str(artefact.ROOT / ".galaxy" / "test"))
    assert artefact.guest_directory() == artefact.ROOT / ".galaxy" / "guest"
    monkeypatch.setenv("GALAXY_DATA_DIR", str(tmp_path))
    assert artefact.guest_directory() == tmp_path / "guest"
    assert artefact.find().path.is_file()


def test_elsewhere_than_on_linux_python_does_not_run(monkeypatch):
    monkeypatch.setattr(pool_module.sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailable, match="those of Linux"):
        Pool(1)


def test_a_machine_whose_calls_are_not_known_has_no_filter(monkeypatch):
    monkeypatch.setattr(seccomp, "IS_KNOWN", False)
    with pytest.raises(OSError, match="Linux on x86_64 and aarch64"):
        seccomp.install(0)
