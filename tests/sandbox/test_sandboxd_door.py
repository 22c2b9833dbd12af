"""The door of sandboxd under load and at its end: whoever was not let in is told so, and has begun nothing."""

import contextlib
import errno
import os
import select
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import structlog

from sandbox.sandboxd import server as door
from sandbox.sandboxd.client import Refused, Unreachable, ask
from sandbox.sandboxd.server import Server


@pytest.fixture
def path():
    with tempfile.TemporaryDirectory(prefix="gxs-") as folder:
        yield Path(folder) / "door.sock"


def serving(path, handle, **options):
    return running(Server(path, handle, **options))


@contextlib.contextmanager
def running(server):
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
        server.drain(5)


@pytest.mark.asvs("13.2.6", "15.4.4")
def test_a_request_beyond_the_number_of_connections_is_told_that_nothing_was_begun(path, monkeypatch):
    monkeypatch.setattr(door, "MOST_CONNECTIONS", 1)
    begun, go_on = threading.Event(), threading.Event()

    def handle(op, body):
        begun.set()
        assert go_on.wait(10)
        return {}

    with serving(path, handle):
        first = threading.Thread(target=ask, args=("run", {}), kwargs={"seconds": 10, "path": path})
        first.start()
        assert begun.wait(10)
        for size in (1, 3_000_000):  # one that fits into the socket at once, and one that waits to be read
            with pytest.raises(Unreachable):
                ask("run", {"inputs": "x" * size}, seconds=10, path=path)
        go_on.set()
        first.join()


def test_a_request_that_waits_at_the_door_when_it_closes_has_begun_nothing(path):
    asked: list[str] = []
    server = Server(path, lambda op, body: asked.append(op) or {})  # it listens and never accepts
    told: list[Exception] = []

    def wait():
        try:
            ask("run", {}, seconds=10, path=path)
        except Unreachable as error:
            told.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert select.select([server._listener], [], [], 10)[0], "it does not wait at the door"
    server.stop()
    assert server.drain(5)
    waiting.join(10)
    assert told and not asked


@pytest.mark.asvs("16.3.4")
def test_what_breaks_is_logged_with_its_place_and_without_its_words(path):
    def handle(op, body):
        raise ValueError("hunter2-value")

    with structlog.testing.capture_logs() as logged, serving(path, handle), pytest.raises(Refused) as refused:
        ask("run", {}, seconds=10, path=path)
    assert refused.value.code == "broke"
    assert "test_sandboxd_door.py" in logged[0]["place"]
    assert "hunter2" not in repr(logged)


ASK_AS = """
import os, socket, struct, sys
os.setuid(int(sys.argv[2]))
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
said = b'{"op": "health", "body": {}}'
try:
    link.sendall(struct.pack(">I", len(said)) + said)
    print("heard" if link.recv(4) else "refused")
except ConnectionError:
    print("refused")
"""


@pytest.mark.asvs("13.2.1")
def test_a_user_that_is_named_may_speak_to_one_that_runs_as_another(path):
    """As production without containers has it: the root key is readable by sandboxd's user alone."""
    if os.getuid() != 0:
        pytest.skip("only root can be somebody else")
    path.parent.chmod(0o755)
    told = {}
    with serving(path, lambda op, body: {}, users=frozenset({0, 65534})):
        for uid in (65534, 65533):
            command = [sys.executable, "-c", ASK_AS, str(path), str(uid)]
            told[uid] = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert told == {65534: "heard", 65533: "refused"}


def test_it_goes_on_when_a_connection_cannot_be_accepted(path):
    class Exhausted:
        """The listener of a process that has no descriptor left, the first time."""

        def __init__(self, listener):
            self.listener, self.failures = listener, 1

        def accept(self):
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return self.listener.accept()

        def __getattr__(self, name):
            return getattr(self.listener, name)

    server = Server(path, lambda op, body: {"ok": 1})
    server._listener = Exhausted(server._listener)
    with running(server):
        assert ask("health", {}, seconds=10, path=path) == {"ok": 1}
