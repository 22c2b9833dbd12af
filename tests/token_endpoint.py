"""A vendor on this machine whose refresh tokens rotate: its token endpoint takes each of them once, and its time."""

import json
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from urllib.parse import parse_qs

FIRST = "first-refresh-token-0123456789"


class RotatingVendor:
    """Answers over TLS on ``port``. A POST to /token is answered after ``latency_s``; anything else is its API, which
    takes the newest access token alone.

    It acts at the end of that time, and not at all where the caller went away before, as a provider does whose work
    hangs on the request. With ``acts_first`` it acts before the time goes by: then the answer alone can be lost.
    ``asked`` counts requests for a token, ``given`` those that rotated one, ``refused`` those that used one twice, and
    ``abandoned`` those whose caller was gone. ``served`` counts calls of the API with the right token.
    """

    def __init__(self, context: ssl.SSLContext, *, latency_s: float = 0.0, acts_first: bool = False):
        self.latency_s, self.acts_first = latency_s, acts_first
        self.started = threading.Event()
        self._context, self._lock = context, threading.Lock()
        self.reset()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """As at first, when FIRST is what it takes."""
        self.asked = self.given = self.refused = self.abandoned = self.served = 0
        self._takes, self.access = FIRST, ""
        self.started.clear()

    def close(self) -> None:
        self._listener.close()

    def exchange(self, refresh_token: str) -> dict:
        """What it answers to a refresh token, without the time it takes."""
        with self._lock:
            if refresh_token != self._takes:
                self.refused += 1
                return {"error": "invalid_grant"}
            self.given += 1
            self._takes = f"refresh-token-{self.given}-0123456789"
            self.access = f"access-token-{self.given}-0123456789"
            return {"access_token": self.access, "refresh_token": self._takes, "expires_in": 3600}

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError, ValueError), self._context.wrap_socket(plain, server_side=True) as link:
            head, body = _read(link)
            if head.startswith("POST /token"):
                self._token(link, parse_qs(body)["refresh_token"][0])
            else:
                self._api(link, head)

    def _token(self, link: ssl.SSLSocket, refresh_token: str) -> None:
        with self._lock:
            self.asked += 1
        answer = self.exchange(refresh_token) if self.acts_first else None
        self.started.set()
        until = time.monotonic() + self.latency_s
        while (left := until - time.monotonic()) > 0:
            if _is_gone(link, min(left, 0.02)):
                self.abandoned += 1
                return
        answer = answer or self.exchange(refresh_token)
        _answer(link, 400 if "error" in answer else 200, answer)

    def _api(self, link: ssl.SSLSocket, head: str) -> None:
        is_right = f"authorization: bearer {self.access}".lower() in head.lower()
        with self._lock:
            self.served += is_right
        _answer(link, 200 if is_right else 401, {"id": "x"})


def _is_gone(link: ssl.SSLSocket, seconds: float) -> bool:
    readable, _, _ = select.select([link], [], [], seconds)
    return bool(readable) and not link.recv(1)


def _read(link: ssl.SSLSocket) -> tuple[str, str]:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (part := link.recv(65536)):
            raise ValueError("no request")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += link.recv(65536)
    return head.decode("latin-1"), body.decode()


def _answer(link: ssl.SSLSocket, status: int, body: dict) -> None:
    text = json.dumps(body)
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    link.sendall(f"{head}Connection: close\r\n\r\n{text}".encode())
