"""The other side of live calls: an HTTPS system on loopback that counts what is done to it.

It knows no idempotency: every POST that arrives whole is an effect, whatever key it bears and however often it came
before. A PUT sets something to what it says, so a second one is told as a repeat; a GET does nothing. What was counted
is on disk before anybody is answered, and nobody kills this process, so that no count is lost.

    with Peer(folder, "api.ledger.example") as peer:
        Stack(..., peers={"api.ledger.example": peer.port}, authority=peer.authority)
        peer.effects()  # {key: how often}

The key is the ``key`` of the JSON body or, where there is none, the Idempotency-Key header.
"""

import datetime
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

IDLE_S = 30


@dataclass(frozen=True)
class Manners:
    """How it behaves, by ``seed``: up to ``latency_s`` before each answer, and a part ``errors`` of requests (0 to 1)
    answered with 503 and nothing done. Of a part ``cut`` the connection ends after the effect, without an answer."""

    seed: int = 1
    latency_s: float = 0.0
    errors: float = 0.0
    cut: float = 0.0


class Peer:
    """A process of its own. ``authority`` is the PEM of whoever signed its certificate."""

    def __init__(self, folder: Path, *hosts: str, manners: Manners | None = None):
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "effects.jsonl"
        self._effects: Counter[str] = Counter()
        self._read, self._lock = 0, threading.Lock()
        self.authority, chain = certificate(hosts)
        path = folder / "peer.pem"
        path.write_bytes(chain)
        path.chmod(0o600)
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = listener.getsockname()[1]
        manners = manners or Manners()
        words = [str(listener.fileno()), str(path), str(self.log), json.dumps(vars(manners))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "proof.peer", *words],
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is for whoever asks it, who ends it in order
        )
        listener.close()  # until it accepts them, connections wait in the kernel

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def heard(self) -> Iterator[dict[str, Any]]:
        """What arrived, in order: {at, method, path, key, done}; ``done`` says whether it took effect."""
        with suppress(FileNotFoundError), self.log.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)

    def effects(self) -> Counter[str]:
        """How often each key took effect by POST. What was read before is not read again."""
        with self._lock, suppress(FileNotFoundError), self.log.open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                one = json.loads(line)
                if one["method"] == "POST" and one["done"]:
                    self._effects[one["key"]] += 1
        return self._effects.copy()


def certificate(hosts: tuple[str, ...]) -> tuple[str, bytes]:
    """A new authority (PEM), and a certificate of its for ``hosts`` with its key (PEM)."""
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer, subject = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("Proof authority", hosts[0])
    )
    now = datetime.datetime.now(datetime.UTC)

    def signed(name: x509.Name, public, names: tuple[str, ...]) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        )
        if names:
            listed = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
            builder = builder.add_extension(listed, critical=False)
        return builder.sign(authority, hashes.SHA256())

    own = signed(issuer, authority.public_key(), ())
    theirs = signed(subject, key.public_key(), hosts)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return own.public_bytes(serialization.Encoding.PEM).decode(), theirs.public_bytes(
        serialization.Encoding.PEM
    ) + secret


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket, context: ssl.SSLContext, log: Path, manners: Manners):
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.context, self.manners = listener, context, manners
        self.file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.rng, self.lock = random.Random(manners.seed), threading.Lock()  # noqa: S311  (a schedule, no secret)

    def process_request_thread(self, request, client_address):
        request.settimeout(IDLE_S)
        with suppress(OSError):  # a handshake that the other side gave up
            super().process_request_thread(self.context.wrap_socket(request, server_side=True), client_address)
        with suppress(OSError):
            request.close()

    def handle_error(self, request, client_address):
        """Say nothing: whoever was killed hangs up."""

    def decide(self) -> tuple[float, bool, bool]:
        """(how long to wait, whether to fail, whether to hang up after the effect)."""
        with self.lock:
            wait, fails, cuts = (self.rng.random() for _ in range(3))
        return wait * self.manners.latency_s, fails < self.manners.errors, cuts < self.manners.cut

    def note(self, **facts: Any) -> None:
        # One write to a file that is appended to: lines never mix, and nothing waits in a buffer of ours.
        os.write(self.file, (json.dumps({"at": time.time()} | facts) + "\n").encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        wait, fails, cuts = self.server.decide()
        key = self._key(body)
        done = not fails and self.command != "GET"
        self.server.note(method=self.command, path=self.path, key=key, done=done)
        time.sleep(wait)
        if cuts and done:
            self.close_connection = True
            return
        said = json.dumps({"id": key or "none"} if not fails else {"message": "busy"}).encode()
        self.send_response(503 if fails else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def _key(self, body: bytes) -> str:
        with suppress(ValueError, TypeError, KeyError):
            return str(json.loads(body)["key"])
        return self.headers.get("Idempotency-Key") or self.path.rpartition("/")[2]

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def main(listener: str, chain: str, log: str, manners: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    _Server(socket.socket(fileno=int(listener)), context, Path(log), Manners(**json.loads(manners))).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
