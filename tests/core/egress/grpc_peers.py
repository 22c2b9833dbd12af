"""gRPC peers on this machine: a grpcio server that answers what a test wants, and one that speaks HTTP/2 by hand."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from concurrent import futures
from contextlib import suppress
from pathlib import Path

import grpc

from tests.core.egress.peers import Authority


class Server(grpc.GenericRpcHandler):
    """``answer(request, context)`` gives the bytes of a message; ``calls`` are (path, metadata, message) of each."""

    def __init__(self, authority: Authority, *hosts: str, **certificate):
        self.calls: list[tuple[str, dict, bytes]] = []
        self.answer: Callable = lambda request, context: request
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((self,))
        self.port = self._server.add_secure_port("127.0.0.1:0", credentials(authority, *hosts, **certificate))
        self._server.start()

    def service(self, details):
        def handle(request, context):
            metadata = dict(context.invocation_metadata())
            self.calls.append((details.method, metadata, request))
            return self.answer(request, context)

        return grpc.unary_unary_rpc_method_handler(handle)

    def close(self):
        self._server.stop(0).wait()


def credentials(authority: Authority, *hosts: str, **certificate) -> grpc.ServerCredentials:
    chain, _, key = Path(authority.chain(*hosts, **certificate)).read_text().partition("-----BEGIN PRIVATE")
    return grpc.ssl_server_credentials([(f"-----BEGIN PRIVATE{key}".encode(), chain.encode())])


class RawPeer:
    """Speaks HTTP/2 by hand (RFC 9113): ``script(send)`` is run once a request with the body ``hi`` has come."""

    def __init__(self, context: ssl.SSLContext, script: Callable[[Callable[[bytes], None]], None]):
        context.set_alpn_protocols(["h2"])
        self._context, self._script = context, script
        self.requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listener.close()

    def _serve(self):
        with suppress(OSError):
            plain, _ = self._listener.accept()
            plain.settimeout(10)
            with plain, self._context.wrap_socket(plain, server_side=True) as secure:
                secure.sendall(frame(SETTINGS, 0, 0) + frame(SETTINGS, 1, 0))
                came = b""
                while b"hi" not in came:
                    came += secure.recv(65536)
                self.requests = 1
                self._script(secure.sendall)
                while more := secure.recv(65536):  # until the other side has had enough
                    self.requests += more.count(b"hi")


DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(*pairs: tuple[str, str], end: bool = False) -> bytes:
    """A block of literal fields without indexing (RFC 7541, 6.2.2)."""
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in pairs)
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), 1, block)


def message(raw: bytes, *, end: bool = False, announced: int | None = None) -> bytes:
    length = len(raw) if announced is None else announced
    return frame(DATA, END_STREAM if end else 0, 1, b"\0" + struct.pack(">I", length) + raw)


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


OK = headers((":status", "200"), ("content-type", "application/grpc"))
DONE = headers(("grpc-status", "0"), end=True)
