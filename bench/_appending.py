"""Clients that append events, in processes of their own: the statement of ``audit.record``, its values made ready."""

import multiprocessing
import threading
import time
from typing import Any

import psycopg

PROCESSES, THREADS = 4, 4
_PATIENCE_S = 60
# One transaction each, as the smallest change that is recorded; the moment is the database's.
_APPEND = """
WITH event AS (
    INSERT INTO core_auditevent (workspace_id, occurred_at, action, actor_kind, actor_id, target_kind, target_id,
        request_id, simulated, commitments)
    VALUES (%(workspace)s::uuid, clock_timestamp(), 'box.opened', 'person', %(actor)s, 'workspace',
        %(workspace)s::uuid::text, '', false, %(commitments)s::jsonb)
    RETURNING id, occurred_at
)
INSERT INTO core_auditdetail (event_id, workspace_id, occurred_at, actor_label, target_label, fields, salt)
SELECT id, %(workspace)s::uuid, occurred_at, 'Bench', 'Bench', %(fields)s::jsonb, %(salt)s FROM event
"""


def append_for(seconds: float, place: dict[str, Any], events: list[dict[str, Any]]) -> int:
    """Let PROCESSES x THREADS clients append for so long; returns how many events were committed.

    ``place`` is where psycopg connects to; ``events`` has the values of one event for each workspace, which clients
    take by turns.
    """
    context = multiprocessing.get_context("spawn")
    ready, go, counts = context.Semaphore(0), context.Event(), context.Queue()
    workers = [
        context.Process(target=_client, args=(seconds, place, events[number::PROCESSES] or events, ready, go, counts))
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for _ in range(PROCESSES * THREADS):
        if not ready.acquire(timeout=_PATIENCE_S):
            raise RuntimeError("A client did not come up.")
    go.set()
    done = sum(counts.get(timeout=seconds + _PATIENCE_S) for _ in range(PROCESSES * THREADS))
    for worker in workers:
        worker.join()
    return done


def _client(
    seconds: float, place: dict[str, Any], events: list[dict[str, Any]], ready: Any, go: Any, counts: Any
) -> None:
    def append(values: dict[str, Any]) -> None:
        count = 0
        with psycopg.connect(**place, autocommit=True) as connection:
            scope = "{" + values["workspace"] + "}"
            connection.execute("SELECT set_config('galaxy.workspaces', %s, false)", [scope])
            ready.release()
            go.wait()
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                connection.execute(_APPEND, values, prepare=True)
                count += 1
        counts.put(count)

    threads = [threading.Thread(target=append, args=[events[number % len(events)]]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
