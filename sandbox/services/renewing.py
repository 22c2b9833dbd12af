"""Asking a person once more: since what was approved is not what would run now, or since nobody said yes in time."""

import dataclasses
from uuid import uuid4

from django.db import transaction

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.db.writing import insert
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.models import User
from policies.models import Approval, Effect
from registry.manifests.misfits import misfits
from registry.models import Kind
from registry.services import is_simulation_forced, outgoing_connection, resolve
from sandbox.errors import RunError
from sandbox.models import Category, Run, RunPayload
from sandbox.services.admission import admit, decide, obligations_of, rehearse, shown_inputs, validate_inputs
from sandbox.services.asking import blocked, seek_approval
from sandbox.services.calls import Call
from sandbox.services.doorbells import queue
from sandbox.services.stored import call_of, payload_of
from sandbox.services.taking import calling_pack, held_by, key_of, versions_for
from sandbox.tracing import Tracer

MAX_ROUNDS = 3  # after which what keeps changing is not asked about any more


def ask_anew(run: Run) -> None:
    """Send a run back whose approval does not fit any more: decide, and ask again, showing what changed.

    To be called with the run locked. It waits then, or is queued where nobody's yes is needed by now. What would run is
    the version that is held now. Raises RunError where the answer is no, or where it was sent back too often.
    """
    before = run.approval
    call = _up_to_date(run)
    tracer = Tracer(run)
    run.decision = decide(call, tracer)
    insert(*tracer.take())
    run.obligations = obligations_of(call.modes, run.decision.obligations)
    run.inputs = shown_inputs(call, run)
    run.data_classes = call.data_classes
    is_asked = run.decision.effect == Effect.REQUIRE_APPROVAL
    run.state, run.approval = (Run.State.WAITING if is_asked else Run.State.QUEUED), None
    run.save(update_fields=["version", "version_digest", *_CHANGED])
    if run.decision.effect == Effect.DENY:
        raise blocked(run.decision)
    if not is_asked:
        if run.parent_id is None:
            queue(run)
        return
    if _rounds(run) >= MAX_ROUNDS:
        raise RunError(
            Category.POLICY_BLOCK,
            "approval_changed",
            sentence=f"What would run changed {MAX_ROUNDS + 1} times after it was approved, so nothing was done.",
            next_step="Run it again when its connection, its version and the rules stay as they are.",
        )
    run.approval = seek_approval(call, run, run.decision, again=before)
    run.save(update_fields=["approval"])
    rehearse(call, run)
    audit.record(
        "run.sent_back",
        actor=Actor.from_list(run.chain),
        target=run,
        simulated=run.is_simulated,
        after={"state": run.state, "version": run.version_digest},
        changed=run.approval.facts.get("changed", []),
    )


_CHANGED = ("decision", "approval", "state", "obligations", "inputs", "data_classes")


@transaction.atomic
def ask_again(approval: Approval, actor: User) -> Approval:
    """Ask for the call of ``approval`` once more, which nobody said yes to: a new run with its inputs as they were.

    They are kept for a while for this alone (SANDBOX_KEEP_ASKED_DAYS); what is shown of them is masked and would be
    another call. Answers the request there is where it was asked again already. Raises Invalid where that is not
    possible, or Conflict where policy says no.
    """
    rows = Run.objects.in_workspace(approval.workspace).select_for_update(of=("self",))
    rows = rows.select_related("workspace", "version__extension", "installation__extension", "requested_by", "agent")
    run = rows.get(pk=approval.subject_id)
    later = run.replaced_by.filter(state=Run.State.WAITING).select_related("approval__workspace").first()
    if later and later.approval:
        return later.approval
    call = _kept_call(run, approval)
    made = admit(call)
    if made.error:
        raise Conflict(made.error["sentence"], made.error["next_step"])
    if made.approval is None:
        raise Invalid("It needs nobody's yes any more.", next_step="Run it again.")
    return made.approval


def _kept_call(run: Run, approval: Approval) -> Call:
    if run.parent_id:
        raise Invalid("This was a step of a pack.", next_step="Run the pack again.")
    if run.resumes_id or run.undoes_id:
        raise Invalid("It went on with what another run had begun.", next_step="Do so once more on that run's page.")
    if not run.is_final or run.approval_id != approval.pk:
        raise Conflict("It was asked about once more since, under a request of its own.", "Look at that one.")
    if not RunPayload.objects.filter(run=run, keep_until__isnull=False, data__has_key="inputs").exists():
        raise Invalid("Its inputs are not kept any more.", next_step="Run it again with the inputs you want.")
    try:
        earlier, run_id = call_of(run), uuid4()
        found = resolve(run.workspace, run.target, key=str(run_id))
        held = versions_for(found, str(run_id)) if found.manifest.kind == Kind.PACK else {}
    except RunError as error:
        raise Invalid(error.sentence, next_step=error.next_step) from error
    connection = outgoing_connection(found, run.requested_by)
    if not run.is_simulated and is_simulation_forced(found, run.requested_by, connection):
        raise Invalid("It was to run live, and what it would reach is not connected any more.")
    call = dataclasses.replace(
        earlier,
        resolved=found,
        connection=connection,
        idempotency_key=None,
        parent=None,
        again=approval,
        run_id=run_id,
        held=held,
    )
    validate_inputs(call)
    return call


def _up_to_date(run: Run) -> Call:
    """The call at the version that is held now, set on ``run`` too. Raises RunError where it cannot run any more."""
    try:
        found = resolve(run.workspace, run.target, pack=calling_pack(run), key=key_of(run), held=held_by(run))
        held = versions_for(found, key_of(run)) if found.manifest.kind == Kind.PACK else {}
    except DomainError as error:
        raise RunError(Category.POLICY_BLOCK, error.code, sentence=str(error), next_step=error.next_step) from error
    run.version, run.version_digest = found.version, found.version.digest
    if held:
        RunPayload.objects.filter(run=run).update(data=payload_of(run) | {"held": held})
    call = dataclasses.replace(call_of(run), held=held)
    if problems := misfits(call.inputs, call.inputs_schema):
        field, _ = next(iter(problems.items()))
        raise RunError(
            Category.VALIDATION,
            "inputs_no_longer_fit",
            sentence=f"{run.version} takes other inputs than the version that this was approved for.",
            next_step="Run it again with inputs that fit.",
            field=field,
        )
    return call


def _rounds(run: Run) -> int:
    """How often it was sent back before."""
    asked = Approval.objects.filter(workspace=run.workspace_id, subject_kind="run", subject_id=run.pk)
    return asked.filter(again__subject_id=run.pk).count()
