"""What the workers of the row "dispatch" do: a bare Celery task, the product's own way, and a call with an effect.

Loaded by ``celery -I bench._dispatch``. The bare task writes the rows that a run of the product leaves behind (its own,
its spans, its call record, its event), with statements that were put together once.
"""

import json
import os
import time
from typing import Any
from uuid import UUID, uuid4

from celery import shared_task
from django.db import connection, transaction
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from sandbox.valkey import client

EFFECTS = "bench:dispatch:effects"

_TAKE = (
    "UPDATE sandbox_run SET state = 'running', attempt = attempt + 1, lease_until = %s, started_at = %s WHERE id = %s"
)
_RUNG = "DELETE FROM sandbox_outboxmessage WHERE run_id = %s"
_END = "UPDATE sandbox_run SET state = 'succeeded', outputs = %s, lease_until = NULL, finished_at = %s WHERE id = %s"
_SPAN = (
    "INSERT INTO sandbox_span (id, workspace_id, run_id, root_run_id, parent_id, name, kind, attempt, started_at,"
    " duration_ms, status, attributes) VALUES (%s, %s, %s, %s, %s, 'run', 'run', 1, %s, 1.5, 'ok', %s)"
)
_RECORD = (
    "INSERT INTO sandbox_callrecord (id, workspace_id, run_id, version_digest, action, mode, inputs, outputs,"
    " exchanges, called_at) VALUES (%s, %s, %s, %s, 'bench.call', 'simulated', %s, %s, '[]', %s)"
)
_EVENT = (
    "WITH event AS (INSERT INTO core_auditevent (workspace_id, occurred_at, action, actor_kind, actor_id, target_kind,"
    " target_id, request_id, simulated, commitments) VALUES (%s, %s, 'run.succeeded', 'person', %s, 'run', %s, '',"
    " true, %s) RETURNING id) INSERT INTO core_auditdetail (event_id, workspace_id, occurred_at, actor_label,"
    " target_label, fields, salt) VALUES ((SELECT id FROM event), %s, %s, 'Somebody', 'bench.call', %s, %s)"
)


def write_event(workspace: UUID, run: UUID, person: UUID, facts: dict[str, Any]) -> None:
    now, text = timezone.now(), json.dumps(facts)
    values = [workspace, now, str(person), str(run), text, workspace, now, text, b"0" * 32]
    with connection.cursor() as cursor:
        cursor.execute(_EVENT, values)


@shared_task
def bare(workspace_id: str, run_id: str, person_id: str, facts: dict[str, Any]) -> None:
    """The same rows as a run of the product, and nothing else."""
    workspace, run, now = UUID(workspace_id), UUID(run_id), timezone.now()
    values = json.dumps({"id": "x1"})
    with workspace_scope([workspace_id]):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_TAKE, [now, now, run])
            cursor.execute(_RUNG, [run])
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_END, [values, timezone.now(), run])
            spans = [uuid4() for _ in range(2)]
            cursor.execute(
                "; ".join([*([_SPAN] * 2), _RECORD]),
                [
                    *(part for span in spans for part in (span, workspace, run, run, None, now, "{}")),
                    *(uuid4(), workspace, run, "0" * 64, values, values, now),
                ],
            )
            write_event(workspace, run, UUID(person_id), facts)


@shared_task
def handed_over(workspace_id: str, run_id: str) -> None:
    """The product's way of taking a run and of its last write; what the gate does between is measured by row 11."""
    from sandbox.services.claiming import Standing, claim
    from sandbox.services.ending import end
    from sandbox.tracing import Tracer

    with workspace_scope([workspace_id]):
        run = claim(UUID(run_id), lambda run: Standing({}, "", run.obligations), lambda run: None)
        if run is None:
            return
        tracer = Tracer(run)
        tracer.waited("queue", run.created_at)
        end(run, outputs={"id": "x1"}, tracer=tracer)


class Effect:
    """A live write that is not idempotent: it counts at a place that no kill reaches."""

    is_virtual, endpoint = False, "POST bench"

    def __init__(self, run: Any):
        self.run = run

    def attempt(self, inputs: dict[str, Any], number: int) -> Any:
        from sandbox.runners import Reply

        client().hincrby(EFFECTS, str(self.run.pk), 1)
        time.sleep(0.02)  # as an answer takes, so that kills come before it as well
        return Reply(200, outputs={"id": "x1"}, has_acted=True)


if os.environ.get("BENCH_EFFECTS"):
    from sandbox.services import performing

    performing.runner_for = Effect
