"""A person takes back what a run did: through the gate, as a call of their own."""

from uuid import UUID, uuid4

from django.db import transaction

from galaxy.core.audit import Actor
from galaxy.core.errors import DomainError
from galaxy.core.models import Agent, User
from galaxy.core.permissions import require
from registry.models import Kind
from registry.services import Resolved, connection_for, is_simulation_forced, resolve
from sandbox.errors import NotUndoable
from sandbox.models import Run
from sandbox.services.admission import admit, refuse_unplain, validate_inputs
from sandbox.services.calls import Call
from sandbox.tracing import outlives_its_spans
from sandbox.undoing.family import family_of
from sandbox.undoing.filling import Undo, changes_something, undo_of

_LOOKED_AT = 200  # calls of a pack that are looked at for the question whether any can be taken back


@outlives_its_spans
@transaction.atomic
def undo_run(run: Run, *, actor: User, agent: Agent | None = None) -> Run:
    """Ask for what takes ``run`` back: the action that its own declares as ``undo``, with what the run gave and was
    given; of a pack for each of its steps, the last one first.

    Returns the run that does so, queued, waiting for approval, or failed by policy; the one there is where that was
    asked for before. Raises NotGranted for another's run, or NotUndoable.
    """
    rows = Run.objects.select_for_update(of=("self",)).select_related("workspace", "version", "connection")
    locked: Run = rows.get(pk=run.pk)
    if locked.requested_by_id != actor.pk:
        require(actor, "core.write_installation", locked.workspace)
    earlier = undoing_of(locked)
    if earlier:
        return earlier
    if why := why_not_undone(locked):
        raise NotUndoable(why)
    call = _of_pack(locked, actor, agent) if locked.kind == Kind.PACK else _of_call(locked, actor, agent)
    return admit(call)


def undoing_of(run: Run) -> Run | None:
    """The run that takes ``run`` back, under way or done."""
    rows = run.undone_by.filter(parent=None).exclude(state__in=[Run.State.FAILED, Run.State.CANCELLED])
    return rows.select_related("workspace").first()


def why_not_undone(run: Run) -> str:
    """Why nothing takes ``run`` back, as a sentence; "" where something does."""
    if run.parent_id or run.is_check or run.rehearses_id or run.undoes_id:
        return "Only what somebody asked for is taken back."
    if run.state != Run.State.SUCCEEDED:
        return f"It is {run.get_state_display().lower()}, and only what succeeded is taken back."
    if run.kind == Kind.PACK:
        return "" if _has_undo(run) else "None of its steps declares what takes it back."
    undo = undo_of(run)
    if undo is None:
        return "Its action does not declare what takes it back."
    if undo.hidden:
        return (
            f"{', '.join(undo.hidden)} was hidden when it ended, and what it was is kept for a day at most and not at "
            f"all where a rule drops such values. Take it back by hand in {run.installation.extension.name}."
        )
    return ""


def _has_undo(run: Run) -> bool:
    steps = Run.objects.filter(workspace=run.workspace_id, parent__in=family_of(run), undoes=None, kind=Kind.ACTION)
    done = steps.filter(state=Run.State.SUCCEEDED).order_by("step_id", "item").distinct("step_id")
    return any(changes_something(one) and undo_of(one) for one in done[:_LOOKED_AT])


def _of_call(run: Run, actor: User, agent: Agent | None) -> Call:
    undo: Undo = undo_of(run)  # type: ignore[assignment]
    run_id = uuid4()
    found = _resolved(run, undo.target, run_id, {})
    connection = connection_for(found.installation, actor)
    if run.mode == Run.Mode.LIVE and is_simulation_forced(found, actor, connection):
        raise NotUndoable("It ran live, and what it reached is not connected any more.", "Connect it, then undo.")
    if run.connection_id and (connection is None or connection.pk != run.connection_id):
        raise NotUndoable(f"It went out by {run.connection}, which is not yours to use.")
    call = Call(
        workspace=run.workspace,
        user=actor,
        chain=Actor.of_agent(agent) if agent else Actor.of(actor),
        resolved=found,
        inputs=undo.inputs,
        mode=run.mode,
        scenario=Run.Scenario.HAPPY if run.is_simulated else "",
        agent=agent,
        connection=connection,
        run_id=run_id,
        carried=undo.carried,
        undoes=run,
    )
    try:
        refuse_unplain(call)
        validate_inputs(call)
    except DomainError as error:
        raise NotUndoable(f"What takes it back cannot be called with what is known of it. {error}") from error
    return call


def _of_pack(run: Run, actor: User, agent: Agent | None) -> Call:
    """It holds to the versions that the steps ran at, since those say what takes them back."""
    run_id = uuid4()
    steps = Run.objects.filter(workspace=run.workspace_id, parent__in=family_of(run), undoes=None)
    pairs = steps.values_list("installation", "version_digest").distinct()
    return Call(
        workspace=run.workspace,
        user=actor,
        chain=Actor.of_agent(agent) if agent else Actor.of(actor),
        resolved=_resolved(run, run.target, run_id, {str(run.installation_id): run.version_digest}),
        inputs={},
        mode=run.mode,
        scenario=Run.Scenario.HAPPY if run.is_simulated else "",
        agent=agent,
        run_id=run_id,
        held={str(installation): digest for installation, digest in pairs},
        undoes=run,
    )


def _resolved(run: Run, target: str, run_id: UUID, held: dict[str, str]) -> Resolved:
    try:
        return resolve(run.workspace, target, key=str(run_id), held=held)
    except DomainError as error:
        raise NotUndoable(f"{target} is not here any more. {error}") from error
