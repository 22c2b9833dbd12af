"""Everything that can go wrong with an answer, each as a peer would do it, and the kinds of actions that meet it.

What a peer does before it fails counts as an effect, what it says no to does not.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.core.egress.peers import answer
from tests.sandbox.live.manifests import API, CLOSED, ELSEWHERE, EXPIRED, FIXTURES, SILENT, SLOW, UNNAMED, connector

# For a whole exchange: a peer that says nothing takes no longer, and a busy machine makes no other peer seem like it.
TIMEOUT_MS = {SLOW: 1_500, SILENT: 1_000}
POLICIES = {
    "none": "{ strategy: none }",
    "exponential": "{ strategy: exponential, max_attempts: 2, base_ms: 1, max_ms: 2 }",
}
KINDS = ("read", "idempotent write", "plain write")
_TARGETS = {"read": "read", "idempotent write": "put", "plain write": "write"}
Send = Callable[[bytes], None]


@dataclass(frozen=True)
class Fault:
    """``reply(send)`` answers one request. ``acts``: a write has had its effect when it does. ``host`` is what is
    called; ``key`` is the input, or "" for one that tells whose request it is."""

    name: str
    reply: Callable[[Send], None]
    acts: bool = True
    host: str = API
    key: str = ""


def said(body: bytes | str | dict, status: int = 200, **headers: str) -> Callable[[Send], None]:
    raw = json.dumps(body) if isinstance(body, dict) else body
    return lambda send: send(answer(raw, status, **{"Content_Type": "application/json"} | headers))


def raw(data: bytes) -> Callable[[Send], None]:
    return lambda send: send(data)


def nothing(send: Send) -> None:
    """The peer closes the connection without a word."""


def silence(send: Send) -> None:
    time.sleep(TIMEOUT_MS[SLOW] / 1000 + 0.3)


def drip(send: Send) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(20):
        send(b" ")
        time.sleep(TIMEOUT_MS[SLOW] / 10_000)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
FAULTS = [
    Fault("a proper answer", said({"ok": True, "id": "x1"})),
    Fault("201, without a field that is declared", said({"ok": True}, 201)),
    Fault("200, a field of another type", said({"ok": True, "id": 7})),
    Fault("200, HTML", said("<html>Sign in</html>", Content_Type="text/html")),
    Fault("200, XML", said("<a/>", Content_Type="application/xml")),
    Fault("200, JSON cut off", said('{"ok": true, "id": "x')),
    Fault("200, body shorter than announced", raw(HEAD + b'500\r\n\r\n{"ok": true')),
    Fault("200, body without end", raw(HEAD + b"99999999\r\n\r\n" + b" " * 3_000_000)),
    Fault("200, body by drips", drip, host=SLOW),
    Fault("200, the body says: invalid_auth", said({"ok": False, "error": "invalid_auth"}), acts=False),
    Fault("200, the body says: not_found", said({"ok": False, "error": "not_found"}), acts=False),
    Fault("200, the body says: internal", said({"ok": False, "error": "internal"})),
    Fault("no HTTP at all", raw(b"\x00\x01\x02 hello")),
    Fault("302 in a circle", said("", 302, Location="/again")),
    Fault("302 to a host that is not declared", said("", 302, Location="https://evil.example/")),
    Fault("302 to a declared host, which does the same", said("", 302, Location=f"https://{ELSEWHERE}/")),
    Fault("400", said({}, 400), acts=False),
    Fault("401", said({}, 401), acts=False),
    Fault("403", said({}, 403), acts=False),
    Fault("404", said({}, 404), acts=False),
    Fault("408", said({}, 408)),
    Fault("409", said({}, 409), acts=False),
    Fault("410", said({}, 410), acts=False),
    Fault("422", said({}, 422), acts=False),
    Fault("429", said({}, 429), acts=False),
    Fault("429, Retry-After 0", said({}, 429, Retry_After="0"), acts=False),
    Fault("429, Retry-After an hour", said({}, 429, Retry_After="3600"), acts=False),
    Fault("500", said({}, 500)),
    Fault("501", said({}, 501), acts=False),
    Fault("502, HTML", said("<html>Bad gateway</html>", 502, Content_Type="text/html")),
    Fault("503", said({}, 503)),
    Fault("503, Retry-After 0", said({}, 503, Retry_After="0"), acts=False),
    Fault("closed without an answer", nothing),
    Fault("silence after the request", silence, host=SLOW),
    Fault("silence before TLS", nothing, host=SILENT),
    Fault("connection refused", nothing, host=CLOSED),
    Fault("a name without an address", nothing, host=UNNAMED),
    Fault("a certificate that is over", nothing, host=EXPIRED),
    Fault("an input that leads out of the path", nothing, key=".."),
]
_REPLIES = """
replies:
  - { match: "error == 'invalid_auth'", category: auth_error }
  - { match: "error == 'not_found'", category: not_found }
  - { match: "ok == `false`", category: transient }
"""


def name_of(host: str, policy: str) -> str:
    return f"{host.partition('.')[0]}-{policy}"


def manifest(host: str, policy: str) -> str:
    """A connector with an action of each kind, whose calls go to ``host`` under ``policy``."""
    rest = f"""
    path: /things/{{key}}
    inputs: {{ key: string }}
    outputs: {{ id: string }}
    timeout_ms: {TIMEOUT_MS.get(host, 8_000)}
    breaker: {{ threshold: 100, samples: 10000 }}
    simulation: {{ answer: {{ id: "'simulated'" }} }}
    fixtures: {FIXTURES}"""
    actions = f"""
  - id: read
    method: GET
    scopes: [things.read]{rest}
  - id: put
    method: PUT
    idempotent: true
    scopes: [things.write]{rest}
  - id: write
    method: POST
    scopes: [things.write]{rest}
"""
    name = name_of(host, policy)
    return connector(name, actions, base_url=f"https://{host}", retry=POLICIES[policy], more=_REPLIES)


def target(fault: Fault, kind: str, policy: str) -> str:
    return f"{name_of(fault.host, policy)}.{_TARGETS[kind]}"
