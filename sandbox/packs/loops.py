"""A step that goes through a list: a call for each item, in order, and one list of what they gave.

What was done is found by the runs of its items, so a loop of any length goes on where it was with one look at the last
of them; their outputs are read together once, at its end.
"""

from typing import Any

from django.db.models import QuerySet, Sum, TextField
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast, Length

from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.packs import flowing
from sandbox.packs.progress import Progress
from sandbox.packs.steps import Calls, Flow, error_for, is_skipped
from sandbox.redaction import Modes, stricter
from sandbox.services.leases import keep
from sandbox.stopping import require_going

MAX_OUTPUT_BYTES = 8 * 1024 * 1024  # of all items of a loop together


class Collected:
    """What the items of a loop gave: ``outputs`` with a place for each, ``skipped`` of which failed, the ``modes`` that
    hide their data classes from here on, one of their runs as a ``sample``, and whether any ``is_simulated``."""

    def __init__(self, items: int):
        self.outputs: list[Any] = [None] * items
        self.skipped = 0
        self.modes: Modes = {}
        self.sample: Run | None = None
        self.is_simulated = False


def go_through(calls: Calls, step: dict[str, Any], flow: Flow) -> Collected:
    """Make the calls that are left of a loop, and collect what all of them gave. Raises StepWaits or RunError."""
    run, progress = calls.run, calls.progress
    try:
        items = flowing.items_of(step, progress.seen, seed=run.seed, now=run.created_at.isoformat())
    except flowing.Stops as stops:
        raise error_for(stops) from stops
    first = _begins_at(progress, step)
    if "when" not in step and first <= len(items):
        calls.require_room(step, len(items) - first + 1 - _is_begun(run, step, first))
    seen = progress.seen
    lost = 0
    for number in range(first, len(items) + 1):
        keep(run)
        require_going(run, run.created_at)
        try:
            calls.one(step, flow, seen | {"item": items[number - 1], "index": number - 1}, number)
        except RunError as error:
            if not is_skipped(step, error):
                raise
            lost += 1
    return _collected(progress, step, len(items), lost)


def _rows(progress: Progress, step: dict[str, Any]) -> QuerySet[Run]:
    return Run.objects.filter(
        workspace=progress.run.workspace_id, parent__in=progress.family, step_id=step["id"], undoes=None
    )


def _begins_at(progress: Progress, step: dict[str, Any]) -> int:
    """The item to look at next: the last one that was begun, since it may not be over. Of a run that is taken over from
    an earlier one the last item counts if it succeeded; else it is made anew."""
    rows = _rows(progress, step).order_by("-item")
    own = rows.filter(parent=progress.run).values_list("item", flat=True).first()
    if own is not None:
        return own
    last = rows.values_list("item", "state").first() if len(progress.family) > 1 else None
    if last is None:
        return 1
    return last[0] + 1 if last[1] == Run.State.SUCCEEDED else last[0]


def _is_begun(run: Run, step: dict[str, Any], item: int) -> bool:
    rows = Run.objects.filter(workspace=run.workspace_id, parent=run, step_id=step["id"], item=item, undoes=None)
    return rows.exists()


def _collected(progress: Progress, step: dict[str, Any], count: int, lost: int) -> Collected:
    rows = _rows(progress, step)
    size = rows.aggregate(size=Sum(Length(Cast(KeyTransform("outputs", "payload__data"), TextField()))))["size"] or 0
    if size > MAX_OUTPUT_BYTES:
        raise RunError(
            Category.VALIDATION,
            "outputs_too_large",
            sentence=f"The outputs of step “{step['id']}” have {size:,} characters together; {MAX_OUTPUT_BYTES:,} are "
            "the most that a loop may give.",
        )
    found = Collected(count)
    failed: set[int] = set()
    read = rows.order_by("created_at", "pk").annotate(gave=KeyTransform("outputs", "payload__data"))
    for child in read.defer("inputs", "outputs", "chain", "version__manifest").iterator(chunk_size=100):
        found.sample = found.sample or child
        found.is_simulated |= child.is_simulated
        found.modes = stricter(found.modes, child.obligations.get("redact", {}))
        if child.state == Run.State.SUCCEEDED:
            found.outputs[child.item - 1] = child.gave  # type: ignore[attr-defined]
            failed.discard(child.item)
        else:
            failed.add(child.item)
    found.skipped = max(len(failed), lost)
    return found
