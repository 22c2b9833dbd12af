"""A receiver on this machine: a real TLS server that checks webhooks by the official library, or reads syslog."""

import json
import ssl
from contextlib import nullcontext, suppress

import pytest
from django.db import transaction

from galaxy.core import audit
from galaxy.core.audit.streams import delivering
from galaxy.core.audit.streams.services import create_sink
from galaxy.core.models import AuditSink
from sandbox.sandboxd import streams
from sandbox.sandboxd.service import Service
from tests import sealing
from tests.core.egress.peers import Authority, Peer, answer
from tests.sealing import make_sequencer

HOST = "siem.example.test"


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


class Receiver(Peer):
    """Takes webhooks. ``status`` is what it answers; ``bodies`` are (headers, body) in the order they came."""

    def __init__(self, context):
        super().__init__(context, self._reply)
        self.status = 200
        self.bodies = []

    def _reply(self, request, send):
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
        self.bodies.append(({name.decode().lower(): value.decode() for name, _, value in lines}, body))
        send(answer(b"", status=self.status))

    def events(self):
        return [event for _, body in self.bodies for event in json.loads(body)["events"]]


class SyslogReceiver(Peer):
    """Takes syslog over TLS until the sender closes, and then closes as well; ``breaks`` it off before that.

    ``greeting`` is what it says at once, ``reply`` what it says to each piece, ``farewell`` between the two closes.
    """

    def __init__(self, context):
        super().__init__(context, None)
        self.data = b""
        self.breaks = False
        self.greeting = self.reply = self.farewell = b""

    def _answer(self, secure):
        secure.sendall(self.greeting)
        while piece := secure.recv(65536):
            if self.breaks:
                return
            self.data += piece
            secure.sendall(self.reply)
        secure.sendall(self.farewell)
        with suppress(ssl.SSLError):
            secure.unwrap()

    def messages(self):
        rest, found = self.data, []
        while rest:
            length, _, rest = rest.partition(b" ")
            found.append(rest[: int(length)].decode())
            rest = rest[int(length) :]
        return found


@pytest.fixture
def receiver(authority):
    found = Receiver(authority.context(HOST))
    yield found
    found.close()


@pytest.fixture
def syslog_receiver(authority):
    found = SyslogReceiver(authority.context(HOST))
    yield found
    found.close()


@pytest.fixture
def seal(workspace, tmp_path, monkeypatch):
    """``seal()`` puts what was recorded into the tree."""
    sequencer = make_sequencer(tmp_path, monkeypatch)
    return lambda: sealing.seal(sequencer, workspace)


@pytest.fixture
def write(workspace, owner):
    """``write(*actions)``: one event each."""

    def written(*actions):
        for action in actions:
            with transaction.atomic():
                audit.record(action, actor=owner, target=workspace)

    return written


@pytest.fixture
def open_way(settings, authority, tmp_path, vault, monkeypatch):
    """``open_way(port)``: sandboxd's own operation, in this process, with ``HOST`` on that port of this machine."""
    # sandboxd lets go of its connection while it speaks to a peer; here that one holds the test's transaction.
    monkeypatch.setattr(streams, "briefly", nullcontext)
    path = tmp_path / "authority.pem"
    path.write_text(authority.pem, encoding="ascii")
    before = list(delivering._senders)

    def to(port):
        settings.GALAXY_LOOPBACK_PEERS = [f"{HOST}={port}"]
        settings.GALAXY_LOOPBACK_CA_FILE = str(path)
        service = Service(None)

        def send(batch):
            body = {name: getattr(batch, name) for name in ("workspace", "sink", "after", "until")}
            return service._operations["audit.stream"](body | {"lines": list(batch.lines)})

        delivering.register_sender(send)

    yield to
    delivering._senders[:] = before


@pytest.fixture
def webhook(workspace, admin, receiver, open_way):
    """A sink that begins at the first event; (row, key)."""
    open_way(receiver.port)
    return create_sink(
        workspace,
        name="SIEM",
        kind=AuditSink.Kind.WEBHOOK,
        address=f"https://{HOST}/galaxy?team=security",
        actions="",
        from_start=True,
        actor=admin,
    )
