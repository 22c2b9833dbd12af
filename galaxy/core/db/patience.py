"""Changes to tables that others are using: one change at a time, and never one that others have to queue behind.

A statement that alters a table waits for whoever reads it, and everybody who comes later waits behind that statement.
One long report would so stop every page. So it gives up soon, lets the others through, and comes again.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable

T = TypeVar("T")
WAITS_MS = 3_000  # for a lock, with everybody else behind
PAUSE_S = 3.0  # in which they are let through
TRIES = 40  # some four minutes
LOCK = 0x67616C6D6967  # "galmig": whoever holds it is the one that migrates

# What takes away indexes that nobody uses, since building them beside others at work was broken off.
_UNFINISHED = """
SELECT i.relname, format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', n.nspname, i.relname)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE NOT x.indisvalid AND i.relkind = 'i' AND t.relkind = 'r' AND NOT t.relispartition
    AND i.relowner = current_user::regrole
"""

Say = Callable[[str], object]


def patiently(
    connection: BaseDatabaseWrapper,
    work: Callable[[], T],
    say: Say,
    *,
    waits_ms: int = WAITS_MS,
    pause_s: float = PAUSE_S,
    tries: int = TRIES,
) -> T:
    """What ``work`` returns. It is done again, from where it stopped, while somebody holds a table that it alters, and
    its last OperationalError is raised where nobody lets go. What it had done by then has to be kept by itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{waits_ms}ms"])
    try:
        for _ in range(tries - 1):
            try:
                return work()
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
            say("A table is in use, and is not waited for while others have to wait behind. Trying again.")
            time.sleep(pause_s)
            drop_unfinished(connection)
        return work()
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', '0', false)")


def drop_unfinished(connection: BaseDatabaseWrapper) -> list[str]:
    """Take away what is left of indexes that were being built concurrently, which would be in the way of building them
    again. Returns their names. Nobody else may be building one."""
    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED)
        found = cursor.fetchall()
        for _, statement in found:
            cursor.execute(statement)
    return [name for name, _ in found]


@contextmanager
def alone(connection: BaseDatabaseWrapper, say: Say) -> Iterator[None]:
    """Within, nobody else is in here on this database. Whoever comes second waits, and finds it done."""
    with closing(connection.copy()) as own, own.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            say("Somebody else is migrating this database; waiting for them.")
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield
