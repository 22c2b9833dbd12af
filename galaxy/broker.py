"""Celery's transport over Redis or Valkey, with one client for each channel.

kombu makes one anew for each message that it sends or acknowledges (kombu/transport/redis.py, ``conn_or_acquire``),
which takes longer than the command itself. A client is only a way into the channel's pool, whose connections it takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

SCHEMES = ("redis", "rediss")


class Channel(redis.Channel):
    _kept: Any = None

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        if client is not None:
            yield client
            return
        kept = self._kept
        if kept is None or kept.connection_pool is not self.pool:  # none yet, or the pool was closed, as after a fork
            with super().conn_or_acquire() as kept:
                self._kept = kept
        yield kept


class Transport(redis.Transport):
    Channel = Channel


def register() -> None:
    """Let addresses of Redis lead here; before the first connection."""
    TRANSPORT_ALIASES.update(dict.fromkeys(SCHEMES, f"{__name__}:Transport"))
