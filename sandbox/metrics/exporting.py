"""Traces of runs that are over, sent on by OTLP from the spans that are stored.

What is to be sent is noted by the transaction that counts a run, and struck out once the collector took its spans: a
kill in between sends the same spans once more, under the same ids. While the collector is away notes wait, up to
MOST_WAITING of a workspace; beyond that the oldest are dropped and counted. No run ever waits for any of it.

What leaves are names and numbers: of attributes only those of SENT, never inputs, outputs, addresses or labels.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from galaxy.core.sweeps import apart
from galaxy.core.telemetry import exports_traces, otlp
from galaxy.core.telemetry.tallies import BATCHES_FAILED, SPANS_DROPPED, note
from sandbox.models import Run, Span, Unsent

log = structlog.get_logger(__name__)
BATCH = 200  # runs
MOST_WAITING = 20_000  # runs of one workspace
SENT = {
    "status": "http.response.status_code",
    "attempts": "galaxy.attempts",
    "wait_ms": "galaxy.wait_ms",
    "virtual": "galaxy.virtual",
    "effect": "galaxy.effect",
    "policy_version": "galaxy.policy_version",
    "mode": "galaxy.mode",
    "state": "galaxy.state",
}
_FIELDS = ("pk", "workspace_id", "trace_id", "trace_parent", "parent_id", "target", "kind", "mode", "version_digest")


def export_traces() -> int:
    """Send what waits, workspace by workspace; returns how many runs that were. Stops where the collector is away."""
    if not exports_traces():
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM sandbox_workspaces_with_unsent()")
        ids = [row[0] for row in cursor.fetchall()]
    sent = 0
    for id in ids:
        with apart("export_traces", id):
            drop_too_many(id)
            while batch := export_batch(id):
                if batch < 0:
                    return sent
                sent += batch
    return sent


@transaction.atomic
def export_batch(workspace_id: UUID) -> int:
    """Send the spans of at most BATCH runs; returns how many runs, 0 where none waits, -1 where it could not send."""
    waiting = Unsent.objects.filter(workspace=workspace_id).order_by("noted_at", "run_id")
    ids = list(waiting.select_for_update(skip_locked=True).values_list("run_id", flat=True)[:BATCH])
    if not ids:
        return 0
    if not otlp.send(list(told_of(workspace_id, ids))):
        note(BATCHES_FAILED)
        log.warning("traces could not be sent, they wait", workspace=str(workspace_id), runs=len(ids))
        return -1
    Unsent.objects.filter(workspace=workspace_id, run_id__in=ids).delete()
    return len(ids)


def drop_too_many(workspace_id: UUID) -> int:
    """Let the oldest notes go where too many wait; returns how many, which are counted."""
    waiting = Unsent.objects.filter(workspace=workspace_id)
    over = waiting.count() - MOST_WAITING
    if over <= 0:
        return 0
    oldest = list(waiting.order_by("noted_at").values_list("run_id", flat=True)[:over])
    dropped = Span.objects.filter(workspace=workspace_id, run_id__in=oldest).count()
    waiting.filter(run_id__in=oldest).delete()
    note(SPANS_DROPPED, dropped)
    log.warning("traces were dropped, too many waited", workspace=str(workspace_id), runs=len(oldest))
    return len(oldest)


def told_of(workspace_id: UUID, ids: list[UUID]) -> Iterator[otlp.Told]:
    """The spans of those runs as they are sent."""
    runs = {run["pk"]: run for run in Run.objects.filter(workspace=workspace_id, pk__in=ids).values(*_FIELDS)}
    roots = {run["parent_id"] or run["pk"] for run in runs.values()}
    spans = Span.objects.filter(workspace=workspace_id, root_run_id__in=roots, run_id__in=list(runs))
    for span in spans.order_by("started_at").iterator():
        yield _told(span, runs[span.run_id])


def _told(span: Span, run: dict[str, Any]) -> otlp.Told:
    is_root = span.id == span.run_id and run["parent_id"] is None
    return otlp.Told(
        id=span.id,
        trace_id=run["trace_id"],
        name=span.name,
        started_at=span.started_at,
        duration_ms=span.duration_ms,
        parent_id=span.parent_id,
        remote_parent=run["trace_parent"] if is_root else "",
        is_error=span.status == Span.Status.ERROR,
        calls_out=span.kind == "attempt",
        attributes=_attributes(span, run),
    )


def _attributes(span: Span, run: dict[str, Any]) -> dict[str, otlp.Value]:
    found: dict[str, otlp.Value] = {
        "galaxy.run": str(run["pk"]),
        "galaxy.workspace": str(run["workspace_id"]),
        "galaxy.target": run["target"],
        "galaxy.kind": run["kind"],
        "galaxy.mode": run["mode"],
        "galaxy.version": run["version_digest"],
        "galaxy.span": span.kind,
        "galaxy.attempt": span.attempt,
    }
    for name, sent in SENT.items():
        value = span.attributes.get(name)
        if isinstance(value, bool | int | float) or _is_word(value):
            found[sent] = value
    return found


def _is_word(value: Any) -> bool:
    """Whether it is one of our own names: what a policy said, a mode, a state."""
    return isinstance(value, str) and len(value) <= 20 and value.isidentifier()
