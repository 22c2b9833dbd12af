"""The one thread between a sealed worker and its parent: frames of 4 bytes length (big-endian) and JSON.

parent -> worker   {code, inputs, context, limits...}, {reply}, {}
worker -> parent   {op: ready | failed | log | http | sign | result, ...}
"""

import json
import os
import select
import socket
import struct
from collections.abc import Callable
from typing import Any

from sandbox.pool.limits import MIB

MAX_FRAME_BYTES = 4 * MIB  # of a worker: a result of 1 MiB may double when it is quoted
MAX_RUN_BYTES = 32 * MIB  # of all frames of one run
READ_BYTES = 64 * 1024


class Lost(Exception):
    """The worker died, overran, or said what no honest worker says; ``code`` is one of errors.ERRORS."""

    def __init__(self, code: str, why: str):
        super().__init__(why)
        self.code = code


def _packed(message: Any) -> memoryview:
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return memoryview(struct.pack(">I", len(body)) + body)


class WorkerEnd:
    """The worker's side. os.read and os.write are the only system calls it makes.

    When the parent is gone the process ends on the spot: no exception may travel through wasmtime.
    """

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def send(self, message: dict[str, Any]) -> None:
        data = _packed(message)
        while data:
            try:
                data = data[os.write(self.descriptor, data) :]
            except OSError:
                os._exit(0)

    def receive(self) -> dict[str, Any]:
        (size,) = struct.unpack(">I", self._read(4))
        return json.loads(self._read(size))

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = os.read(self.descriptor, min(size - len(parts), MIB))
            if not part:
                os._exit(0)
            parts += part
        return bytes(parts)


class ParentEnd:
    """The parent's side, which takes every frame for hostile. ``patience()`` gives the seconds to wait until it wants
    to be asked again, or raises Lost."""

    def __init__(self, end: socket.socket):
        self.socket = end
        self._buffer = bytearray()
        self._received = 0

    def begin_run(self) -> None:
        """Count anew. Raises Lost when the worker spoke between two runs."""
        self._received = 0
        if self._buffer:
            raise Lost("protocol_violation", "it spoke out of turn")

    def close(self) -> None:
        self.socket.close()

    def send(self, message: dict[str, Any], patience: Callable[[], float]) -> None:
        data = _packed(message)
        while data:
            self._wait(select.POLLOUT, patience)
            try:
                data = data[self.socket.send(data, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                continue
            except OSError:
                raise Lost("worker_lost", "it died") from None

    def receive(self, patience: Callable[[], float]) -> dict[str, Any]:
        self._need(4, patience)
        (size,) = struct.unpack(">I", self._buffer[:4])
        if size > MAX_FRAME_BYTES:
            raise Lost("protocol_violation", "a frame is too large")
        self._need(4 + size, patience)
        raw = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        try:
            message = json.loads(raw.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise Lost("protocol_violation", "a frame is malformed")
        return message

    def _need(self, size: int, patience: Callable[[], float]) -> None:
        while len(self._buffer) < size:
            self._wait(select.POLLIN, patience)
            try:
                part = self.socket.recv(READ_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            if not part:
                raise Lost("worker_lost", "it died")
            self._received += len(part)
            if self._received > MAX_RUN_BYTES:
                raise Lost("protocol_violation", "it sent too much")
            self._buffer += part

    def _wait(self, event: int, patience: Callable[[], float]) -> None:
        poller = select.poll()
        poller.register(self.socket, event)
        while not poller.poll(max(0.0, patience()) * 1000):
            pass
