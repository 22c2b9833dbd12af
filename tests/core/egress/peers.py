"""Real peers on this machine: a TLS server that answers whatever a test wants on the wire, and a private authority."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[[bytes, Callable[[bytes], None]], None]


class Authority:
    """Signs certificates. ``pem`` is its own, as text."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._certificate = self._sign(self._name, self._key, [], is_authority=True)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def context(self, *hosts: str, days: int = 1, self_signed: bool = False) -> ssl.SSLContext:
        """A server's context for ``hosts``. A negative number of ``days`` makes a certificate that is over."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain(*hosts, days=days, self_signed=self_signed))
        return context

    def chain(self, *hosts: str, days: int = 1, self_signed: bool = False) -> Path:
        """A file with a new certificate for ``hosts``, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        certificate = self._sign(name, key, hosts, days=days, issuer=name if self_signed else None)
        path = self._folder / f"{hosts[0]}-{days}-{self_signed}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + secret)
        return path

    def _sign(self, name, key, hosts, *, days=1, issuer=None, is_authority=False):
        now = datetime.datetime.now(datetime.UTC)
        until = now + datetime.timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer or self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, until) - datetime.timedelta(days=1))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(key if issuer else self._key, hashes.SHA256())


class Peer:
    """A TLS server on a free port. ``script(head, send)`` writes the answer; ``requests`` are head and body as bytes.

    ``connections`` counts what was accepted, whether or not a handshake followed. ``names`` are those asked for by SNI.
    """

    def __init__(self, context: ssl.SSLContext, script: Script):
        self.script = script
        self.requests: list[bytes] = []
        self.names: list[str | None] = []
        self.connections = 0
        context.sni_callback = lambda sock, name, ctx: self.names.append(name)
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket):
        plain.settimeout(10)
        with plain, suppress(OSError):
            secure = self._context.wrap_socket(plain, server_side=True)
            with secure:
                self._answer(secure)

    def _answer(self, secure: ssl.SSLSocket):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = secure.recv(65536)
            if not piece:
                return
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        wanted = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < wanted:
            body += secure.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        self.script(self.requests[-1], secure.sendall)


def answer(body: bytes | str = b"ok", status: int = 200, **headers: str) -> bytes:
    """One answer on the wire; underscores in names of headers are dashes."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def saying(raw: bytes) -> Script:
    return lambda request, send: send(raw)
