"""What an operator's Prometheus reads of runs: sums over all workspaces, from functions that name none of them."""

from collections.abc import Iterator

from django.db import connection
from prometheus_client.core import GaugeMetricFamily, Metric

from sandbox.metrics.sketch import merged

_PLAIN = {
    "queue_age": ("galaxy_queue_oldest_seconds", "Age of the run that has been queued for longest."),
    "approvals": ("galaxy_approvals_waiting", "Requests that wait for a person."),
    "approval_age": ("galaxy_approvals_oldest_seconds", "Age of the request that has waited for longest."),
    "breakers": ("galaxy_breakers_open", "Breakers that hold calls back."),
    "issues": ("galaxy_issues_open", "Issues that wait for a person."),
    "uncounted": ("galaxy_rollup_waiting_runs", "Runs that ended and are in no figure yet."),
    "behind": ("galaxy_rollup_behind_seconds", "How far figures are behind."),
    "unsent": ("galaxy_traces_waiting_runs", "Runs whose traces wait for the collector."),
}
_SHARES = (0.5, 0.95, 0.99)


def figures() -> Iterator[Metric]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, kind, mode, result, value FROM sandbox_operator_figures()")
        rows = cursor.fetchall()
        cursor.execute("SELECT kind, mode, latency FROM sandbox_operator_latency()")
        latencies = cursor.fetchall()
    runs = GaugeMetricFamily(
        "galaxy_runs_unfinished", "Runs that are not over, by what they wait for.", labels=["state"]
    )
    ended = GaugeMetricFamily(
        "galaxy_runs_ended_today", "Runs that ended since 00:00 UTC.", labels=["kind", "mode", "result"]
    )
    for name, kind, mode, result, value in rows:
        if name == "runs":
            runs.add_metric([kind], value)
        elif name == "ended":
            ended.add_metric([kind, mode, result], value)
        else:
            yield GaugeMetricFamily(*_PLAIN[name], value=value)
    yield runs
    yield ended
    yield _latency(latencies)


def _latency(rows: list[tuple[str, str, list[bytes]]]) -> Metric:
    found = GaugeMetricFamily(
        "galaxy_run_duration_seconds",
        "Time of runs that ended in this hour and the one before, exact to 1 %.",
        labels=["kind", "mode", "quantile"],
    )
    for kind, mode, packed in rows:
        sketch = merged(bytes(one) for one in packed)
        for share in _SHARES:
            if (value := sketch.quantile(share)) is not None:
                found.add_metric([kind, mode, str(share)], round(value / 1000, 6))
    return found
