"""The second host of these tests is one: its loopback is its own, and there is one way out of it, which can be cut."""

import socket
import time
from contextlib import closing

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from tests.hosts.network import Forward, Network, NoNamespaces, to_unix_socket

SILENCE = ("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
ENDS_WITHIN_S = 60.0  # a safety deadline: it takes a second and a half


@pytest.fixture
def network():
    try:
        found = Network()
    except NoNamespaces as error:
        pytest.skip(str(error))
    yield found
    found.close()


def listening(address: str) -> socket.socket:
    return socket.create_server((address, 0))


def reaches(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=0.7):
            return True
    except OSError:
        return False


def comes_to_reach(address: tuple[str, int]) -> bool:
    """A cable that was put back needs a moment."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while not reaches(address):
        if time.monotonic() > deadline:
            return False
    return True


def test_its_loopback_is_its_own(network):
    with closing(listening("127.0.0.1")) as here, closing(network.inside(lambda: listening("127.0.0.1"))) as there:
        assert reaches(here.getsockname())
        assert network.inside(lambda: reaches(there.getsockname()))
        assert not reaches(there.getsockname()) or here.getsockname() == there.getsockname()
        assert not network.inside(lambda: reaches(here.getsockname())) or here.getsockname() == there.getsockname()


def test_the_only_way_is_the_cable(network):
    with closing(listening(network.here)) as here, closing(network.inside(lambda: listening(network.there))) as there:
        assert network.inside(lambda: reaches(here.getsockname()))
        assert reaches(there.getsockname())
        with pytest.raises(OSError, match="unreachable"):
            network.inside(lambda: socket.create_connection(("192.0.2.1", 80), timeout=2))
        network.cut()
        assert not network.inside(lambda: reaches(here.getsockname()))
        assert not reaches(there.getsockname())
        network.heal()
        assert network.inside(lambda: comes_to_reach(here.getsockname()))
        assert comes_to_reach(there.getsockname())


def test_what_is_said_while_it_is_cut_arrives_when_it_is_healed(network):
    with closing(listening("127.0.0.1")) as target:
        forward = Forward(listening(network.here), lambda: socket.create_connection(target.getsockname()))
        link = network.inside(lambda: socket.create_connection((network.here, forward.port), timeout=30))
        far, _ = target.accept()
        far.settimeout(30)
        with link, far:
            link.sendall(b"before ")
            assert far.recv(7) == b"before "
            network.cut()
            link.sendall(b"within")
            far.settimeout(0.5)
            with pytest.raises(TimeoutError):
                far.recv(6)
            network.heal()
            far.settimeout(30)
            assert far.recv(6) == b"within"
        forward.close()


def test_a_query_on_a_cable_that_is_cut_ends(network, db):
    """As the settings have it, but sooner; without them TCP waits for a quarter of an hour."""
    there = connections["default"].settings_dict
    options = {name: there["OPTIONS"][name] for name in SILENCE}
    assert options["tcp_user_timeout"] == 1000 * settings.DATABASE_SILENT_S
    at = connections["default"].get_connection_params()
    forward = Forward(listening(network.here), to_unix_socket(f"{at['host']}/.s.PGSQL.5432"))
    place = {"host": network.here, "port": forward.port, "user": at["user"], "dbname": at["dbname"]}
    with network.inside(lambda: psycopg.connect(**place, **options | {"tcp_user_timeout": 1500})) as link:
        assert link.execute("SELECT 1").fetchone() == (1,)
        network.cut()
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            link.execute("SELECT 1")
        assert time.monotonic() - began < ENDS_WITHIN_S
    forward.close()
