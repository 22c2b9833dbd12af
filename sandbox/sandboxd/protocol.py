"""What is spoken on sandboxd's socket: frames of JSON, one request and one reply at a time on a connection.

A frame is four bytes, big-endian, that give the length of the JSON text that follows. A request is ``{op, body}``.
It is answered with ``{taken: true}`` before anything is begun, and then with its reply, ``{ok: true, body}`` or
``{ok: false, code, sentence, next_step}``; so a connection that ends before the first of them has begun nothing.
"""

import json
import socket
import struct
import time
from typing import Any

MAX_FRAME_BYTES = 16 * 1024 * 1024  # a result, its logs and its recording, each with their own lower caps
TAKEN = {"taken": True}
_LENGTH = struct.Struct(">I")


class BadFrame(Exception):
    """What came is not a frame of ours; the connection is of no further use."""


class Gone(Exception):
    """The other side closed the connection, or said nothing in time. ``closed``: surely the former."""

    def __init__(self, sentence: str, *, closed: bool = False):
        super().__init__(sentence)
        self.closed = closed


def send_frame(link: socket.socket, message: dict[str, Any], deadline: float) -> None:
    """Send one frame before ``deadline`` (monotonic seconds). Raises Gone or BadFrame."""
    text = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    if len(text) > MAX_FRAME_BYTES:
        raise BadFrame(f"A frame of {len(text)} bytes is too large to send.")
    link.settimeout(_left(deadline))
    try:
        link.sendall(_LENGTH.pack(len(text)) + text)
    except OSError as error:
        raise Gone(f"The frame could not be sent: {error}") from error


def receive_frame(link: socket.socket, deadline: float) -> dict[str, Any]:
    """The next frame, whole, before ``deadline`` (monotonic seconds). Raises Gone or BadFrame."""
    (length,) = _LENGTH.unpack(_exactly(link, _LENGTH.size, deadline))
    if length > MAX_FRAME_BYTES:
        raise BadFrame(f"A frame of {length} bytes is announced.")
    try:
        message = json.loads(_exactly(link, length, deadline))
    except (ValueError, RecursionError) as error:
        raise BadFrame("A frame does not hold JSON.") from error
    if not isinstance(message, dict):
        raise BadFrame("A frame does not hold an object.")
    return message


def _exactly(link: socket.socket, count: int, deadline: float) -> bytes:
    parts, missing = [], count
    while missing:
        link.settimeout(_left(deadline))
        try:
            part = link.recv(min(missing, 65536))
        except OSError as error:
            raise Gone(f"No answer came: {error}", closed=isinstance(error, ConnectionError)) from error
        if not part:
            raise Gone("The connection was closed.", closed=True)
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Gone("The time for it was over.")
    return left
