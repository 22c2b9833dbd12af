"""Events as bytes for a file or a response, written by PostgreSQL itself: COPY is several times as quick as Python.

Rows come in the order of the tree, some thousand at a time, each time by one statement of its own: no transaction is
held open while a slow reader reads, nothing piles up here, and an export that was interrupted goes on where it stood.
The lines are those that verify.py reads, and the cells those that it computes again.
"""

from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction

from galaxy.core.audit.packs import verify
from galaxy.core.audit.packs.selection import Places, Selection
from galaxy.core.models import Workspace

FIRST, STEP = 100, 5000  # events of the first statement, which somebody waits for, and of the others
BLOCK_BYTES = 1 << 16
_FORMULA = ", ".join(str(ord(sign)) for sign in verify.FORMULA)
# One statement, whose joins are hashed: the planner takes events and positions for independent, expects next to no rows
# and would look each of them up.
_PLAN = (
    "SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true),"
    " set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true)"
)
_BOUNDS = """
SELECT min(event_id), max(event_id) FROM (
    SELECT event_id FROM core_auditleaf WHERE workspace_id = %(workspace)s AND {places} OFFSET 0
) AS part
"""
_FROM = """
FROM core_auditleaf l
JOIN core_auditevent e ON e.workspace_id = %(workspace)s AND e.id = l.event_id AND e.id BETWEEN %(low)s AND %(high)s
LEFT JOIN core_auditdetail d
    ON d.workspace_id = %(workspace)s AND d.event_id = l.event_id AND d.event_id BETWEEN %(low)s AND %(high)s
WHERE l.workspace_id = %(workspace)s AND {places}
ORDER BY l.position
"""
_SHEET = """
COPY (
    SELECT l.position, e.id, e.occurred_at, e.action, e.actor_kind, {actor_id}, {actor}, e.target_kind, {target_id},
        {target}, {request_id}, e.simulated::text, d.fields
    {source}
) TO STDOUT (FORMAT csv, FORCE_QUOTE *)
"""
# As a table of one column whose quotes and delimiters are signs that JSON escapes, so that lines come out as they are.
_LINES = """
COPY (
    SELECT to_json(line) FROM (
        SELECT l.position, e.id, e.occurred_at, e.action, e.actor_kind, e.actor_id, e.target_kind, e.target_id,
            e.request_id, e.simulated, e.workspace_id AS workspace, e.epoch, e.xid::text AS xid,
            encode(l.hash, 'hex') AS leaf, e.commitments, encode(d.salt, 'hex') AS salt, d.fields
        {source}
    ) AS line
) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
"""


def sheet(workspace: Workspace, chosen: Selection) -> Iterator[bytes]:
    """The whole CSV, its head first."""
    yield sheet_head()
    for start, count in parts(len(chosen)):
        yield from sheet_part(workspace, chosen.part(start, count))


def lines(workspace: Workspace, chosen: Selection) -> Iterator[bytes]:
    """The whole NDJSON."""
    for start, count in parts(len(chosen)):
        yield from lines_part(workspace, chosen.part(start, count))


def parts(total: int, start: int = 0) -> Iterator[tuple[int, int]]:
    """(from, how many) of each statement, from the ``start``-th event on."""
    while start < total:
        count = min(STEP if start else FIRST, total - start)
        yield start, count
        start += count


def sheet_head() -> bytes:
    return verify.csv_row(map(verify.csv_cell, verify.COLUMNS))


def sheet_part(workspace: Workspace, places: Places) -> list[bytes]:
    """Rows of the CSV, in blocks of some BLOCK_BYTES."""
    cells = {"actor_id": "e.actor_id", "actor": "d.actor_label", "target_id": "e.target_id", "target": "d.target_label"}
    safe = {name: _safe(column) for name, column in (cells | {"request_id": "e.request_id"}).items()}
    return _copied(workspace, places, _SHEET, safe)


def lines_part(workspace: Workspace, places: Places) -> list[bytes]:
    """Lines of the NDJSON, in blocks of some BLOCK_BYTES."""
    return _copied(workspace, places, _LINES, {})


def _safe(column: str) -> str:
    """A text that begins like a formula gets a ' before it."""
    return f"CASE WHEN ascii({column}) IN ({_FORMULA}) THEN '''' || {column} ELSE {column} END"


def _copied(workspace: Workspace, places: Places, statement: str, cells: dict[str, str]) -> list[bytes]:
    where: dict[str, Any] = {"workspace": workspace.pk}
    if isinstance(places, range):
        condition = "position >= %(start)s AND position < %(end)s"
        where |= {"start": places.start, "end": places.stop}
    else:
        condition = "position = ANY(%(places)s::bigint[])"
        where |= {"places": places.tolist()}
    source = _FROM.format(places=f"l.{condition}")
    blocks: list[bytes] = []
    held: list[Any] = []
    size = 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PLAN)  # which tells PostgreSQL the scope as well: COPY goes past what does that otherwise
        cursor.execute(_BOUNDS.format(places=condition), where)
        where["low"], where["high"] = cursor.fetchone()
        # Put together here, since COPY takes no parameters, and Django's cursor for debugging hands none on.
        with cursor.copy(cursor.mogrify(statement.format(source=source, **cells), where)) as copy:
            for row in copy:
                held.append(row)
                size += len(row)
                if size >= BLOCK_BYTES:
                    blocks.append(b"".join(held))
                    held, size = [], 0
    return [*blocks, b"".join(held)]
