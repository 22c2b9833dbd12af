import pytest

from sandbox.pool import Pool
from sandbox.pool.build import ensure


@pytest.fixture(scope="session")
def pool():
    """One pool for all tests that leave it as they found it."""
    with Pool(2, artefact=ensure()) as pool:
        yield pool


class Peer:
    """A broker that answers 200 with what it was asked, and keeps it in ``asked``."""

    def __init__(self, reply=None):
        self.asked = []
        self.reply = reply or {"status": 200, "headers": {}, "body": "pong"}

    def fetch(self, request, seconds_left):
        self.asked.append((request, seconds_left))
        return self.reply(request) if callable(self.reply) else self.reply

    def sign(self, name, alg, data):
        self.asked.append((name, alg, data))
        return "5167" if name == "KEY" else {"error": "secret_not_bound", "message": "No such secret."}


@pytest.fixture
def peer():
    return Peer()
