"""How Celery speaks to its broker, by the kind of broker that the address names.

A broker carries doorbells: what has to be done stands in PostgreSQL, and is rung for again where one is lost. So each
setting here is about how soon a message of a killed worker comes back, and about noticing that a broker is gone.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

RABBITMQ = frozenset({"amqp", "amqps", "pyamqp"})
ANSWERS_S = 3  # within which Valkey answers, as its other clients have it (sandbox.valkey)
LOOKED_AT_S = 8  # how often a link to it that waits is asked whether it lives


@dataclass(frozen=True)
class Queue:
    """``options`` go to kombu's transport; ``heartbeat_s`` is asked of RabbitMQ alone."""

    name: str = "celery"
    kind: str = "classic"
    exchange_kind: str = "direct"
    heartbeat_s: int = 0
    options: dict[str, Any] = field(default_factory=dict)


def queue_at(url: str, *, prefix: str = "") -> Queue:
    """The queue at the broker ``url``. ``prefix`` keeps those of several Galaxies on one broker apart."""
    if urlsplit(url).scheme in RABBITMQ:
        return _at_rabbitmq(prefix)
    return Queue(
        options={
            # Celery's defaults bring a killed worker's task back only after about 100 s (kombu/transport/redis.py).
            "visibility_timeout": 60,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "global_keyprefix": prefix,
            # A server that is gone without a word, with its host or behind a firewall that forgot the connection, would
            # be waited for without end: by whoever rings, and by a worker that acknowledges or looks for what came
            # back. What a worker waits for tasks with has no such end; kombu makes it anew when it is overdue by
            # health_check_interval, and looks that often: within 1 + 2 * LOOKED_AT_S seconds.
            "socket_timeout": ANSWERS_S,
            "socket_connect_timeout": ANSWERS_S,
            "socket_keepalive": True,
            "health_check_interval": LOOKED_AT_S,
        }
    )


def _at_rabbitmq(prefix: str) -> Queue:
    """A quorum queue, which survives the loss of a node and whatever RabbitMQ had not written down yet. Tasks that wait
    are held by RabbitMQ, which takes an exchange by topic (celery/worker/consumer/delayed_delivery.py). What a worker
    had not acknowledged comes back the moment its connection ends, and after two missed heartbeats where its host
    went with it."""
    return Queue(
        name=f"{prefix}celery",
        kind="quorum",
        exchange_kind="topic",
        heartbeat_s=10,
        options={
            "confirm_publish": True,  # else what is sent while RabbitMQ goes down is lost without an error
            # A broker that blocks, for want of memory or disk, is told like one that is away.
            "read_timeout": 20,
            "write_timeout": 10,
            # Who rings while it is away does not wait for it: one more try, which may be another node's, and at once.
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.2,
            "client_properties": {"connection_name": "galaxy"},
        },
    )
