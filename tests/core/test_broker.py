"""Messages go through one client for each channel, over the pool that the channel has at the time."""

import threading

import pytest
from django.conf import settings
from kombu import Connection

from galaxy.broker import Transport
from galaxy.celery import app


@pytest.fixture
def channel():
    with Connection(settings.CELERY_BROKER_URL) as broker:
        yield broker.default_channel


def test_the_apps_own_connections_are_of_this_transport():
    with app.connection_for_write() as broker:
        assert type(broker.transport) is Transport


def test_a_channel_keeps_its_client(channel):
    with channel.conn_or_acquire() as one, channel.conn_or_acquire() as other:
        assert one is other
        assert one.ping()


def test_a_pool_that_was_closed_gets_a_client_of_its_own(channel):
    with channel.conn_or_acquire() as before:
        channel._disconnect_pools()  # as kombu does in a child, whose connections are its parent's
    with channel.conn_or_acquire() as after:
        assert after is not before
        assert after.connection_pool is channel.pool is not before.connection_pool
        assert after.ping()


def test_threads_may_share_it(channel):
    """Up to as many at once as the channel's pool has connections, ten of them."""
    heard = []

    def speak(number):
        with channel.conn_or_acquire() as client:
            heard.append(client.echo(str(number)) == str(number).encode())

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [True] * 8
