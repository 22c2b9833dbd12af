"""The server that all processes count at: one client for each process, and scripts that run there as one step."""

from functools import lru_cache

from django.conf import settings
from redis import Redis
from redis.commands.core import Script

TIMEOUT_S = 3


@lru_cache(maxsize=1)
def client() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)


@lru_cache(maxsize=8)
def script(text: str) -> Script:
    """A script by its text; it is sent whole once, and by its name from then on."""
    return client().register_script(text)
