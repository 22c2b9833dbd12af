"""Who uses a version, in every workspace: ids and counts, never anybody's data (migrations 0016 and 0017)."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from django.db import connection

BATCH = 500
_FIRST = UUID(int=0)


def holders_of_versions(versions: Iterable[UUID]) -> Iterator[tuple[UUID, UUID]]:
    """(workspace, installation) of every active installation that is pinned to one of ``versions``."""
    ids, after = list(versions), _FIRST
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM registry_holders_of(%s, %s, %s)", [ids, after, BATCH])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < BATCH:
            return
        after = rows[-1][1]


def workspaces_of_versions(versions: Iterable[UUID]) -> dict[UUID, int]:
    """How many workspaces hold each of ``versions``; those that nobody holds are left out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM registry_holder_counts(%s)", [list(versions)])
        return dict(cursor.fetchall())


def stopped_among(pairs: Iterable[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Of (workspace, digest) pairs those whose version may not run there any more, whatever scope is open."""
    asked = set(pairs)
    if not asked:
        return set()
    with connection.cursor() as cursor:
        workspaces, digests = [list({pair[at] for pair in asked}) for at in (0, 1)]
        cursor.execute("SELECT * FROM registry_stopped(%s, %s)", [workspaces, digests])
        return {(workspace, digest) for workspace, digest in cursor.fetchall()} & asked
