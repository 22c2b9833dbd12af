"""Going on where the run of a pack failed, and with the next step of one that goes step by step."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, DomainError
from galaxy.core.models import Agent, User
from galaxy.core.permissions import require
from registry.models import Installation, Kind, Version
from registry.services import Resolved, is_simulation_forced, resolve
from sandbox.errors import NotRetriable
from sandbox.models import Run, RunPayload
from sandbox.services.admission import admit
from sandbox.services.calls import Call
from sandbox.services.doorbells import queue
from sandbox.services.stored import KEPT
from sandbox.stopping import refusal_of
from sandbox.tracing import outlives_its_spans
from sandbox.undoing.filling import changes_something


@outlives_its_spans
@transaction.atomic
def retry_pack(run: Run, *, actor: User, agent: Agent | None = None) -> Run:
    """A new run that takes over what ``run``, which failed, had finished, and goes on at the step where it failed.

    It takes the same inputs and holds to the same versions, and comes through the gate as a call of ``actor``. Where it
    is simulated its samples are the happy ones: the failure was tried already. Answers the run there is where it was
    retried before, and one that has failed already where policy says no. Raises NotGranted for another's run, or
    NotRetriable.
    """
    locked = Run.objects.select_for_update(of=("self",)).select_related("workspace", "version").get(pk=run.pk)
    if locked.requested_by_id != actor.pk:
        require(actor, "core.write_installation", locked.workspace)
    began = Q(started_at__isnull=False) | ~Q(state__in=[Run.State.CANCELLED, Run.State.FAILED])
    later = locked.resumed_by.filter(began).exclude(state=Run.State.CANCELLED).select_related("workspace").first()
    if later:
        return later
    if why := why_not_retried(locked):
        raise NotRetriable(why)
    data = RunPayload.objects.get(run=locked).data
    run_id = uuid4()
    found = _same_version(locked, run_id)
    _require_held(locked, data.get("held", {}))
    if locked.mode == Run.Mode.LIVE and is_simulation_forced(found, actor):
        raise NotRetriable("It ran live, and what it reaches is not connected any more.", "Connect it, then retry.")
    call = Call(
        workspace=locked.workspace,
        user=actor,
        chain=Actor.of_agent(agent) if agent else Actor.of(actor),
        resolved=found,
        inputs=data["inputs"],
        mode=locked.mode,
        scenario=Run.Scenario.HAPPY if locked.scenario else "",
        is_dry=locked.is_dry,
        agent=agent,
        run_id=run_id,
        held=data.get("held", {}),
        resumes=locked,
        progress={key: data[key] for key in KEPT if key in data}
        | {"earlier": [str(locked.pk), *data.get("earlier", [])]},
    )
    made = admit(call)
    if not made.error:
        _keep_values(made, call.progress["earlier"])
    return made


def _keep_values(made: Run, earlier: list[str]) -> None:
    """The values of the runs before it are read until it is over, so they are kept as long as its own would be."""
    until = timezone.now() + timedelta(days=settings.SANDBOX_KEEP_ASKED_DAYS)
    kept = RunPayload.objects.filter(Q(run__in=earlier) | Q(run__parent__in=earlier), workspace=made.workspace_id)
    kept.update(keep_until=until)


def why_not_retried(run: Run) -> str:
    """Why nothing can go on where ``run`` stopped, as a sentence; "" where it can."""
    if run.kind != Kind.PACK or run.parent_id or run.rehearses_id or run.undoes_id:
        return "Only the run of a pack goes on where it failed."
    if run.state != Run.State.FAILED:
        return f"It is {run.get_state_display().lower()}, and only what failed is retried."
    if (run.error or {}).get("compensation") is not None:
        return "What it had done was taken back, so there is nothing to go on with."
    steps = Run.objects.filter(workspace=run.workspace_id, parent=run)
    if steps.filter(state=Run.State.UNKNOWN).exists():
        return "Nobody knows yet what became of one of its steps. Settle that first."
    if not RunPayload.objects.filter(run=run, keep_until__isnull=False, data__has_key="inputs").exists():
        return "Its values are not kept any more."
    if run.mode != Run.Mode.SIMULATED and _did_something(run.resumed_by.filter(state=Run.State.CANCELLED)):
        return "What went on with it was cancelled after it had done something, which would be done once more."
    return ""


def _did_something(runs: QuerySet[Run]) -> bool:
    """Whether a live step of any of the packs' ``runs`` changed something, or may have."""
    took_effect = [Run.State.SUCCEEDED, Run.State.UNKNOWN]
    steps = Run.objects.filter(parent__in=runs, kind=Kind.ACTION, mode=Run.Mode.LIVE, state__in=took_effect)
    # One for each step of the pack: those of a loop call the same.
    return any(changes_something(one) for one in steps.order_by("step_id", "target").distinct("step_id", "target"))


@transaction.atomic
def step_on(run: Run, *, actor: User, chain: Actor | None = None) -> Run:
    """Let the run of a pack that paused after a step go on with the next one. ``chain`` is who acts where it is more
    than ``actor``. Raises NotGranted, or Conflict."""
    locked = Run.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=run.pk)
    if locked.requested_by_id != actor.pk:
        require(actor, "core.write_installation", locked.workspace)
    if not is_paused(locked):
        raise Conflict("It does not wait to go on.", "Reload the page.")
    locked.state = Run.State.QUEUED
    locked.save(update_fields=["state"])
    RunPayload.objects.filter(run=locked).update(keep_until=None)
    queue(locked)
    after = {"state": locked.state}
    audit.record("run.stepped", actor=chain or actor, target=locked, simulated=True, after=after)
    return locked


def is_paused(run: Run) -> bool:
    """Whether it waits for somebody to say that it may go on, and for nothing else."""
    if not run.is_stepped or run.state != Run.State.WAITING or run.approval_id:
        return False
    return not Run.objects.filter(workspace=run.workspace_id, parent=run, state=Run.State.WAITING).exists()


def _same_version(run: Run, run_id: UUID) -> Resolved:
    held = {str(run.installation_id): run.version_digest}
    try:
        return resolve(run.workspace, run.target, key=str(run_id), held=held)
    except DomainError as error:
        raise NotRetriable(f"{run.version} is not here any more. {error}") from error


def _require_held(run: Run, held: dict[str, str]) -> None:
    """Raises NotRetriable, naming every version that the run held to and that does not run here any more."""
    here: dict[str, Any] = {
        str(one.pk): one
        for one in Installation.objects.in_workspace(run.workspace).active().select_related("extension", "workspace")
    }
    versions = {
        (row.extension_id, row.digest): row
        for row in Version.objects.filter(digest__in=held.values()).select_related("extension").defer("manifest")
    }
    gone = []
    for id, digest in held.items():
        installation = here.get(id)
        version = versions.get((installation.extension_id, digest)) if installation else None
        if installation is None or version is None:
            gone.append(str(installation) if installation else "an extension that was removed")
        elif refused := refusal_of(version, installation, run.workspace):
            gone.append(f"{version} ({refused.sentence})")
    if gone:
        raise NotRetriable(f"It would hold to versions that do not run here any more: {', '.join(gone)}.")
