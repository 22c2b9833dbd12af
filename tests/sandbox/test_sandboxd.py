"""sandboxd: who may speak to it, what it refuses to read, how it goes down, and what a kill -9 leaves behind."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid

import pytest

from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import VaultClosed
from galaxy.core.vault.sealing import sealer
from galaxy.core.vault.services import create_secret, open_lease
from registry.services import install
from sandbox.models import Execution, Run
from sandbox.sandboxd.client import Lost, Refused, Unreachable, ask
from sandbox.sandboxd.protocol import MAX_FRAME_BYTES, TAKEN, send_frame
from sandbox.services import executing, invoke, perform, reconcile
from tests.sandbox.python_extensions import publish_python
from tests.sandboxd import Sandboxd, is_up

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
QUICK = "# perms: [files.read]\n\ndef run(inputs, ctx):\n    return {'n': inputs.get('n', 0) + 1}\n"
SLOW = "# perms: [files.read]\n\ndef run(inputs, ctx):\n    x = 0\n    while x < 10 ** 9: x += 1\n    return {}\n"


@pytest.fixture
def sandboxd(cast, settings):
    found = Sandboxd()
    settings.SANDBOXD_SOCKET = found.socket
    yield found
    found.close()


@pytest.fixture(scope="module")
def standing(django_db_setup):
    """One that all tests share that do it no harm."""
    found = Sandboxd()
    found.start("--size", "2")
    yield found
    found.close()


@pytest.fixture
def meridian(cast, standing, settings):
    settings.SANDBOXD_SOCKET = standing.socket
    with workspace_scope([cast["meridian"].pk]):
        yield cast["meridian"]


def python(workspace, admin, code, id="count.up"):
    version = publish_python(code, id=id)
    install(workspace, version.extension, version=version, actor=admin)
    return id


def running(workspace, admin, target) -> Run:
    """A run as a worker holds it."""
    run = invoke(workspace, actor=admin, target=target, inputs={})
    Run.objects.filter(pk=run.pk).update(
        state="running", attempt=1, lease_until=run.created_at, started_at=run.created_at
    )
    run.refresh_from_db()
    return run


def order(run):
    return {
        "workspace": str(run.workspace_id), "run": str(run.pk), "digest": run.version_digest, "target": run.target,
        "inputs": {"n": 1}, "seed": 1, "now": "2026-01-01T00:00:00+00:00", "leases": {}, "remembers": False,
    }  # fmt: skip


def test_an_order_for_a_run_under_way_is_done(meridian, cast):
    run = running(meridian, cast["admin"], python(meridian, cast["admin"], QUICK))
    answer = ask("run", order(run), seconds=20)
    assert (answer["outcome"]["status"], answer["outcome"]["output"]) == ("ok", {"n": 2})


def test_an_order_that_says_more_or_less_or_other_than_a_run_under_way_is_refused(meridian, cast):
    run = running(meridian, cast["admin"], python(meridian, cast["admin"], QUICK))
    for change in (
        {"code": "def run(inputs, ctx): return {}"},
        {"now": "2026-01-01T00:00:00"},
        {"now": "yesterday"},
        {"seed": "1"},
        {"seed": True},
        {"inputs": []},
        {"leases": {"A": 1}},
        {"leases": {f"S{n}": "x" for n in range(33)}},
        {"workspace": "meridian"},
        {"workspace": str(cast["tidewater"].pk)},
        {"run": str(uuid.uuid4())},
        {"run": "x"},
        {"digest": "0" * 64},
        {"target": "another.thing"},
    ):
        with pytest.raises(Refused) as refused:
            ask("run", order(run) | change, seconds=20)
        assert refused.value.code == "bad_order", change
    Run.objects.filter(pk=run.pk).update(state="queued", lease_until=None)
    with pytest.raises(Refused, match="No such run is under way"):
        ask("run", order(run), seconds=20)


def test_what_is_no_frame_of_ours_closes_the_connection_and_nothing_else(standing):
    for sent in (
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", MAX_FRAME_BYTES + 1),
        struct.pack(">I", 3) + b"[1]",
        struct.pack(">I", 2) + b"\xff\xfe",
        struct.pack(">I", 4000) + b"[" * 4000,
        struct.pack(">I", 20) + b'{"op": 1, "body": 2}',
        b"",
    ):
        with socket.socket(socket.AF_UNIX) as link, contextlib.suppress(ConnectionResetError):
            link.settimeout(10)
            link.connect(str(standing.socket))
            link.sendall(sent)
            link.shutdown(socket.SHUT_WR)
            assert link.recv(1) == b"", sent
    assert is_up(standing.socket)


def test_an_operation_that_there_is_not_is_named(standing):
    with pytest.raises(Refused, match="There is no operation secret"):
        ask("secret.open", {}, seconds=5, path=standing.socket)


def test_only_its_own_user_may_connect(standing):
    assert standing.socket.stat().st_mode & 0o077 == 0
    if os.getuid() != 0:
        pytest.skip("only root can be somebody else")
    # Whom the file's mode lets in, the kernel's word on who connects still keeps out: test_sandboxd_door.
    code = (
        "import os, socket, sys\nos.setuid(65534)\nlink = socket.socket(socket.AF_UNIX)\n"
        "try:\n    link.connect(sys.argv[1])\nexcept PermissionError:\n    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(standing.socket)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "refused\n"


def test_a_second_one_on_the_same_socket_is_refused(standing):
    done = subprocess.run(
        [sys.executable, "manage.py", "sandboxd", "--size", "1"], env=standing.env, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "Another sandboxd answers" in done.stderr
    assert is_up(standing.socket)


def test_this_process_can_seal_through_it_and_open_nothing(meridian, cast):
    sealer().check()
    secret = create_secret(
        meridian, name="key", purpose="Tests.", value="canary-value-1", hosts=["api.example.com"], places=["header"],
        actor=cast["admin"],
    )  # fmt: skip
    with pytest.raises(VaultClosed):
        open_lease(f"{meridian.pk.hex}.token")
    assert b"canary-value-1" not in bytes(secret.versions.get().ciphertext)


def test_it_finishes_what_it_has_begun_and_takes_nothing_new(cast, sandboxd):
    workspace, admin = cast["meridian"], cast["admin"]
    sandboxd.start("--size", "1")
    with workspace_scope([workspace.pk]):
        run = running(workspace, admin, python(workspace, admin, SLOW, id="count.long"))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask("run", order(run), seconds=30, path=sandboxd.socket)))
    asking.start()
    time.sleep(0.5)  # it counts for seconds
    assert sandboxd.stop() == 0
    asking.join()
    assert answers[0]["outcome"]["error"]["code"] in {"cpu_limit", "time_limit"}
    with pytest.raises(Unreachable):
        ask("health", {}, seconds=1, path=sandboxd.socket)


def test_a_killed_one_is_replaced_and_its_socket_taken_over(sandboxd):
    sandboxd.start("--size", "1")
    sandboxd.kill()
    assert sandboxd.socket.exists()
    sandboxd.start("--size", "1")
    assert is_up(sandboxd.socket)


def test_a_kill_9_in_the_middle_loses_no_run(cast, sandboxd):
    """The worker sees that its sandbox went away; a read is simply done again once there is one."""
    workspace, admin = cast["meridian"], cast["admin"]
    sandboxd.start("--size", "1")
    with workspace_scope([workspace.pk]):
        target = python(
            workspace, admin, QUICK.replace("return {'n'", "for _ in range(3 * 10**6): pass\n    return {'n'")
        )
        run = invoke(workspace, actor=admin, target=target, inputs={"n": 1})
        performing = threading.Thread(target=_perform, args=(workspace.pk, run.pk))
        performing.start()
        until(lambda: Run.objects.get(pk=run.pk).state == "running")
        time.sleep(0.2)
        sandboxd.kill()
        sandboxd.start("--size", "1")
        performing.join()
        until(lambda: _done(run.pk))
        run.refresh_from_db()
        assert (run.state, run.outputs) == ("succeeded", {"n": 2})
        assert Execution.objects.filter(run=run, error__isnull=True).count() == 1


def test_without_a_sandbox_python_waits_and_says_what_to_start(cast, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(executing, "PATIENCE", {"max_attempts": 2, "base_ms": 1, "max_ms": 1})
    workspace, admin = cast["meridian"], cast["admin"]
    settings.SANDBOXD_SOCKET = tmp_path / "nobody.sock"
    with workspace_scope([workspace.pk]):
        run = invoke(workspace, actor=admin, target=python(workspace, admin, QUICK), inputs={"n": 1})
        perform(run.pk)
        run.refresh_from_db()
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "transient", "sandbox_unreachable")
    assert "manage.py sandboxd" in run.error["next_step"]


@pytest.mark.parametrize(("said", "told"), [([TAKEN], Lost), ([], Unreachable)])
def test_an_answer_that_was_lost_is_told_apart_from_a_request_that_was_never_taken(tmp_path, said, told):
    path = tmp_path / "rude.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def rude():
        link, _ = listener.accept()
        size = struct.unpack(">I", link.recv(4))[0]
        assert json.loads(link.recv(size))["op"] == "run"
        for message in said:
            send_frame(link, message, time.monotonic() + 5)
        link.close()

    threading.Thread(target=rude).start()
    with pytest.raises(told):
        ask("run", {}, seconds=5, path=path)
    listener.close()


def _perform(workspace_id, run_id):
    from django.db import connection

    with workspace_scope([workspace_id]):
        perform(run_id)
    connection.close()


def _done(run_id) -> bool:
    reconcile()
    run = Run.objects.get(pk=run_id)
    if run.state == "queued":
        perform(run_id)
    return Run.objects.get(pk=run_id).is_final


def until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
