"""The run that takes a pack's run back: its calls, the last one first."""

from uuid import UUID

from django.db import transaction

from sandbox.errors import RunError
from sandbox.models import Category, Run, RunPayload
from sandbox.packs.steps import PerformStep, StepWaits
from sandbox.services.ending import end
from sandbox.services.forgetting import kept_until
from sandbox.services.leases import park
from sandbox.tracing import Tracer
from sandbox.undoing.compensating import WORDS, take_back
from sandbox.undoing.family import family_of
from sandbox.undoing.filling import KEPT
from sandbox.undoing.outcomes import take_outcome_back


def perform_undoing(run: Run, tracer: Tracer, perform_step: PerformStep) -> None:
    """Undo what ``run.undoes`` did, and tell of each step what became of it. Raises LostLease."""
    undone: Run = run.undoes  # type: ignore[assignment]
    family = family_of(undone)
    try:
        states = take_back(run, family, perform_step, run.obligations.get("redact", {}))
    except StepWaits:
        _keep_for_the_rest(run, family)
        park(run)
        return
    left = [f"“{step}” {WORDS[state]}" for step, state in states.items() if state != "succeeded"]
    error = None
    if left:
        error = RunError(
            Category.TOOL_ERROR,
            "undo_incomplete",
            sentence=f"Not everything was taken back: {'; '.join(left)}.",
            next_step="Look into the other systems, and take it back there.",
        )
        error.compensation = states
    with transaction.atomic():
        end(run, outputs=states, error=error, tracer=tracer)
        if error is None:
            take_outcome_back(run, undone)


def _keep_for_the_rest(run: Run, family: list[UUID]) -> None:
    """What the calls after the one that waits are taken back with, for as long as an answer may take."""
    kept = RunPayload.objects.filter(workspace=run.workspace_id, run__parent__in=family, data__has_key=KEPT)
    kept.update(keep_until=kept_until())
