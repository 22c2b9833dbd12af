"""Brokers for the tests: with a transport that is a list, or with real connections to peers on this machine."""

import pytest
from hypothesis import HealthCheck, settings

from galaxy.core.egress import Broker, HostRule, PinnedTransport, Refused
from galaxy.core.egress.transport import Incoming, Outgoing
from tests.core.egress.peers import Authority, Peer, answer, saying

API = "api.allowed.test"
CDN = "cdn.allowed.test"
SECRET = "tok-9b/7A+x=Q&z<1>"
RULES = (HostRule(API), HostRule(CDN))
# For properties: a busy machine is no failure.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Names:
    """A resolver that knows a few names; ``asked`` lists the look-ups. An address may be a list of answers in turn."""

    def __init__(self, **known: list[str]):
        self.known = {API: ["93.184.216.34"], CDN: ["93.184.216.35"]} | known
        self.asked: list[str] = []

    def resolve(self, host: str, seconds: float) -> list[str]:
        self.asked.append(host)
        if host not in self.known:
            raise Refused("dns_failed", f"The name {host} has no address.")
        return self.known[host]


class Wire:
    """A transport that keeps what it is given and answers by ``reply(request)``."""

    def __init__(self, reply=lambda request: Incoming(200, [], b"ok")):
        self.reply = reply
        self.sent: list[tuple[Outgoing, str]] = []

    def send(self, request: Outgoing, address: str, seconds: float) -> Incoming:
        self.sent.append((request, address))
        return self.reply(request)


class Vault:
    """Secrets by name: (value, hosts, places)."""

    def __init__(self, **known: tuple[str, set[str], set[str]]):
        self.known = known or {"API_KEY": (SECRET, {API}, {"header"})}
        self.opened: list[tuple[str, str, str]] = []

    def open(self, name: str, *, host: str, purpose: str) -> str:
        self.opened.append((name, host, purpose))
        return self._of(name)[0]

    def bound_hosts(self, name: str):
        return self._of(name)[1]

    def places(self, name: str):
        return self._of(name)[2]

    def _of(self, name):
        if name not in self.known:
            raise Refused("secret_not_bound", f"This run has no secret {name}.")
        return self.known[name]


def make_broker(rules=RULES, **parts) -> Broker:
    return Broker(rules, **{"resolver": Names(), "transport": Wire(), "secrets": Vault()} | parts)


def get(broker: Broker, url: str = f"https://{API}/ping", seconds: float = 5, **request):
    return broker.fetch({"method": "GET", "url": url} | request, seconds)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def _api_context(authority):
    return authority.context(API, CDN)


@pytest.fixture
def peer(_api_context):
    """A peer with a certificate for both hosts, which answers 200 until a test gives it another script."""
    server = Peer(_api_context, saying(answer()))
    yield server
    server.close()


@pytest.fixture
def live(authority, peer):
    """Makes brokers whose calls to both hosts reach the peer, over TLS."""

    def make(**parts):
        peers = frozenset({(API, peer.port), (CDN, peer.port)})
        transport = PinnedTransport(peer_ca=authority.pem)
        return make_broker(**{"transport": transport, "loopback_peers": peers} | parts)

    return make
