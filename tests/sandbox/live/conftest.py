"""Live calls from end to end: the gate, worker code, a real sandboxd, and a TLS peer on this machine that answers."""

import socket

import pytest

from galaxy.core.scope import workspace_scope
from registry.models import Connection, Installation
from registry.services import install
from sandbox.models import Run
from sandbox.services import invoke, perform
from tests.core.egress.peers import Authority, Peer, answer, saying
from tests.extensions import publish
from tests.sandbox.live.manifests import API, CLOSED, ELSEWHERE, EXPIRED, LIVE, SILENT, SLOW, TENANT
from tests.sandboxd import Sandboxd


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def api_peer(authority):
    found = Peer(authority.context(API, ELSEWHERE, SLOW, TENANT), saying(answer("{}", Content_Type="application/json")))
    yield found
    found.close()


@pytest.fixture(scope="session")
def expired_peer(authority):
    found = Peer(authority.context(EXPIRED, days=-1), saying(answer("{}")))
    yield found
    found.close()


@pytest.fixture(scope="session")
def silent_port():
    """A port that takes connections and says nothing, not even to greet."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.fixture(scope="session")
def sandboxd(django_db_setup, authority, api_peer, expired_peer, silent_port):
    """One for all tests here; on the port of CLOSED nobody listens."""
    hosts = dict.fromkeys([API, ELSEWHERE, SLOW, TENANT], api_peer.port)
    hosts |= {EXPIRED: expired_peer.port, CLOSED: 1, SILENT: silent_port}
    found = Sandboxd(hosts, authority.pem)
    found.start("--size", "1")
    yield found
    found.close()


@pytest.fixture
def peer(api_peer):
    """The peer of API, ELSEWHERE, SLOW and TENANT: has heard nothing yet, and answers ``{}`` until told otherwise."""
    api_peer.requests.clear()
    api_peer.script = saying(answer("{}", Content_Type="application/json"))
    return api_peer


@pytest.fixture
def meridian(cast, sandboxd, settings, peer):
    settings.SANDBOXD_SOCKET = sandboxd.socket
    with workspace_scope([cast["meridian"].pk]):
        yield cast["meridian"]


@pytest.fixture
def connect(meridian, cast):
    """``connect(text)``: publish, install and connect what is written there; gives the installation."""

    def connected(text: str, *, host: str = "") -> Installation:
        version = publish(text)
        installation = install(meridian, version.extension, version=version, actor=cast["admin"])
        Connection.objects.filter(installation=installation).update(
            status=Connection.Status.AUTHENTICATED, host=host, generation=1
        )
        return installation

    return connected


@pytest.fixture
def call(meridian, cast, connect):
    """``call("look_up", key="a")``: one action of the connector LIVE, run to its end."""
    connect(LIVE)

    def run(action: str, **inputs) -> Run:
        return finished(meridian, cast["admin"], f"live.{action}", inputs)

    return run


def finished(workspace, user, target: str, inputs: dict, **options) -> Run:
    run = invoke(workspace, actor=user, target=target, inputs=inputs, **options)
    perform(run.pk)
    run.refresh_from_db()
    return run
