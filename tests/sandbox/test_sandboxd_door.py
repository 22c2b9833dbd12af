"""The door of sandboxd under load and at its end: whoever was not let in is told so, and has begun nothing."""

import contextlib
import select
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


@contextlib.contextmanager
def serving(path, handle):
    server = Server(path, handle)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
        server.drain(5)


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


def test_what_breaks_is_logged_with_its_place_and_without_its_words(path):
    def handle(op, body):
        raise ValueError("hunter2-value")

    with structlog.testing.capture_logs() as logged, serving(path, handle), pytest.raises(Refused) as refused:
        ask("run", {}, seconds=10, path=path)
    assert refused.value.code == "broke"
    assert "test_sandboxd_door.py" in logged[0]["place"]
    assert "hunter2" not in repr(logged)
