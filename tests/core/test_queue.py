"""What Celery is told of its broker follows from the broker's address."""

import pytest
from django.conf import settings

from galaxy.queue import queue_at


@pytest.mark.parametrize(
    "url", ["redis://h/0", "rediss://h/0", "redis+socket:///run/valkey.sock", "unix:///run/v.sock"]
)
def test_with_valkey_a_message_of_a_killed_worker_comes_back_within_a_minute(url):
    queue = queue_at(url, prefix="p-")
    assert (queue.name, queue.kind, queue.exchange_kind) == ("celery", "classic", "direct")
    brings_back = {"visibility_timeout": 60, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}
    assert (brings_back | {"global_keyprefix": "p-"}).items() <= queue.options.items()


@pytest.mark.parametrize("url", ["amqp://u:p@h/v", "amqps://u:p@h/v", "pyamqp://h"])
def test_with_rabbitmq_messages_are_confirmed_and_the_queue_survives_a_node(url):
    queue = queue_at(url, prefix="p-")
    assert (queue.name, queue.kind, queue.exchange_kind, queue.heartbeat_s) == ("p-celery", "quorum", "topic", 10)
    assert queue.options["confirm_publish"] is True
    assert (queue.options["max_retries"], queue.options["interval_start"]) == (1, 0), "a page would wait for it"
    assert not {"visibility_timeout", "global_keyprefix"} & set(queue.options)


def test_the_settings_are_those_of_the_broker_at_hand():
    queue = queue_at(settings.CELERY_BROKER_URL, prefix=settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"])
    assert queue.options == settings.CELERY_BROKER_TRANSPORT_OPTIONS
    assert settings.CELERY_TASK_DEFAULT_QUEUE == "celery"
