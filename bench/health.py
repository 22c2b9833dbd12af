"""Health: the figures of one workspace's connectors, and those of versions across workspaces, over a million runs.

A million live calls of thirty days by twenty connectors with a hundred actions, so that a quarter of a million lie
within the seven days of the objective; a tenth lies in other workspaces. Beside each figure stands the least that it
can be made of, in the same run and taking turns: one aggregate in plain SQL over the same rows.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench._database import fresh_database
from bench._rows import WALL, compared, row

RUNS = 1_000_000
CONNECTORS = 20
ACTIONS = 5  # of each
BATCH = 50_000  # rows of one statement
ROUNDS = 9
MOST_RATIO = 1.5
_row = partial(row, "113")

# Where each run falls follows from its number alone, so that every measurement has the same rows.
FILL = """
INSERT INTO sandbox_run (id, workspace_id, installation_id, version_id, version_digest, kind, target, mode,
    connection_id, by_fallback, last_endpoint, is_check, scenario, state, requested_by_id, chain, step_id, item,
    input_digest, inputs, data_classes, obligations, seed, trace_id, attempt, given_back, error_category, error,
    created_at, started_at, finished_at)
SELECT gen_random_uuid(), %(workspace)s, c.installation, c.version, repeat('0', 64), 'action',
    'pulse' || (n %% %(connectors)s) || '.a' || (n / 7 %% %(actions)s), 'live', c.connection, false, '', false, '',
    CASE WHEN n %% 300 = 0 OR n %% 50 = 1 THEN 'failed' ELSE 'succeeded' END, %(person)s, '[]', '', 0,
    repeat('0', 64), '{}', '[]', '{}', n, repeat('0', 32), 1, 0,
    CASE WHEN n %% 300 = 0 THEN 'transient' WHEN n %% 50 = 1 THEN 'validation' ELSE '' END,
    CASE WHEN n %% 300 = 0 OR n %% 50 = 1 THEN '{"error_code": "http_500", "status": 500}'::jsonb END,
    at, at, at + n %% 900 * interval '1 ms'
FROM (SELECT n, now() - n::float8 / %(runs)s * interval '30 days' AS at
      FROM generate_series(%(first)s, %(first)s + %(batch)s - 1) n) runs
JOIN unnest(%(installations)s::uuid[], %(versions)s::uuid[], %(connections)s::uuid[])
    WITH ORDINALITY AS c (installation, version, connection, number) ON c.number - 1 = n %% %(connectors)s
"""
PLAIN = """
SELECT installation_id, counts_as, count(*) FROM sandbox_run
WHERE workspace_id = %s AND counts_as IN ('good', 'bad', 'caller') AND installation_id = ANY (%s)
    AND created_at >= now() - interval '7 days' GROUP BY 1, 2
"""


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database():
        return _measure()


def _measure() -> list[dict[str, Any]]:
    from django.db import connection, connections

    from galaxy.core.scope import workspace_scope
    from sandbox.health.page import health_page
    from sandbox.health.standing import standings_of
    from sandbox.health.versions import count_versions

    installations = _fill()
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE sandbox_run")
    workspace, admin = installations[0].workspace, installations[0].installed_by
    ids = [one.pk for one in installations]

    def plain(some: list[Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(PLAIN, [workspace.pk, some])
            cursor.fetchall()

    with workspace_scope([workspace.pk]):
        times = _take_turns(
            {
                "list of 20 connectors": partial(standings_of, installations),
                "list of 20 connectors, plain SQL": partial(plain, ids),
                "page of one connector": partial(health_page, installations[0], admin),
                "page of one connector, plain SQL": partial(plain, ids[:1]),
                "list of one connector": partial(standings_of, installations[:1]),
            }
        )
    times |= _take_turns({"figures of all versions, every 15 min": count_versions})
    rows = [_row(f"{name}: median", statistics.median(seen), "ms") for name, seen in times.items()]
    ours, theirs = times["list of 20 connectors"], times["list of 20 connectors, plain SQL"]
    what = "list of 20 connectors, beside plain SQL"
    rows.append(compared("113", what, ours, theirs, "ms", clock=WALL, most=MOST_RATIO))
    return rows


def _take_turns(calls: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - began) * 1000)
    return times


def _fill() -> list[Any]:
    """A million runs, nine tenths of them in the workspace whose installations are returned."""
    from django.db import connection

    from galaxy.core.scope import workspace_scope
    from registry.services import install
    from tests.extensions import publish
    from tests.factories import make_user, make_workspace
    from tests.sandbox.health.calls import CHECKED, connect

    versions = [publish(CHECKED.replace("connector: pulse", f"connector: pulse{at}")) for at in range(CONNECTORS)]
    found: list[Any] = []
    for name, share in (("Large", 18), ("Small", 1), ("Other", 1)):
        person = make_user(name)
        workspace = make_workspace(name, {"owner": person})
        with workspace_scope([workspace.pk]):
            installed = [install(workspace, one.extension, version=one, actor=person) for one in versions]
            reached = [connect(one) for one in installed]
            values = {
                "workspace": workspace.pk,
                "person": person.pk,
                "runs": RUNS * share // 20,
                "batch": BATCH,
                "connectors": CONNECTORS,
                "actions": ACTIONS,
                "installations": [one.pk for one in installed],
                "versions": [one.pk for one in versions],
                "connections": [one.pk for one in reached],
            }
            with connection.cursor() as cursor:
                for first in range(0, RUNS * share // 20, BATCH):
                    cursor.execute(FILL, values | {"first": first})
        found = found or installed
    return found
