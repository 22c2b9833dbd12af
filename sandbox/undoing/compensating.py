"""Taking back the calls of a pack, the last one first: as the compensation of a step that failed, or because a person
asked for it."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from galaxy.core.errors import DomainError
from registry.models import Kind
from registry.services import connection_for
from sandbox.errors import RunError
from sandbox.models import Run
from sandbox.packs.calling import Wanted, find_step, invoke_step
from sandbox.packs.flowing import HIDDEN, NO_UNDO, REFUSED, tell_state, told_of
from sandbox.packs.steps import PerformStep, StepWaits, performed
from sandbox.redaction import Modes
from sandbox.services.leases import keep
from sandbox.undoing.filling import Undo, changes_something, undo_of

CHUNK = 100
WORDS = {
    "succeeded": "taken back",
    "failed": "not taken back",
    "unknown": "may have been taken back",
    "cancelled": "not taken back",
    NO_UNDO: "cannot be taken back",
    HIDDEN: "cannot be taken back, since what names it was hidden",
    REFUSED: "not taken back",
}


def take_back(run: Run, family: list[Any], perform_step: PerformStep, modes: Modes) -> dict[str, str]:
    """Undo every call of ``family`` (ids of runs of a pack) that changed something and succeeded, each as a call of
    ``run``; returns what became of each step, {step id: state}. What was undone before, ere a kill or by a run that did
    not get to its end, is not undone again; nor is what may have been.

    One that cannot be undone does not keep the others from it. Raises StepWaits while a person is asked, LostLease.
    """
    states: dict[str, str] = {}
    over = Run.objects.filter(workspace=run.workspace_id, parent=run, undoes__isnull=False, finished_at__isnull=False)
    earlier = Run.objects.filter(workspace=run.workspace_id, undoes__parent__in=family).exclude(parent=run)
    earlier = earlier.filter(state__in=[Run.State.SUCCEEDED, Run.State.UNKNOWN])
    for done_before in (over, earlier):
        for step_id, state in done_before.values_list("step_id", "state").iterator():
            tell_state(states, step_id, state)
    rows = Run.objects.filter(workspace=run.workspace_id, parent__in=family, undoes=None, kind=Kind.ACTION)
    rows = rows.filter(state=Run.State.SUCCEEDED)
    rows = rows.exclude(pk__in=over.values("undoes")).exclude(pk__in=earlier.values("undoes"))
    for done in _backwards(rows):
        if changes_something(done):
            keep(run)
            tell_state(states, done.step_id, _taken_back(run, done, perform_step, modes))
    return states


def _backwards(rows: QuerySet[Run]) -> Iterator[Run]:
    """The last one first, some at a time: each is worked on before the next is read."""
    ids = list(rows.order_by("-created_at", "-item", "-pk").values_list("pk", flat=True))
    for at in range(0, len(ids), CHUNK):
        chunk = ids[at : at + CHUNK]
        found = Run.objects.select_related("workspace", "installation").in_bulk(chunk)
        yield from (found[id] for id in chunk)


def told(error: RunError, states: dict[str, str]) -> RunError:
    """The error with what became of the steps before it."""
    error.compensation = states
    said, left = told_of(states)
    if left:
        error.next_step = f"Look into what {left} did. {error.next_step}"
    error.sentence = f"{error.sentence} {said}"
    return error


def _taken_back(run: Run, done: Run, perform_step: PerformStep, modes: Modes) -> str:
    undo = undo_of(done)
    if undo is None:
        return NO_UNDO
    if done.connection_id and getattr(connection_for(done.installation, run.requested_by), "pk", None) != (
        done.connection_id
    ):
        return REFUSED  # another account knows nothing of it, or worse, something else by its name
    child = find_step(run, done.step_id, done.item, done)  # one that waits for a yes has what it needs
    if child is None and undo.hidden:
        return HIDDEN
    child = child or _call(run, done, undo, modes)
    if child is None:
        return REFUSED
    child = performed(run, child, perform_step)
    if child.state == Run.State.WAITING:
        raise StepWaits
    return child.state


def _call(run: Run, done: Run, undo: Undo, modes: Modes) -> Run | None:
    wanted = Wanted(done.step_id, undo.target, undo.inputs, done.item, undo.carried, modes=modes, undoes=done)
    try:
        return invoke_step(run, wanted)
    except (DomainError, RunError):  # what it would be called with does not fit, or it is not installed any more
        return None
