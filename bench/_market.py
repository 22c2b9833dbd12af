"""The catalogues that rows 3 and 4 are measured on, made once for both in a database of their own."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench._database import fresh_database

SIZES = tuple(int(one) for one in os.environ.get("BENCH_LISTINGS", "10000,100000").split(","))

_INDEXED = ("marketplace_publicentry",)
_INDEXES = """
SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY(%s::regclass[]) AND NOT i.indisunique
"""


@contextmanager
def largest_catalogue() -> Iterator[int]:
    """The largest size, in the database that ``catalogues`` left, where nobody has made it anew since."""
    with fresh_database(keeping="catalogue") as is_there:
        if not is_there:
            for _ in _growing():
                pass
        yield SIZES[-1]


@contextmanager
def catalogues() -> Iterator[Iterator[int]]:
    """Yields the sizes, one after the other; by the time each is given out, so many listings are there."""
    with fresh_database(leaving="catalogue"):
        yield _growing()


def _growing() -> Iterator[int]:
    from django.db import connections

    from marketplace.seeding.making import make_listings

    for size in SIZES:
        with _without_indexes():
            make_listings(size, with_names=False)  # what they look like is asked when somebody publishes
        with connections["owner"].cursor() as cursor:
            for table in (*_INDEXED, "marketplace_word", "marketplace_card", "marketplace_listing"):
                cursor.execute(f"VACUUM ANALYZE {table}")
        yield size


@contextmanager
def _without_indexes() -> Iterator[None]:
    """The indexes of what is searched are made anew once all rows are there, as whoever loads so much would: the same
    ones, and built at once they are as small as after REINDEX. Those that hold rows apart stay."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(_INDEXES, [list(_INDEXED)])
        found = cursor.fetchall()
        for name, _ in found:
            cursor.execute(f"DROP INDEX {name}")
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '256MB'")
        for _, definition in found:
            cursor.execute(definition)
        cursor.execute("RESET maintenance_work_mem")


def house() -> tuple[Any, Any]:
    """(workspace, somebody who administers it)"""
    from galaxy.core.accounts import create_account
    from galaxy.core.members import create_workspace

    owner = create_account(f"bench{time.time_ns()}@example.test", password="long enough 1", name="Bench")  # noqa: S106
    return create_workspace(name="Bench", slug=f"bench-{time.time_ns()}", owner=owner), owner


def take_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """For each of ``calls``, in turns, (milliseconds by the clock, milliseconds of this process)."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began, used = time.perf_counter(), time.process_time()
            call()
            times[name].append(((time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000))
    return times
