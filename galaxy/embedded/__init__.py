"""PostgreSQL and Valkey for a machine that has neither.

``ensure(root)`` makes both answer on Unix sockets and returns their addresses. The servers outlive the process that
started them; every later call finds them in a few milliseconds. Everything lies under ``root`` (usually ``.galaxy/``)::

    lock                 held while somebody starts or stops a server
    postgres/data, log   the cluster and what the server said
    postgres/alive       held by the running server itself, down to its last child (see locks.py)
    valkey/              append-only file, log, alive

This package needs the standard library and psycopg, not Django, because the settings import it. It is for development
and tests: the sockets let their operating-system user in without a password, so production brings its own servers
through DATABASE_URL, REDIS_URL and CELERY_BROKER_URL, and ``refuse_in_production`` holds it to that.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from . import postgres, valkey
from .errors import EmbeddedError
from .locks import exclusive
from .paths import Places, data_dir

__all__ = ["EmbeddedError", "Endpoints", "data_dir", "ensure", "refuse_in_production", "started_here", "status", "stop"]

_SERVERS = {"postgres": postgres, "valkey": valkey}
_started: dict[Path, set[str]] = {}


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


def ensure(root: Path, *, with_postgres: bool = True, with_valkey: bool = True, fast: bool | None = None) -> Endpoints:
    """Make the embedded servers of ``root`` answer, starting and provisioning what is missing.

    Safe to call from many processes at once: one of them starts, the others wait. ``fast`` gives up durability for
    speed and is meant for test data; by default the environment decides (GALAXY_EMBEDDED_FAST=1). It matters only to
    the call that starts a server. Raises EmbeddedError, one sentence for a person, when a server cannot run here.
    """
    refuse_in_production()
    if fast is None:
        fast = os.environ.get("GALAXY_EMBEDDED_FAST") == "1"
    places = Places.of(root)
    wanted = [name for name, asked in (("postgres", with_postgres), ("valkey", with_valkey)) if asked]
    if not all(_SERVERS[name].is_ready(places) for name in wanted):
        _start(places, wanted, fast=fast)
    addresses: dict[str, str] = {}
    for name in wanted:
        addresses |= _SERVERS[name].addresses(places)
    return Endpoints(**addresses)


def _start(places: Places, wanted: list[str], *, fast: bool) -> None:
    places.make()
    with exclusive(places.lock):
        for name in wanted:
            if not _SERVERS[name].is_ready(places) and _SERVERS[name].start(places, fast=fast):
                _started.setdefault(places.root, set()).add(name)


def started_here(root: Path) -> set[str]:
    """Names of the servers of ``root`` that this very process started: ``{"postgres", "valkey"}`` or fewer."""
    return set(_started.get(Places.of(root).root, ()))


def stop(root: Path, names: set[str] | None = None) -> list[str]:
    """Stop the running servers of ``root`` (only those in ``names``, when given), and name the ones stopped.

    Servers of other roots are never touched. Raises EmbeddedError when one does not stop.
    """
    places = Places.of(root)
    if not places.root.is_dir():
        return []
    stopped = []
    with exclusive(places.lock):
        for name, server in _SERVERS.items():
            if (names is None or name in names) and server.stop(places):
                stopped.append(name)
                _started.get(places.root, set()).discard(name)
    return stopped


def status(root: Path) -> dict[str, bool]:
    """Say which servers of ``root`` are ready: ``{"postgres": bool, "valkey": bool}``."""
    places = Places.of(root)
    return {name: server.is_ready(places) for name, server in _SERVERS.items()}


def refuse_in_production(*, debug: bool = True) -> None:
    """Raise EmbeddedError where embedded servers have no place: DEBUG off, or GALAXY_ENV=production."""
    if not debug or os.environ.get("GALAXY_ENV") == "production":
        raise EmbeddedError(
            "The embedded PostgreSQL and Valkey are for development: set DATABASE_URL, DATABASE_OWNER_URL, REDIS_URL "
            "and CELERY_BROKER_URL to servers of your own."
        )
