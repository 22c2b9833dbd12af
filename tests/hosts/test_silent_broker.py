"""A Valkey that is gone without a word, as a host that lost its power: whoever waits for it is told, and goes on."""

import socket
from contextlib import closing
from threading import Thread
from uuid import uuid4

import pytest
from django.conf import settings
from kombu.exceptions import OperationalError

from galaxy.celery import app
from galaxy.core.ops import readiness
from galaxy.core.ops.conditions import BAD, look
from sandbox.tasks import perform_run
from tests.hosts.network import Forward, to_unix_socket

TOLD_WITHIN_S = 60.0  # a safety deadline: it takes three seconds, and without an end it would be for ever


@pytest.fixture
def way():
    """A way to the Valkey of the tests that can forget who came by it."""
    forward = Forward(socket.create_server(("127.0.0.1", 0)), to_unix_socket(path_of_valkey()))
    yield forward
    forward.close()


def path_of_valkey() -> str:
    return settings.REDIS_URL.removeprefix("unix://").partition("?")[0]


def ring(link) -> None:
    """As galaxy.core and sandbox ring (sandbox.services.doorbells)."""
    perform_run.apply_async(args=[str(uuid4()), str(uuid4())], retry=False, connection=link)


def is_told(link) -> bool:
    """Whether whoever rings is told that nobody is there. Otherwise this process is not held up as they are."""
    told: list[OperationalError] = []

    def ringing() -> None:
        try:
            ring(link)
        except OperationalError as error:
            told.append(error)

    one = Thread(target=ringing, daemon=True)
    one.start()
    one.join(TOLD_WITHIN_S)
    return bool(told)


def waiting(link) -> int:
    return link.default_channel.queue_declare("celery").message_count


def test_whoever_rings_is_told_and_rings_anew(way):
    with app.connection_for_write(f"redis://127.0.0.1:{way.port}/0") as link:
        ring(link)
        before = waiting(link)
        assert before >= 1
        way.forget()
        assert is_told(link)
        ring(link)
        assert waiting(link) == before + 1
        link.default_channel.queue_purge("celery")


def test_one_that_takes_connections_and_never_answers_counts_as_away(monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        with app.connection_for_write(url) as link:
            assert is_told(link)
        monkeypatch.setenv("CELERY_BROKER_WRITE_URL", url)
        (found,) = look([("broker", readiness.broker)])
        assert found.state == BAD
