"""What a request for approval shows of the call that it is about, beyond the facts it was made with."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from galaxy.core.db.prepared import prepared
from galaxy.core.models import User
from policies.models import Approval
from policies.subjects import FieldChange, Panels, Record
from registry.manifests import ActionSpec, Manifest
from registry.models import Kind
from registry.services import verified_manifest
from sandbox.models import Rehearsal, Run
from sandbox.shown import shown_value

SAMPLE = 3  # entries of a list, and fields of an answer, that are told one by one


def show(approval: Approval, reader: User) -> Panels:
    """The panels of a request about a run, whoever reads it: everything in them is hidden as its facts are."""
    run = _run.one(workspace=approval.workspace_id, pk=approval.subject_id)
    if run is None:  # kept elsewhere for less long than its request
        return Panels(effect_note="The run is not kept any more.")
    manifest = verified_manifest(run.version_digest)
    action = manifest.actions.get(run.target.removeprefix(f"{manifest.id}.")) or manifest.actions.get(run.target)
    found = _rehearsal.one(workspace=approval.workspace_id, approval=approval.pk)
    return Panels(
        effect=tuple((label, words) for label, words in found.figures) if found else (),
        tried_at=found.tried_at if found else None,
        effect_note=found.note if found else _why_untried(approval, run, action),
        has_failed=found.has_failed if found else None,
        records=tuple(_record(one) for one in found.records) if found else (),
        records_note=found.records_note if found else "",
        undo=_undo(manifest, action),
        payer=_payer(run, action),
        facts=tuple(_facts(approval, found, action)),
    )


@prepared
def _run(workspace: UUID, pk: UUID) -> QuerySet[Run]:
    rows = Run.objects.filter(workspace=workspace, pk=pk)
    return rows.select_related("version__extension", "connection", "workspace")


@prepared
def _rehearsal(workspace: UUID, approval: UUID) -> QuerySet[Rehearsal]:
    return Rehearsal.objects.filter(workspace=workspace, approval=approval).select_related("run")


@prepared
def _trial(workspace: UUID, run: UUID) -> QuerySet[Run]:
    rows = Run.objects.filter(workspace=workspace, rehearses=run, parent=None)
    return rows.order_by("-created_at")[:1]


def _why_untried(approval: Approval, run: Run, action: ActionSpec | None) -> str:
    if run.kind == Kind.TRANSFORM:
        return "A transform changes nothing anywhere, so there is nothing to try out."
    if action is None:
        return "A pack is not tried out as a whole: what its steps change is asked for step by step."
    trial = _trial.one(workspace=run.workspace_id, run=run.pk)
    if trial and trial.state in {Run.State.QUEUED, Run.State.RUNNING}:
        return "It is being tried out. Look again in a moment."
    if trial and trial.error:
        return f"It was not tried out. {trial.error['sentence']}"
    if approval.status != Approval.Status.PENDING:
        return "It was decided before it was tried out."
    return "It was not tried out."


def _record(stored: dict[str, Any]) -> Record:
    return Record(stored["name"], tuple(FieldChange(*change) for change in stored["changes"]))


def _undo(manifest: Manifest, action: ActionSpec | None) -> str:
    if action is None:
        return "Each step says for itself how it is taken back."
    if action.effect == "read":
        return "It changes nothing, so there is nothing to take back."
    undo = manifest.actions.get(action.undo or "")
    if undo is None:
        return "No way to take it back is declared."
    return f"“{undo.name}” takes it back, as a call of its own."


def _payer(run: Run, action: ActionSpec | None) -> str:
    """Whose account the call is made with, and so who pays where the other system charges for it."""
    if run.mode == Run.Mode.SIMULATED:
        return "Nobody: it is simulated."
    cost = action.raw.get("cost") if action else None
    whose = f"the account of {run.connection}" if run.connection else "this workspace"
    if cost is None:
        return f"Whatever the other system charges goes to {whose}. What it charges is not declared."
    return f"{cost['amount']} {cost.get('currency', '')} a {cost['unit']}, charged to {whose}.".replace("  ", " ")


def _facts(approval: Approval, found: Rehearsal | None, action: ActionSpec | None) -> Iterator[tuple[str, str]]:
    """Pairs of label and words: some of the many it goes to, and what the simulation answered."""
    inputs = approval.facts.get("inputs") or {}
    many = inputs.get(action.bulk["field"]) if action and action.bulk else None
    if isinstance(many, list) and many:
        more = f" and {len(many) - SAMPLE:,} more" if len(many) > SAMPLE else ""
        yield "Sample", ", ".join(shown_value(one) for one in many[:SAMPLE]) + more
    outputs = found.run.outputs if found else None
    if isinstance(outputs, dict) and outputs:
        told = [f"{name} {shown_value(value)}" for name, value in outputs.items() if value is not None]
        yield "Simulated answer", ", ".join(told[:SAMPLE])
