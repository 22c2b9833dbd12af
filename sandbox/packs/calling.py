"""One call of a pack through the gate: a step, an item of a loop, or what takes one of them back."""

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from galaxy.core.audit import Actor
from galaxy.core.errors import Invalid
from galaxy.core.models import Workspace
from registry.models import Kind
from registry.services import Resolved, connection_for, is_simulation_forced, resolve
from sandbox.models import Run
from sandbox.packs.marks import NONE, Marks, renamed
from sandbox.redaction import Modes
from sandbox.services.admission import admit, refuse_unplain, validate_inputs
from sandbox.services.calls import Call, changes
from sandbox.services.stored import payload_of
from sandbox.services.taking import key_of
from sandbox.stopping import yanked_since
from sandbox.tracing import outlives_its_spans
from sandbox.transforms.classes import Classes
from sandbox.upgrades.carrying import carried_inputs, renames_for


@dataclass(frozen=True)
class Wanted:
    """A call that a pack makes: for the step ``step_id``, and in a loop for its ``item``, counted from 1.

    ``carried``, ``marks`` and ``modes`` say what its inputs bring along, and how they are to be hidden. ``undoes`` is
    the run of the pack that it takes back.
    """

    step_id: str
    target: str
    inputs: dict[str, Any]
    item: int = 0
    carried: Classes = field(default_factory=dict)
    marks: Marks = NONE
    modes: Modes = field(default_factory=dict)
    undoes: Run | None = None


def find_step(pack_run: Run, step_id: str, item: int = 0, undoes: Run | None = None) -> Run | None:
    """The run of that call, where there is one already."""
    rows = Run.objects.filter(workspace=pack_run.workspace_id, parent=pack_run)
    return rows.filter(step_id=step_id, item=item, undoes=undoes).select_related("workspace", "requested_by").first()


@outlives_its_spans
def invoke_step(pack_run: Run, wanted: Wanted) -> Run:
    """A new run for a call of a pack, in the pack's mode; the one there is by now where a worker that lost the pack was
    a moment earlier.

    Raises DomainError as ``invoke`` does, or RunError for a version that was yanked since the pack began.
    """
    # Read anew: a pack may have begun long before the rules changed that hold now.
    workspace = Workspace.objects.get(pk=pack_run.workspace_id)
    held = payload_of(pack_run).get("held", {})
    called = resolve(workspace, wanted.target, pack=pack_run.installation_id, key=key_of(pack_run), held=held)
    if called.action is None and called.manifest.kind != Kind.TRANSFORM:
        raise Invalid(f"{wanted.target} is a {called.manifest.kind}, and steps call actions and transforms.")
    if wanted.undoes is None and (gone := yanked_since(called.version, pack_run.created_at)):
        raise gone
    renames, _ = renames_for(called, wanted.inputs)
    inputs, carried = carried_inputs(called, wanted.inputs, wanted.carried)
    connection = connection_for(called.installation, pack_run.requested_by)
    mode = _mode_of(pack_run, called, wanted, connection)
    simulated = mode == Run.Mode.SIMULATED
    call = Call(
        workspace=workspace,
        user=pack_run.requested_by,
        chain=Actor.from_list(pack_run.chain).through("version", pack_run.version_digest, str(pack_run.version)),
        resolved=called,
        inputs=inputs,
        mode=mode,
        scenario=pack_run.scenarios.get(wanted.step_id, pack_run.scenario) if simulated else "",
        parent=pack_run,
        step_id=wanted.step_id,
        item=wanted.item,
        carried=carried,
        marks=renamed(wanted.marks, renames),
        modes=wanted.modes,
        agent=pack_run.agent,
        trigger=pack_run.trigger,
        connection=connection,
        pack=pack_run.target,
        undoes=wanted.undoes,
    )
    refuse_unplain(call)
    validate_inputs(call)
    try:
        with transaction.atomic():
            return admit(call)
    except IntegrityError:
        found = find_step(pack_run, wanted.step_id, wanted.item, wanted.undoes)
        if found is None:
            raise
        return found


def _mode_of(pack_run: Run, called: Resolved, wanted: Wanted, connection: Any) -> str:
    """Of a pack that is partly simulated each call has its own; what takes a call back has that of the call. In a dry
    run what writes is simulated, and so is what reads by a value that was made up, for which nothing is there."""
    if wanted.undoes is not None:
        return wanted.undoes.mode
    if pack_run.mode != Run.Mode.PARTIAL:
        return pack_run.mode
    if pack_run.is_dry and ((called.action and changes(called.action)) or wanted.marks):
        return Run.Mode.SIMULATED.value
    forced = is_simulation_forced(called, pack_run.requested_by, connection)
    return (Run.Mode.SIMULATED if forced else Run.Mode.LIVE).value
