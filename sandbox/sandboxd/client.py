"""How web and workers ask sandboxd for something. Every call has its own connection, so nothing is shared."""

import socket
import time
from pathlib import Path
from typing import Any

from django.conf import settings

from galaxy.core.errors import DomainError
from sandbox.sandboxd.protocol import TAKEN, BadFrame, Gone, receive_frame, send_frame

CONNECT_S = 2.0
NOT_BEGUN = frozenset({"sandbox_unreachable", "sandbox_busy"})  # answers that say: nothing was begun, ask again


class Unreachable(DomainError):
    """sandboxd does not answer, and has not begun: asking again later is safe."""

    status = 503
    code = "sandbox_unreachable"
    next_step = "Start it with manage.py sandboxd on this host, then try again."


class Lost(DomainError):
    """sandboxd took the request and went away before it answered, so how far it came is not known."""

    status = 503
    code = "sandbox_lost"
    next_step = "Look whether it took effect before you try again."


class Refused(DomainError):
    """sandboxd answered with a no of its own."""

    status = 422
    next_step = "Do what the sentence says; where it says nothing, ask whoever runs Galaxy."

    def __init__(self, code: str, sentence: str, next_step: str = ""):
        super().__init__(sentence, next_step)
        self.code = code  # type: ignore[misc]  # the class says what is common, the instance what sandboxd said


def ask(op: str, body: dict[str, Any], *, seconds: float, path: Path | None = None) -> dict[str, Any]:
    """The body of sandboxd's answer to one request. Raises Unreachable, Lost or Refused."""
    path = path or settings.SANDBOXD_SOCKET
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(CONNECT_S)
        try:
            link.connect(str(path))
        except OSError as error:
            raise Unreachable("The sandbox of this host does not answer.") from error
        deadline = time.monotonic() + seconds
        try:
            send_frame(link, {"op": op, "body": body}, deadline)
        except (Gone, BadFrame, ValueError) as error:
            raise Unreachable("The sandbox of this host did not take the request.") from error
        was_taken = False
        try:
            answer = receive_frame(link, deadline)
            if was_taken := answer == TAKEN:
                answer = receive_frame(link, deadline)
        except (Gone, BadFrame) as error:
            if not was_taken and getattr(error, "closed", False):
                raise Unreachable("The sandbox of this host did not take the request.") from error
            raise Lost("The sandbox of this host went away while it worked.") from error
    if answer.get("ok"):
        return answer["body"]
    if answer.get("code") in NOT_BEGUN:
        raise Unreachable(answer["sentence"])
    raise Refused(answer["code"], answer["sentence"], answer.get("next_step", ""))
