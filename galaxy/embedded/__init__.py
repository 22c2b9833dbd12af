"""PostgreSQL and Valkey for a machine that has neither.

``ensure(root)`` makes both answer on Unix sockets and returns their addresses. The servers outlive the process that
started them; every later call finds them in a few milliseconds. Everything lies under ``root`` (usually ``.galaxy/``)::

    lock                 held while somebody starts or stops a server
    postgres/            data (the cluster), log, alive (held by the running server itself, see locks.py)
    valkey/              append-only file, log, alive

This package needs the standard library and psycopg, not Django, because the settings call it. It is for development
and tests: the sockets let their operating-system user in without a password, so production brings its own servers
through DATABASE_URL, REDIS_URL and CELERY_BROKER_URL, and ``refuse_in_production`` holds it to that.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from . import postgres, valkey
from .errors import EmbeddedError
from .locks import exclusive
from .paths import Places, data_dir

__all__ = ["EmbeddedError", "Endpoints", "data_dir", "ensure", "refuse_in_production", "status", "stop", "wanted"]

_SERVERS = {"postgres": postgres, "valkey": valkey}
_REPLACED_BY = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}


@dataclass(frozen=True)
class Endpoints:
    """Addresses of the embedded servers; empty where ``ensure`` was not asked for that server.

    ``database_url`` logs in as galaxy_app, ``database_owner_url`` as galaxy_owner (migrations, test databases); both
    are for dj-database-url and libpq. ``redis_url`` is for redis-py, ``broker_url`` the same server for Celery.
    """

    database_url: str = ""
    database_owner_url: str = ""
    redis_url: str = ""
    broker_url: str = ""


def ensure(root: Path, names: Collection[str] = ("postgres", "valkey"), *, fast: bool | None = None) -> Endpoints:
    """Make the servers ``names`` of ``root`` answer, starting and provisioning what is missing.

    Safe to call from many processes at once: one of them starts, the others wait. ``fast`` gives up durability for
    speed and is meant for test data; by default the environment decides (GALAXY_EMBEDDED_FAST=1). It matters only to
    the call that starts a server. Raises EmbeddedError, one sentence for a person, when a server cannot run here.
    """
    refuse_in_production()
    if fast is None:
        fast = os.environ.get("GALAXY_EMBEDDED_FAST") == "1"
    places = Places.of(root)
    if not all(_SERVERS[name].is_ready(places) for name in names):
        try:
            _start(places, names, fast=fast)
        except OSError as error:
            raise EmbeddedError(f"The embedded servers cannot use {places.root}: {error.strerror}.") from error
    addresses: dict[str, str] = {}
    for name in names:
        addresses |= _SERVERS[name].addresses(places)
    return Endpoints(**addresses)


def _start(places: Places, names: Collection[str], *, fast: bool) -> None:
    places.make()
    with exclusive(places.lock):
        for name in names:
            if not _SERVERS[name].is_ready(places):
                _SERVERS[name].start(places, fast=fast)


def stop(root: Path, names: Collection[str] = ("valkey", "postgres")) -> list[str]:
    """Stop those of ``names`` that run for ``root``, and return the ones stopped.

    Servers of other roots are never touched. Raises EmbeddedError when one does not stop.
    """
    places = Places.of(root)
    if not places.root.is_dir():
        return []
    with exclusive(places.lock):
        return [name for name in names if _SERVERS[name].stop(places)]


def status(root: Path) -> dict[str, bool]:
    """Say which servers of ``root`` are ready: ``{"postgres": bool, "valkey": bool}``."""
    places = Places.of(root)
    return {name: server.is_ready(places) for name, server in _SERVERS.items()}


def wanted() -> list[str]:
    """Names of the servers that nothing in the environment replaces (DATABASE_URL, REDIS_URL, or their _FILE form)."""
    return [name for name, url in _REPLACED_BY.items() if not (os.environ.get(url) or os.environ.get(f"{url}_FILE"))]


def refuse_in_production(*, debug: bool = True) -> None:
    """Raise EmbeddedError where embedded servers have no place: DEBUG off, or GALAXY_ENV=production."""
    if not debug or os.environ.get("GALAXY_ENV") == "production":
        raise EmbeddedError(
            "The embedded PostgreSQL and Valkey are for development: set DATABASE_URL, DATABASE_OWNER_URL, REDIS_URL "
            "and CELERY_BROKER_URL to servers of your own."
        )
