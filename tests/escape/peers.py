"""The world around a hostile run: hosts that a made-up internet has, secrets, and listeners nobody may reach."""

import contextlib
import secrets
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from galaxy.core.egress.broker import Broker
from galaxy.core.egress.refusals import Refused
from galaxy.core.egress.rules import HostRule
from galaxy.core.egress.transport import Incoming, Outgoing

PUBLIC = "93.184.216.34"
ADDRESSES = {
    "api.allowed.test": [PUBLIC],
    "cdn.allowed.test": [PUBLIC],
    "sixto4.allowed.test": ["2002:7f00:1::"],
    "mapped.allowed.test": ["::ffff:127.0.0.1"],
    "rebind.allowed.test": [PUBLIC, "127.0.0.1"],
    "metadata.allowed.test": ["169.254.169.254"],
    "evil.test": [PUBLIC],
    "api.allowed.test.evil.test": [PUBLIC],
    "127.0.0.1.nip.io": ["127.0.0.1"],
}
BOUND = frozenset({"api.allowed.test"})  # where API_KEY may go
ALLOWED = tuple(HostRule(host) for host in ADDRESSES if host.endswith("allowed.test"))


@dataclass
class Internet:
    """Resolver and transport of the broker; ``sent`` lists what went out."""

    sent: list[tuple[Outgoing, str]] = field(default_factory=list)

    def resolve(self, host: str, seconds: float) -> list[str]:
        if host not in ADDRESSES:
            raise Refused("dns_failed", f"The name {host} has no address.")
        return ADDRESSES[host]

    def send(self, request: Outgoing, address: str, seconds: float) -> Incoming:
        self.sent.append((request, address))
        target = urlsplit(request.target)
        if target.path == "/redirect":
            return Incoming(302, [("Location", parse_qs(target.query)["to"][0])], b"")
        if target.path == "/echo":
            return Incoming(200, request.headers, repr(request.headers).encode() + request.body)
        if target.path == "/large":
            return Incoming(200, [], b"x" * min(request.most_bytes, 1 << 20))
        return Incoming(200, [], b"pong")

    def hosts(self) -> set[str]:
        return {request.host for request, _ in self.sent}

    def texts(self, host: str = "") -> str:
        """Everything that went out, to one host or to all."""
        return "\n".join(
            repr((request.target, request.headers, request.body))
            for request, _ in self.sent
            if host in ("", request.host)
        )


@dataclass
class OneSecret:
    """API_KEY, bound to one host, in headers only."""

    value: str

    def open(self, name: str, *, host: str, purpose: str) -> str:
        return self._known(name, self.value)

    def bound_hosts(self, name: str) -> frozenset[str]:
        return self._known(name, BOUND)

    def places(self, name: str) -> tuple[str, ...]:
        return self._known(name, ("header",))

    def _known(self, name, answer):
        if name != "API_KEY":
            raise Refused("secret_not_bound", "This run has no such secret.")
        return answer


class Listeners:
    """Sockets of this machine that accept nothing; whoever connected is found waiting."""

    def __init__(self, folder: Path):
        self.unix_path = str(folder / "socket")
        self.abstract = f"galaxy-escape-{secrets.token_hex(6)}"
        self._sockets = [socket.socket(socket.AF_INET), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
        self._sockets[0].bind(("127.0.0.1", 0))
        self._sockets[1].bind(self.unix_path)
        self._sockets[2].bind(f"\0{self.abstract}")
        for listener in self._sockets:
            listener.listen()
            listener.setblocking(False)
        self.port = self._sockets[0].getsockname()[1]

    def visitors(self) -> int:
        """How many connected since the last look."""
        found = 0
        for listener in self._sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    listener.accept()[0].close()
                    found += 1
        return found

    def close(self) -> None:
        for listener in self._sockets:
            listener.close()


@dataclass
class Surroundings:
    """What a case may look for. ``names`` fills in the @NAMES of cases."""

    secret: str
    names: dict[str, object]
    listeners: Listeners
    canary: Path

    def broker(self) -> tuple[Broker, Internet]:
        internet = Internet()
        broker = Broker(ALLOWED, resolver=internet, transport=internet, secrets=OneSecret(self.secret))
        return broker, internet


@contextlib.contextmanager
def surroundings() -> Iterator[Surroundings]:
    """A folder with a canary that anybody could read, listeners, and secrets of random letters."""
    with tempfile.TemporaryDirectory(prefix="galaxy-escape-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # what keeps a run out must be the sandbox
        canary = folder / "canary.py"
        canary.write_text(f"CANARY = '{secrets.token_hex(8)}'\n", encoding="ascii")
        canary.chmod(0o644)
        listeners = Listeners(folder)
        secret = f"sk-{secrets.token_hex(16)}"
        names = {
            "@CANARY_PATH": str(canary),
            "@TCP_PORT": listeners.port,
            "@UNIX_PATH": listeners.unix_path,
            "@ABSTRACT": listeners.abstract,
            "@SECRET": secret,
            "@ENV_CANARY": f"env-{secrets.token_hex(16)}",
            "@OTHER_SECRET": f"other-{secrets.token_hex(16)}",
        }
        try:
            yield Surroundings(secret, names, listeners, canary)
        finally:
            listeners.close()
