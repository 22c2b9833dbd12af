"""Whether the run of a pack reached what the pack is for."""

from typing import Any

from registry.manifests.functions import EvaluationFailed, evaluate
from registry.models import Kind
from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.packs.flowing import has_signal
from sandbox.packs.progress import Progress


def outcome_of(run: Run, progress: Progress) -> dict[str, Any] | None:
    """{name, is_success, signal}, or None where the pack declares nothing. Raises RunError."""
    declared = progress.manifest.canonical.get("outcome")
    if not declared:
        return None
    try:
        reached = evaluate(declared["success"], progress.seen, seed=run.seed, now=run.created_at.isoformat())
    except EvaluationFailed as error:
        raise RunError(
            Category.VALIDATION, "outcome_failed", sentence=f"The outcome cannot be told: {error}"
        ) from error
    is_success = bool(reached) and _has_signal(run, progress, declared["signal"])
    return {"name": declared["name"], "is_success": is_success, "signal": declared["signal"]}


def _has_signal(run: Run, progress: Progress, signal: str) -> bool:
    done = Run.objects.filter(
        workspace=run.workspace_id, parent__in=progress.family, undoes=None, state=Run.State.SUCCEEDED
    )
    return has_signal(
        signal,
        has_acted=signal == "downstream_state" and done.filter(kind=Kind.ACTION).exists(),
        is_approved=signal == "approved" and done.filter(approval__consumed_at__isnull=False).exists(),
    )
