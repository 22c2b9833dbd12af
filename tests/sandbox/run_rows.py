"""Runs, spans and outcomes as the gate would leave them, for the tests of the pages that show them."""

import secrets
from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from policies.models import Decision, Effect
from sandbox.models import Outcome, Run, Span

FINAL = {"succeeded", "failed", "unknown", "cancelled"}


def make_run(workspace, installation, user, **fields) -> Run:
    """A run that was asked for a minute ago; final ones ended half a second after they began."""
    version = installation.pin.version
    state = fields.get("state", "succeeded")
    asked = fields.pop("created_at", timezone.now() - timedelta(minutes=1))
    values = {
        "workspace": workspace,
        "installation": installation,
        "version": version,
        "version_digest": version.digest,
        "kind": "pack" if installation.extension.kind == "pack" else "action",
        "target": installation.extension.slug,
        "mode": "simulated",
        "scenario": "happy",
        "state": state,
        "requested_by": user,
        "input_digest": "0" * 64,
        "seed": 0x5F0C,
        "trace_id": secrets.token_hex(16),
        "created_at": asked,
        "decision": fields.get("decision") or make_decision(workspace),
    }
    if state in FINAL:
        values |= {"started_at": asked, "finished_at": asked + timedelta(milliseconds=500)}
    if state == "running":
        values |= {"started_at": asked, "lease_until": timezone.now() + timedelta(seconds=20), "attempt": 1}
    if state == "failed":
        values |= {"error_category": "transient", "error": {"sentence": "It did not answer.", "next_step": "Wait."}}
    return Run.objects.create(**(values | fields))


def make_decision(workspace, **fields) -> Decision:
    values = {"effect": Effect.ALLOW, "action": "x", "input": {}, "reasons": [{"code": "ok", "text": "It may read."}]}
    return Decision.objects.create(workspace=workspace, **(values | fields))


def make_span(run: Run, name: str, *, start_ms: float = 0, took_ms: float = 10, **fields) -> Span:
    values = {
        "id": uuid4(),
        "workspace": run.workspace,
        "run_id": run.pk,
        "root_run_id": run.parent_id or run.pk,
        "parent_id": run.pk,
        "name": name,
        "kind": "call",
        "started_at": run.created_at + timedelta(milliseconds=start_ms),
        "duration_ms": took_ms,
    }
    return Span.objects.create(**(values | fields))


def make_outcome(run: Run, *, is_success: bool = True, reached_at=None) -> Outcome:
    return Outcome.objects.create(
        workspace=run.workspace,
        run=run,
        name="lead_followed_up",
        is_success=is_success,
        signal="downstream_state",
        is_simulated=run.is_simulated,
        reached_at=reached_at or timezone.now(),
    )
