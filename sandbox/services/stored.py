"""The call that a stored run stands for."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from galaxy.core.audit import Actor
from galaxy.core.db.prepared import prepared
from registry.errors import Altered
from registry.models import Kind
from registry.services import Resolved, outgoing_connection, verified_manifest
from sandbox import class_flow
from sandbox.errors import RunError
from sandbox.models import Category, Run, RunPayload
from sandbox.packs.marks import from_json
from sandbox.services.calls import Call

KEPT = ("steps", "flow", "skipped", "earlier")  # of how far a pack has come, for whoever asks for its run again


def call_of(run: Run) -> Call:
    """With its version's verified manifest and its raw inputs. Raises RunError if it is altered, or not installed."""
    try:
        manifest = verified_manifest(run.version_digest)
    except Altered as error:
        raise RunError(Category.POLICY_BLOCK, error.code, sentence=str(error), next_step=error.next_step) from error
    if not run.installation.is_active:
        raise RunError(
            Category.POLICY_BLOCK,
            "not_installed",
            sentence=f"{run.installation} was removed from this workspace.",
            next_step="Install it again, then run it again.",
        )
    action = None
    if run.kind == Kind.ACTION:
        action = manifest.actions.get(run.target) or manifest.actions[run.target.removeprefix(f"{manifest.id}.")]
    resolved = Resolved(run.target, run.installation, run.version, manifest, action)
    payload = payload_of(run)
    return Call(
        workspace=run.workspace,
        user=run.requested_by,
        chain=Actor.from_list(run.chain),
        resolved=resolved,
        inputs=payload.get("inputs", {}),
        mode=run.mode,
        scenario=run.scenario,
        parent=run.parent,
        step_id=run.step_id,
        idempotency_key=run.idempotency_key,
        carried=class_flow.from_json(payload.get("carried", [])),
        modes=payload.get("modes", {}),
        agent=run.agent,
        trigger=run.trigger,
        is_check=run.is_check,
        connection=run.connection or outgoing_connection(resolved, run.requested_by),
        pack=pack_of(run),
        rehearses=run.rehearses,
        held=payload.get("held", {}),
        item=run.item,
        marks=from_json(payload.get("marks", [])),
        scenarios=run.scenarios,
        is_stepped=run.is_stepped,
        is_dry=run.is_dry,
        resumes=run.resumes if run.resumes_id else None,
        undoes=run.undoes if run.undoes_id else None,
        progress={key: payload[key] for key in KEPT if key in payload} if run.kind == Kind.PACK else {},
    )


def pack_of(run: Run) -> str:
    """The name of the pack whose step this is, or whose step it tries out; "" where there is none."""
    tried = run.rehearses or run
    return tried.parent.target if tried.parent else ""


def payload_of(run: Run) -> dict[str, Any]:
    """The raw values of a run that is not over; read once for each claim, since they stay as they are until its end."""
    payload = Run._meta.get_field("payload")
    if not payload.is_cached(run):
        payload.set_cached_value(run, _stored.one(run=run.pk))
    found: Any = payload.get_cached_value(run)
    return found.data if found else {}


@prepared
def _stored(run: UUID) -> QuerySet[RunPayload]:
    """Not read along with the lock on the run: what its last worker wrote is seen once that is held."""
    return RunPayload.objects.filter(run=run)
