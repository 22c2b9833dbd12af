"""What happens to a run from outside: approvals decided, calling off, settling, and finding lost ones."""

from datetime import datetime

import structlog
from django.db import connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.notifications import settle
from galaxy.core.permissions import require
from galaxy.core.scope import workspace_scope
from policies.models import Approval, Vote
from policies.services.approvals import withdraw_requests
from sandbox.errors import NotCancellable, NotUnknown, RunError
from sandbox.models import Category, OutboxMessage, Run, RunPayload
from sandbox.services.doorbells import ring, wake
from sandbox.services.ending import end
from sandbox.services.forgetting import forget_values
from sandbox.services.held import release_run

log = structlog.get_logger(__name__)
_ENDED_WAITS: dict[str, tuple[str, str]] = {
    Approval.Status.REJECTED: ("approval_rejected", "A reviewer rejected it."),
    Approval.Status.EXPIRED: ("approval_expired", "Nobody decided it in time, and that means no."),
    Approval.Status.WITHDRAWN: ("approval_withdrawn", "The request was withdrawn."),
}


@transaction.atomic
def approval_was_decided(approval: Approval) -> None:
    """Let a waiting run go on, or end it; and wake the pack whose step it is. Safe to call twice."""
    run = (
        Run.objects.select_for_update(of=("self",))
        .select_related("workspace", "parent__workspace")
        .filter(pk=approval.subject_id, approval=approval, state=Run.State.WAITING)
        .first()
    )
    if run is None:
        return
    if approval.status == Approval.Status.APPROVED:
        run.state = Run.State.QUEUED
        run.save(update_fields=["state"])
    elif approval.status in _ENDED_WAITS:
        code, sentence = _ENDED_WAITS[approval.status]
        vote = approval.votes.filter(choice=Vote.Choice.REJECT).first()
        reason = f" “{vote.reason}”" if vote and vote.reason else ""
        end(
            run,
            error=RunError(
                Category.POLICY_BLOCK, code, sentence=f"{sentence}{reason}", next_step="Change it and ask again."
            ),
            keeps_inputs=approval.status != Approval.Status.WITHDRAWN,
        )
    else:
        return
    drop_rehearsals(run)
    wake(run)


def drop_rehearsals(run: Run) -> None:
    """Nobody decides about ``run`` any more, so what has not begun of trying it out for them is called off."""
    for rehearsal in run.rehearsals.filter(state=Run.State.QUEUED, parent=None).select_related("workspace"):
        called_off = Run.objects.filter(pk=rehearsal.pk, state=Run.State.QUEUED)
        if called_off.update(state=Run.State.CANCELLED, finished_at=timezone.now()):
            OutboxMessage.objects.filter(run=rehearsal).delete()
            forget_values(rehearsal)
            _tell_cancelled(rehearsal, Actor.of(None), Run.State.QUEUED)


@transaction.atomic
def cancel_run(run: Run, *, actor: User, chain: Actor | None = None) -> Run:
    """Call off a run that nobody works on yet: one's own, or any for whoever may see and write everything.

    ``chain`` is who acts where it is more than ``actor``: an agent, for its owner. A step is called off with its pack.
    Raises NotGranted, or NotCancellable once a worker has it or it is over.
    """
    if run.requested_by_id != actor.pk:
        require(actor, "core.write_installation", run.workspace)
    if run.parent_id:
        raise NotCancellable("This is a step of a pack.", "Cancel the pack's run instead.")
    return _call_off(run, actor, chain)


def cancel_runs_of(user: User, workspace: Workspace, *, actor: User) -> int:
    """Call off every run of ``user`` that nobody works on yet, since they are a member no more; returns how many.

    One that a worker takes at this moment is decided anew at its claim, and then finds no grant.
    """
    waiting = Run.objects.in_workspace(workspace).filter(
        requested_by=user, parent=None, state__in=[Run.State.QUEUED, Run.State.WAITING]
    )
    called_off = 0
    for run in waiting.select_related("workspace"):
        try:
            with transaction.atomic():
                _call_off(run, actor)
            called_off += 1
        except NotCancellable:
            continue
    return called_off


