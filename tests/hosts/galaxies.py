"""One Galaxy on two hosts: web, workers and sandboxd of each, over the PostgreSQL and Valkey of the first.

The second host (tests.hosts.network) reaches both by TCP over its cable. What is called outside is reached from either
without it, so when the cable is cut a call goes on and cannot be written down: the case that matters.
"""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db import connections

from sandbox.pool.build import ensure
from sandbox.services import reconcile
from tests.core.egress.peers import Authority, Peer, answer
from tests.forked_workers import ForkedWorkers
from tests.hosts.network import Forward, Network, to_unix_socket
from tests.processes import environment
from tests.sandboxd import Sandboxd
from tests.serving import WebServer

LEASE_S = 3
SILENT_S = 6  # after which the second host takes PostgreSQL for away
DEADLINE_S = 180


@dataclass(frozen=True)
class Arrival:
    """A request at the other side: through which host it came, for which one, at which path, under which key."""

    through: str
    host: str
    path: str
    key: str


class Outside:
    """What both hosts call. ``slow_s`` is how long each answer takes, ``status`` what it is."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.at_once = self.most_at_once = 0
        self.slow_s, self.status = 0.0, 200
        self._lock = threading.Lock()

    def script(self, through: str) -> Callable[[bytes, Callable[[bytes], None]], None]:
        def answering(request: bytes, send: Callable[[bytes], None]) -> None:
            lines = request.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")
            named = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            arrival = Arrival(through, named["host"], lines[0].split()[1], named.get("idempotency-key", ""))
            with self._lock:
                self.arrivals.append(arrival)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                slow_s, status = self.slow_s, self.status
            time.sleep(slow_s)
            with self._lock:
                self.at_once -= 1
            send(answer(f'{{"id": "by {through}"}}', status, Content_Type="application/json"))

        return answering

    def forget(self, *, slow_s: float = 0.0, status: int = 200) -> None:
        with self._lock:
            self.arrivals.clear()
            self.most_at_once = 0
            self.slow_s, self.status = slow_s, status

    def effects(self, path: str) -> int:
        """How often something was done at ``path``: what came under one key was done once."""
        found = [one for one in self.arrivals if one.path == path]
        return len({one.key for one in found if one.key}) + sum(not one.key for one in found)

    def through(self, path: str = "") -> list[str]:
        return sorted({one.through for one in self.arrivals if one.path.startswith(path)})


class Host:
    """``name`` is what the other side knows it by. Its workers are started and killed as a test likes."""

    def __init__(self, name: str, env: dict[str, str], ports: dict[str, int], authority: Authority, network: Network):
        self.name, self._network = name, network if name == "B" else None
        self.prefix = self._network.prefix if self._network else ()
        self.sandboxd = Sandboxd(ports, authority.pem, self.prefix)
        env = env | {"SANDBOXD_SOCKET": str(self.sandboxd.socket), "GALAXY_RUN_LEASE_S": str(LEASE_S)}
        self.sandboxd.env |= env
        self.web = WebServer(network.there if self._network else "127.0.0.1", self.prefix, **env)
        self.workers = ForkedWorkers(environment(**env), self.prefix)

    def parts(self, *, has_web: bool = True) -> list[Callable[[], None]]:
        """What is to be called so that it is there."""
        return [partial(self.sandboxd.start, "--size", "1"), *([self.web.start] if has_web else [])]

    def close(self) -> None:
        self.workers.stop()
        self.web.close()
        self.sandboxd.close()


class TwoHosts:
    """``a`` is this machine, ``b`` the second host. ``vendor_port`` is that of a peer for the hosts ``also``, which
    stands on this machine and is reached from both."""

    def __init__(self, authority: Authority, hosts: tuple[str, ...], also: tuple[str, ...], vendor_port: int):
        self.network, self.authority = Network(), authority
        self.outside = Outside()
        queue = {
            "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
            "GALAXY_QUEUE_PREFIX": settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"],
        }
        here = Peer(authority.context(*hosts), self.outside.script("A"))
        there = self.network.inside(lambda: Peer(authority.context(*hosts), self.outside.script("B")))
        self._closing = [here.close, there.close]
        ports_here = dict.fromkeys(hosts, here.port) | dict.fromkeys(also, vendor_port)
        ports_there = dict.fromkeys(hosts, there.port)
        inner = self.network.inside(lambda: socket.create_server(("127.0.0.1", 0)))
        way = self._forward(inner, lambda: socket.create_connection(("127.0.0.1", vendor_port))).port
        ports_there |= dict.fromkeys(also, way)
        self.a = Host("A", queue, ports_here, self.authority, self.network)
        self.b = Host("B", queue | self._over_the_cable(), ports_there, self.authority, self.network)
        self.b.sandboxd.env["GALAXY_KMS"] = self.a.sandboxd.env["GALAXY_KMS"]

    def start(self, *, web_of_a: bool = True) -> None:
        """Each part needs seconds of a processor, so all begin together."""
        ensure()
        with ThreadPoolExecutor() as several:
            for begun in [several.submit(part) for part in self.b.parts() + self.a.parts(has_web=web_of_a)]:
                begun.result()

    def close(self) -> None:
        self.network.heal()
        self.b.close()
        self.a.close()
        for close in self._closing:
            close()
        self.network.close()

    def until(self, condition: Callable[[], bool], *, reconciling: bool = True) -> None:
        """Wait; meanwhile lost runs are looked for, as beat does every few seconds."""
        deadline, next_look = time.monotonic() + DEADLINE_S, 0.0
        while not condition():
            assert time.monotonic() < deadline, "not in time"
            if reconciling and time.monotonic() >= next_look:
                reconcile()
                next_look = time.monotonic() + 1.0
            time.sleep(0.1)

    def _over_the_cable(self) -> dict[str, str]:
        """Addresses of this test's servers as the second host knows them."""
        database = connections["default"].settings_dict
        folder = database["OPTIONS"].get("host") or database["HOST"]
        postgres = self._listen(f"{folder}/.s.PGSQL.5432").port
        path, _, number = settings.REDIS_URL.removeprefix("unix://").partition("?db=")
        self.valkey = self._listen(path)
        user, name = database["USER"], database["NAME"]
        at = f"redis://{self.network.here}:{self.valkey.port}"
        return {
            "DATABASE_URL": f"postgresql://{user}@{self.network.here}:{postgres}/{name}",
            "DATABASE_SILENT_S": str(SILENT_S),
            "REDIS_URL": f"{at}/{number}",
            "CELERY_BROKER_URL": f"{at}/0",
        }

    def _listen(self, path: str) -> Forward:
        return self._forward(socket.create_server((self.network.here, 0), backlog=64), to_unix_socket(path))

    def _forward(self, listener: socket.socket, reach: Callable[[], socket.socket]) -> Forward:
        made = Forward(listener, reach)
        self._closing.append(made.close)
        return made
