"""Requests to the live server share a connection to the database, one after the other."""

import time
from urllib.request import Request, urlopen

import pytest
from django.conf import settings
from django.db import connection

from tests import flushing, pooling

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
SAFETY_S = 30


@pytest.fixture
def ask(live_server):
    """``ask()`` sends a request that looks for a session; returns what is idle once its connection was given back:
    one, since nothing of the tests before is left."""
    idle = pooling.kept[connection.settings_dict["NAME"]]
    while idle:
        idle.pop().close()

    def ask():
        cookie = f"{settings.SESSION_COOKIE_NAME}={'a' * 32}"
        with urlopen(Request(f"{live_server.url}/account/login/", headers={"Cookie": cookie})) as answer:  # noqa: S310
            assert answer.status == 200
        until = time.monotonic() + SAFETY_S
        while not idle and time.monotonic() < until:
            time.sleep(0.01)
        return [one.info.backend_pid for one in idle]

    return ask


def test_the_next_request_takes_the_connection_of_the_last(ask):
    first = ask()
    assert len(first) >= 1
    assert ask() == first


def test_what_was_cut_off_is_not_taken(ask):
    if not flushing.is_quick():
        pytest.skip("No superuser of this server is at hand, to cut off what the application holds.")
    before = ask()
    with flushing.superuser() as server:
        for pid in before:
            server.execute("SELECT pg_terminate_backend(%s, %s)", [pid, SAFETY_S * 1000])
    assert not set(ask()) & set(before)


def test_what_another_thread_ends_is_ended(ask):
    ask()
    idle = pooling.kept[connection.settings_dict["NAME"]]
    before = list(idle)
    connection.ensure_connection()
    mine = connection.connection
    connection.close()
    assert mine.closed
    assert idle == before
