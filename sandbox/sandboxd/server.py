"""The listening side: who may speak, how many at once, and how it goes down without dropping what it has begun."""

import contextlib
import os
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from galaxy.core.errors import DomainError
from sandbox.sandboxd.protocol import TAKEN, BadFrame, Gone, receive_frame, send_frame

log = structlog.get_logger(__name__)
FIRST_WORD_S = 5.0  # a client that connects and says nothing is let go
PAUSE_S = 0.25
WORD_S = 1.0  # for a few bytes, which a new connection always has room for
ANSWER_S = 10.0  # for a client that reads its answer slowly
MOST_CONNECTIONS = 64
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid

Handler = Callable[[str, dict[str, Any]], dict[str, Any]]


class Server:
    """Answers requests on a Unix socket, each connection in a thread of its own.

    ``handle(op, body)`` returns the answer's body or raises DomainError. ``users`` are the uids that may speak, by the
    kernel's word; where that is our own alone, the socket's mode keeps others out as well. The thread that calls
    ``serve`` waits until ``stop``.
    """

    def __init__(self, path: Path, handle: Handler, *, users: frozenset[int] | None = None):
        self.path = path
        self._handle = handle
        self._users = users if users is not None else frozenset({os.getuid()})
        self._stopping = threading.Event()
        self._slots = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._busy = threading.Condition()
        self._at_work = 0
        self._listener = _listen(path, is_shared=self._users != {os.getuid()})

    def serve(self, turn: Callable[[], None] = lambda: None) -> None:
        """Accept until ``stop`` was called; ``turn`` is called several times a second, and says that it goes on."""
        self._listener.settimeout(PAUSE_S)
        while not self._stopping.is_set():
            turn()
            try:
                link, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:  # too many descriptors, say: the others go on, and so does this
                log.error("sandboxd could not accept", error=error.strerror)
                self._stopping.wait(PAUSE_S)
                continue
            if not self._slots.acquire(blocking=False):
                self._turn_away(link)
                continue
            threading.Thread(target=self._converse, args=(link,), daemon=True).start()

    def stop(self) -> None:
        """Take no further request. Safe to call from a signal handler, and more than once."""
        self._stopping.set()

    def drain(self, seconds: float) -> bool:
        """Wait for what has begun; True when nothing is left."""
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        deadline = time.monotonic() + seconds
        with self._busy:
            while self._at_work and (left := deadline - time.monotonic()) > 0:
                self._busy.wait(left)
            return not self._at_work

    def _turn_away(self, link: socket.socket) -> None:
        busy = _no("sandbox_busy", "The sandbox of this host has no free place.", "Wait a moment, then try again.")
        with link, contextlib.suppress(Gone):  # a client that gets no word still knows that nothing was begun
            send_frame(link, busy, time.monotonic() + WORD_S)

    def _converse(self, link: socket.socket) -> None:
        with link, contextlib.suppress(Gone):
            try:
                if self._may_speak(link):
                    self._answer_one(link)
            except BadFrame as error:
                log.warning("sandboxd refused a frame", reason=str(error))
            finally:
                self._slots.release()

    def _answer_one(self, link: socket.socket) -> None:
        request = receive_frame(link, time.monotonic() + FIRST_WORD_S)
        op, body = request.get("op"), request.get("body")
        if not isinstance(op, str) or not isinstance(body, dict):
            raise BadFrame("A request has op and body.")
        with self._busy:
            if self._stopping.is_set():
                answer = _no("sandbox_unreachable", "The sandbox of this host is going down.")
                send_frame(link, answer, time.monotonic() + ANSWER_S)
                return
            self._at_work += 1
        try:
            send_frame(link, TAKEN, time.monotonic() + WORD_S)  # whoever went away since has nothing begun
            answer = self._answer(op, body)
            send_frame(link, answer, time.monotonic() + ANSWER_S)
        finally:
            with self._busy:
                self._at_work -= 1
                self._busy.notify_all()

    def _answer(self, op: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"ok": True, "body": self._handle(op, body)}
        except DomainError as error:
            return _no(error.code, str(error), error.next_step)
        except Exception as error:  # the place and never the message, which may quote a value
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{last.filename}:{last.lineno}"
            log.error("sandboxd broke on a request", op=op, error=type(error).__name__, place=place)
            return _no("broke", "The sandbox of this host broke on this request.", "Its log names the place.")

    def _may_speak(self, link: socket.socket) -> bool:
        raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(raw)
        if uid in self._users:
            return True
        log.warning("sandboxd refused a stranger", pid=pid, uid=uid)
        return False


def _no(code: str, sentence: str, next_step: str = "") -> dict[str, Any]:
    return {"ok": False, "code": code, "sentence": sentence, "next_step": next_step}


def _listen(path: Path, *, is_shared: bool) -> socket.socket:
    """A listening socket that only its owner may connect to, or, where ``is_shared``, whoever reaches its folder.

    A socket left over by a killed process is replaced; one that somebody still answers on raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise OSError(f"Another sandboxd answers on {path}.")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o111 if is_shared else 0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(MOST_CONNECTIONS)
    return listener
