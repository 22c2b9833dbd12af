"""A vendor's stand-in on this machine: it keeps what it was sent and answers from a fixture."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Received(NamedTuple):
    """One request as it came over the wire. ``target`` is path and query; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class VendorPeer:
    """Plain HTTP on a free port of loopback. ``answers`` are fixtures, the next one first; the last one stays."""

    def __init__(self):
        self.received: list[Received] = []
        self.answers: list[dict] = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                peer.received.append(Received(self.command, self.path, headers, self.rfile.read(length)))
                fixture = peer.answers.pop(0) if len(peer.answers) > 1 else peer.answers[0]
                status, sent, content = on_the_wire(fixture)
                self.send_response(status)
                for name, value in sent.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

            def log_message(self, *args):
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def on_the_wire(fixture: dict) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and bytes of a fixture as a vendor would send it: JSON, unless it names another media type.

    A download stands in fixtures as {content, media_type, size}, with the content in base64.
    """
    headers, body = dict(fixture.get("headers", {})), fixture.get("body")
    if body is None:
        return fixture["status"], headers, b""
    media_type = headers.setdefault("Content-Type", "application/json; charset=utf-8")
    if "json" in media_type:
        return fixture["status"], headers, json.dumps(body).encode()
    return fixture["status"], headers, body.encode() if isinstance(body, str) else base64.b64decode(body["content"])
