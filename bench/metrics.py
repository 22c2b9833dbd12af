"""Row 9: figures of actions from roll-ups, beside the exact ones from runs, what they take to keep, and the dashboard.

A week of 25 actions, twelve calls an hour each, with five spans a run: the density of five million spans of 500
actions, on a twentieth of the rows, since the machines that this runs on are small. Runs and spans are written as the
gate leaves them and rolled up by the product; the exact percentiles are PostgreSQL's own of the same runs, in turns.
The dashboard's figures and page are read for 500 actions and seven days, each day of an action with its 1,400 calls.
"""

import random
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from bench._database import fresh_database
from bench._pages import asking
from bench._rows import WALL, compared, row

ACTIONS, HOURS, EACH, SPANS = 25, 168, 12, 5
BATCH = 20_000
WIDE, CALLS = 500, 1_400  # actions of the dashboard, and calls of each on a day
ROUNDS = 15
MOST_ERROR, MOST_SHARE, MOST_MS, MOST_TIMES = 1.0, 0.1, 100.0, 6.0
_row = partial(row, "9")

RUNS = """
INSERT INTO sandbox_run (id, workspace_id, installation_id, version_id, version_digest, kind, target, mode,
    connection_id, by_fallback, last_endpoint, is_check, scenario, state, requested_by_id, chain, step_id, item,
    input_digest, inputs, data_classes, obligations, seed, trace_id, attempt, given_back, error_category, error,
    created_at, started_at, finished_at)
SELECT gen_random_uuid(), %(workspace)s, %(installation)s, %(version)s, repeat('0', 64), 'action',
    'pulse.a' || (n %% %(actions)s), 'live', %(connection)s, false, '', false, '',
    CASE WHEN n %% 97 = 0 THEN 'failed' ELSE 'succeeded' END, %(person)s, '[]', '', 0, repeat('0', 64), '{}', '[]',
    '{}', n, md5(n::text), 1, 0, CASE WHEN n %% 97 = 0 THEN 'transient' ELSE '' END,
    CASE WHEN n %% 97 = 0 THEN '{"error_code": "http_500", "status": 500}'::jsonb END, at, at,
    at + (40 + 10 * (n %% %(actions)s)) * exp(0.6 * sqrt(-2 * ln(1 - u)) * cos(2 * pi() * v)) * interval '1 ms'
FROM (SELECT n, random() AS u, random() AS v, %(since)s + n::float8 / %(runs)s * interval '168 hours' AS at
      FROM generate_series(%(first)s, %(first)s + %(batch)s - 1) n) runs
"""
SPANS_OF = """
INSERT INTO sandbox_span (id, workspace_id, run_id, root_run_id, parent_id, name, kind, attempt, started_at,
    duration_ms, status, attributes)
SELECT gen_random_uuid(), r.workspace_id, r.id, r.id, CASE WHEN k > 0 THEN r.id END,
    (ARRAY['run ' || r.target, 'queue', 'call ' || r.target, 'attempt 1', 'outputs.validate'])[k + 1],
    (ARRAY['run', 'queue', 'call', 'attempt', 'validate'])[k + 1], 1, r.created_at,
    extract(epoch FROM r.finished_at - r.started_at)::float8 * 1000, 'ok',
    (ARRAY['{"mode": "live", "state": "succeeded"}', '{}', '{"attempts": 1, "endpoint": "POST /beats"}',
        '{"status": 200}', '{}'])[k + 1]::jsonb
FROM sandbox_run r, generate_series(0, %s) k
WHERE r.workspace_id = %s AND r.created_at >= %s AND r.created_at < %s
"""
EXACT = """
SELECT target, percentile_disc(0.5) WITHIN GROUP (ORDER BY ms), percentile_disc(0.95) WITHIN GROUP (ORDER BY ms)
FROM (SELECT target, extract(epoch FROM finished_at - started_at)::float8 * 1000 AS ms FROM sandbox_run
    WHERE workspace_id = %s AND installation_id = %s AND counts_as IN ('good', 'bad') AND finished_at >= %s
        AND finished_at < %s {only}) runs GROUP BY 1
"""
BYTES = """
SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c
WHERE c.relkind = 'r' AND c.relname ~ %s AND c.relnamespace = 'public'::regnamespace
"""


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database():
        from django.test.utils import override_settings

        with override_settings(ROOT_URLCONF="bench._urls"):
            return _measure()