def _call_off(run: Run, actor: User | None, chain: Actor | None = None) -> Run:
    locked = Run.objects.select_for_update().get(pk=run.pk)
    if locked.state not in {Run.State.QUEUED, Run.State.WAITING}:
        raise NotCancellable(
            f"It is {locked.get_state_display().lower()} already, so it can no longer be called off.",
            "Reload the page.",
        )
    before = locked.state
    now = timezone.now()
    family = Run.objects.filter(pk=run.pk) | Run.objects.filter(parent=run)
    family.filter(state__in=[Run.State.QUEUED, Run.State.WAITING]).update(state=Run.State.CANCELLED, finished_at=now)
    OutboxMessage.objects.filter(run=run).delete()
    forget_values(run)
    for one in family:
        drop_rehearsals(one)
    _tell_cancelled(run, chain or actor, before)
    called_off = [run.pk, *run.steps.values_list("pk", flat=True)]
    withdraw_requests(run.workspace, subject_kind="run", subject_ids=called_off, actor=actor)
    run.refresh_from_db()
    return run


def _tell_cancelled(run: Run, actor: User | Actor | None, before: str) -> None:
    audit.record(
        "run.cancelled",
        actor=actor,
        target=run,
        simulated=run.is_simulated,
        before={"state": before},
        after={"state": Run.State.CANCELLED},
    )


@transaction.atomic
def settle_run(run: Run, *, actor: User, happened: bool, note: str) -> Run:
    """A person says what became of a write whose effect is unknown. ``note`` says how they know. Audited.

    Raises NotGranted, Invalid without a note, or NotUnknown.
    """
    require(actor, "core.write_installation", run.workspace)
    if not note.strip():
        raise Invalid("Say how you know.", {"note": "Say how you know, for whoever reads this later."})
    state = Run.State.SUCCEEDED if happened else Run.State.FAILED
    # The error tells how it came to this; what to do next is done.
    said = f"{actor} settled it: it {'took effect' if happened else 'had no effect'}."
    error = (run.error or {}) | {"next_step": said}
    won = Run.objects.filter(pk=run.pk, state=Run.State.UNKNOWN).update(state=state, error=error)
    run.refresh_from_db()
    if not won:
        raise NotUnknown("There is nothing to settle: what became of this run is known.")
    audit.record(
        "run.settled",
        actor=actor,
        target=run,
        simulated=run.is_simulated,
        before={"state": Run.State.UNKNOWN},
        after={"state": state},
        note=note.strip(),
    )
    settle(run.workspace, run, "run_unknown")
    return run


def forget_kept_inputs(now: datetime | None = None) -> int:
    """Delete the inputs of calls that nobody said yes to, once their time is over, in every workspace within its own
    scope; returns how many. What paused step by step for as long is called off."""
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM sandbox_workspaces_with_kept_inputs(%s)", [now])
        ids = [row[0] for row in cursor.fetchall()]
    deleted = 0
    for id in ids:
        with workspace_scope([id]):
            paused = Run.objects.filter(workspace=id, is_stepped=True, state=Run.State.WAITING)
            for run in paused.filter(payload__keep_until__lt=now).select_related("workspace"):
                with transaction.atomic():
                    _call_off(run, None)
                deleted += 1
            count, _ = RunPayload.objects.filter(workspace=id, keep_until__lt=now).delete()
            deleted += count
    return deleted


def reconcile(now: datetime | None = None, *, at_most: int = 200) -> int:
    """Ring for every run that is due and that nobody works on, in any workspace; returns how many.

    Due are queued runs whose message may be lost, and running ones whose lease ran out: their worker is gone. Waiting
    runs whose approval is decided go on as well: whoever decided it may have died before telling. So do those that
    were held in the moment their connection came back.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, run_id FROM sandbox_due_runs(%s, %s)", [now or timezone.now(), at_most])
        due = cursor.fetchall()
        cursor.execute("SELECT workspace_id, approval_id FROM sandbox_decided_waits(%s)", [at_most])
        decided = cursor.fetchall()
        cursor.execute("SELECT workspace_id, run_id FROM sandbox_free_waits(%s)", [at_most])
        free = cursor.fetchall()
    for workspace_id, run_id in free:
        with workspace_scope([workspace_id]):
            release_run(workspace_id, run_id)
    for workspace_id, run_id in due:
        with workspace_scope([workspace_id]):
            ring(workspace_id, run_id)
    for workspace_id, approval_id in decided:
        with workspace_scope([workspace_id]):
            approval_was_decided(Approval.objects.select_related("workspace").get(pk=approval_id))
    if due or decided or free:
        log.info("rang for runs that were due", runs=len(due), decided=len(decided), free=len(free))
    return len(due) + len(decided) + len(free)
