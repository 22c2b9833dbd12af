"""An OpenID Connect provider on loopback that answers whatever a test wants, forged tokens above all."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "galaxy-console", "made-up: a secret / with & signs"
OWN_KEY, FOREIGN_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class Forger:
    """``token`` is what the token endpoint will answer; ``asked`` what was sent to it last ({name: value}).

    ``replies`` overrides what a path answers: {path: (status, headers, bytes)}.
    """

    def __init__(self, port: int):
        self.base = f"/{secrets.token_hex(8)}"  # what Galaxy keeps of an issuer in its cache is never an older run's
        self.issuer = f"http://127.0.0.1:{port}{self.base}"
        self.email = "somebody@example.test"  # of whoever signs in
        self.token, self.asked, self.userinfo, self.authorization = "", {}, {}, ""
        self.replies: dict[str, tuple[int, dict[str, str], bytes]] = {}

    def claims(self, nonce: str, /, **changes) -> dict:
        """What an honest token says; a change of None leaves that claim out."""
        now = int(time.time())
        honest = {
            "iss": self.issuer,
            "sub": "subject-1",
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "email": self.email,
            "email_verified": True,
            "name": "Member of the company",
        }
        return {name: value for name, value in (honest | changes).items() if value is not None}

    def sign(self, claims: dict, *, key=OWN_KEY, algorithm="RS256", kid="own") -> None:
        self.token = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path in self.replies:
            return self.replies[path]
        bodies = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/keys",
                "authorization_response_iss_parameter_supported": True,
            },
            "/keys": {
                "keys": [jwt.algorithms.RSAAlgorithm.to_jwk(OWN_KEY.public_key(), as_dict=True) | {"kid": "own"}]
            },
            "/token": {"access_token": "opaque", "token_type": "Bearer", "id_token": self.token},
            "/userinfo": self.userinfo,
        }
        if path not in bodies:
            return 404, {}, b"{}"
        return 200, {"Content-Type": "application/json"}, json.dumps(bodies[path]).encode()


@contextmanager
def forger() -> Iterator[Forger]:
    """One that runs for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = provider.answer(self.path.removeprefix(provider.base))
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            provider.asked = {name: values[0] for name, values in parse_qs(text).items()}
            provider.authorization = self.headers.get("Authorization", "")
            self.do_GET()

        def log_message(self, *args):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Forger(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