def _measure() -> list[dict[str, Any]]:
    from django.db import connections
    from django.utils import timezone

    from galaxy.core.scope import workspace_scope
    from sandbox.metrics.reading import figures_of
    from sandbox.metrics.rolling import roll_up
    from sandbox.metrics.windows import window_of

    installation, person = _house()
    workspace, window = installation.workspace, window_of("7d")
    since = timezone.now() - timedelta(hours=HOURS)
    with workspace_scope([workspace.pk]):
        runs = _fill(installation, person, since)
        began = time.process_time(), time.perf_counter()
        counted = roll_up()
        used, took = time.process_time() - began[0], time.perf_counter() - began[1]
        with connections["owner"].cursor() as cursor:
            cursor.execute("VACUUM ANALYZE sandbox_run")
            cursor.execute("VACUUM ANALYZE sandbox_rollup")
        one = {"target": "pulse.a7", "installations": [installation.pk]}
        calls = {
            "one action, 7 d, exact": partial(_exact, installation, window, "pulse.a7"),
            "one action, 7 d": partial(figures_of, workspace, window, **one),
            f"{ACTIONS} actions, 7 d, exact": partial(_exact, installation, window),
            f"{ACTIONS} actions, 7 d": partial(figures_of, workspace, window),
        }
        times = _take_turns(calls)
        exact = _exact(installation, window)
        told = {found.target: (found.p50_ms, found.p95_ms) for found in figures_of(workspace, window)}
        rows = [
            _row("runs rolled up, of them in spans: five each", counted, ""),
            _row("rolling one run up: processor of the worker", used / counted * 1e6, "µs"),
            _row("runs rolled up in a second", counted / took, "/s"),
            *(
                compared(
                    "9",
                    f"{name}, beside exact percentiles of runs",
                    times[name],
                    times[f"{name}, exact"],
                    "ms",
                    clock=WALL,
                )
                for name in ("one action, 7 d", f"{ACTIONS} actions, 7 d")
            ),
        ]
        worst = max(
            abs(ours / theirs - 1) * 100 for name in exact for ours, theirs in zip(told[name], exact[name], strict=True)
        )
        rows.append(_row("p50 and p95 beside the exact: worst", worst, "%", f"<= {MOST_ERROR}", worst <= MOST_ERROR))
        rows += _storage(runs)
        rows += _wide(installation, person)
    return rows


def _storage(runs: int) -> list[dict[str, Any]]:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        sizes = []
        for name in ("^sandbox_span_", "^sandbox_rollup$"):
            cursor.execute(BYTES, [name])
            sizes.append(cursor.fetchone()[0])
    raw, kept = sizes
    share = float(kept / raw)
    return [
        _row(f"{runs * SPANS:,} spans", float(raw) / 1e6, "MB"),
        _row("roll-ups by hour and day", float(kept) / 1e6, "MB"),
        _row("roll-ups, of the spans", share, "x", f"<= {MOST_SHARE}", share <= MOST_SHARE),
    ]


