"""sandboxd in this process: its operations answer at once, with a vendor that answers by script."""

import pytest

from sandbox.connections import services
from sandbox.sandboxd import client
from sandbox.sandboxd.connecting import OPERATIONS
from tests.connections import Vendor


@pytest.fixture
def peer():
    return Vendor()


@pytest.fixture
def sandboxd(vault, peer, monkeypatch):
    """What web asks of sandboxd about connections, answered here; refusals come back as the socket brings them."""

    def ask(op, body, *, seconds):
        from galaxy.core.errors import DomainError

        try:
            return OPERATIONS[op](body, peer.ways)
        except DomainError as error:
            raise client.Refused(error.code, str(error), error.next_step) from None

    monkeypatch.setattr(services, "ask", ask)
    return peer