def _wide(installation: Any, person: Any) -> list[dict[str, Any]]:
    """500 actions with seven days of 1,440 calls each, and the page that shows them."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    from sandbox.metrics.dashboard import SLOWEST
    from sandbox.metrics.glance import glance_at
    from sandbox.metrics.reading import figures_of
    from sandbox.metrics.windows import window_of
    from sandbox.models import RollUp

    workspace, window = installation.workspace, window_of("7d")
    _fill_days(installation, window)
    ways = {"glance": partial(glance_at, workspace, window, slowest=SLOWEST)}
    ways["one by one"] = partial(figures_of, workspace, window)
    seen = _take_turns(ways)["glance"]
    processor = {way: statistics.median(used) for way, used in _take_turns(ways, time.process_time).items()}
    median, p95 = statistics.median(seen), statistics.quantiles(seen, n=20)[-1]
    page = asking(person, reverse("sandbox:dashboard", args=[workspace.slug]))
    bare = asking(person, reverse("bare", args=[workspace.slug]))
    for _ in range(4):
        page()
        bare()
    with CaptureQueriesContext(connection) as asked:
        page()
    statements = len(asked)
    used = _take_turns({"page": page, "bare": bare}, time.process_time)
    days = RollUp.objects.filter(period="day").count()
    what = f"figures of {WIDE} actions, 7 d ({days:,} roll-ups)"
    return [
        _row(f"{what}: median", median, "ms", f"<= {MOST_MS}", median <= MOST_MS),
        _row(f"{what}: 95 of 100 within", p95, "ms"),
        _row(f"{what}: processor", processor["glance"], "ms"),
        _row(f"{what}: processor, each one by itself", processor["one by one"], "ms"),
        compared(
            "3 dashboard",
            f"dashboard of {WIDE} actions, beside the bare view",
            used["page"],
            used["bare"],
            "ms",
            most=MOST_TIMES,
        ),
        _row("dashboard: statements", statements, ""),
    ]


def _house() -> tuple[Any, Any]:
    from galaxy.core.scope import workspace_scope
    from registry.services import install
    from tests.extensions import publish
    from tests.factories import make_user, make_workspace
    from tests.sandbox.health.calls import CHECKED, connect

    version = publish(CHECKED)
    person = make_user("Owner")
    workspace = make_workspace("Large", {"owner": person})
    with workspace_scope([workspace.pk]):
        installation = install(workspace, version.extension, version=version, actor=person)
        connect(installation)
    return installation, person


def _fill(installation: Any, person: Any, since: Any) -> int:
    from django.db import connection

    runs = ACTIONS * HOURS * EACH
    values = {
        "workspace": installation.workspace_id,
        "installation": installation.pk,
        "version": installation.pin.version_id,
        "connection": installation.connections.get(owner=None).pk,
        "person": person.pk,
        "actions": ACTIONS,
        "runs": runs,
        "since": since,
    }
    with connection.cursor() as cursor:
        for first in range(0, runs, BATCH):
            cursor.execute(RUNS, values | {"first": first, "batch": min(BATCH, runs - first)})
        for at in range(0, HOURS, 12):  # no statement may take long
            begin = since + timedelta(hours=at)
            cursor.execute(SPANS_OF, [SPANS - 1, installation.workspace_id, begin, begin + timedelta(hours=12)])
    return runs


def _exact(installation: Any, window: Any, target: str = "") -> dict[str, tuple[float, float]]:
    from django.db import connection

    only = "AND target = %s" if target else ""
    values = [installation.workspace_id, installation.pk, window.since, window.until, *([target] if target else [])]
    with connection.cursor() as cursor:
        cursor.execute(EXACT.format(only=only), values)
        return {name: (median, most) for name, median, most in cursor.fetchall()}


def _fill_days(installation: Any, window: Any, actions: int = WIDE) -> None:
    from sandbox.metrics.ended import Key, Sums
    from sandbox.metrics.stored import write_rollups
    from sandbox.models import RollUp

    RollUp.objects.all().delete()
    rng = random.Random(9)  # noqa: S311  (made-up times)
    added = {}
    for action in range(actions):
        key = Key(False, "action", f"pulse.a{action}", installation.pk, installation.pin.version_id)
        for start in window.starts:
            sums = Sums()
            for _ in range(CALLS // 7):
                sums.latency.add(rng.lognormvariate(4.5 + action / 200, 0.6), 7)
            sums.numbers.update({"calls": CALLS, "good": CALLS - 3, "bad": 3, "retries": 9})
            sums.errors["transient"] = 3
            added["day", start, key] = sums
    write_rollups(installation.workspace_id, {}, added)


def _take_turns(
    calls: dict[str, Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = clock()
            call()
            times[name].append((clock() - began) * 1000)
    return times
