"""One step of a pack from its mapping to its outputs, once or for each item of a list."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.utils import timezone

from galaxy.core.errors import DomainError
from sandbox import class_flow
from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.packs import flowing
from sandbox.packs import marks as marking
from sandbox.packs.calling import Wanted, find_step, invoke_step
from sandbox.packs.marks import Marks
from sandbox.packs.progress import Progress
from sandbox.redaction import redacted
from sandbox.services.ending import end
from sandbox.services.leases import keep
from sandbox.transforms.classes import Classes

TAKE_OVER_POLL_S = 0.25
NOT_BEGUN = "out_of_time"


class PerformStep(Protocol):
    """Does the work of a step's run; ``until`` is when its time is over."""

    def __call__(self, run_id: UUID, /, *, until: datetime | None = None) -> Run | None: ...


class StepWaits(Exception):
    """A step waits for a person, so the pack does too."""


class OverLimit(RunError):
    """The run as a whole is over, whatever its steps say of their failures."""


def error_for(stops: flowing.Stops) -> RunError:
    kind = OverLimit if stops.is_limit else RunError
    return kind(stops.category, stops.code, sentence=stops.sentence, next_step=stops.next_step)


@dataclass(frozen=True)
class Flow:
    """What the inputs of a step bring along, by the expressions that make them."""

    carried: Classes
    marks: Marks


def flow_into(step: dict[str, Any], progress: Progress) -> Flow:
    known, marks, each = progress.known, progress.marks, step.get("each")
    if each:
        known = known | class_flow.of_item(each, known)
        marks = marks | marking.of_item(each, marks)
    found = marking.into(step.get("with", {}), marks)
    if marking.rests_on([step.get("when"), each], marks):
        found |= {()}  # the call as a whole: it is made because of a value that nobody has
    return Flow(class_flow.into_step(step, known), found)


class Calls:
    """Makes the calls of one run of a pack under one claim, within its limits."""

    def __init__(self, run: Run, progress: Progress, perform_step: PerformStep):
        self.run, self.progress, self.perform_step = run, progress, perform_step
        self._made: int | None = None

    @property
    def made(self) -> int:
        """How many calls there were so far, read once."""
        if self._made is None:
            self._made = Run.objects.filter(workspace=self.run.workspace_id, parent=self.run, undoes=None).count()
        return self._made

    def require_room(self, step: dict[str, Any], more: int) -> None:
        """Raises OverLimit where ``more`` calls would be more than a run may make."""
        try:
            flowing.require_room(self.progress.manifest, step, self.made + more, self.run.target)
        except flowing.Stops as stops:
            raise error_for(stops) from stops

    def require_time(self, step: dict[str, Any]) -> None:
        """Raises RunError, or OverLimit, where the time of the step or of the run is over."""
        until = self.progress.until(step)
        if until and timezone.now() >= until:
            raise self._out_of_time(step)

    def one(self, step: dict[str, Any], flow: Flow, seen: dict[str, Any], item: int = 0) -> Run | None:
        """The succeeded run of one call; None where its condition left it out. Raises StepWaits or RunError."""
        child = find_step(self.run, step["id"], item) or self._new(step, flow, seen, item)
        if child is None:
            return None
        child = performed(self.run, child, self.perform_step, self.progress.until(step))
        if child.state == Run.State.SUCCEEDED:
            return child
        if child.state == Run.State.WAITING:
            raise StepWaits
        if (child.error or {}).get("error_code") == NOT_BEGUN:
            raise self._out_of_time(step)
        raise error_of(child)

    def _new(self, step: dict[str, Any], flow: Flow, seen: dict[str, Any], item: int) -> Run | None:
        self.require_time(step)
        run, now = self.run, self.run.created_at.isoformat()
        try:
            inputs = flowing.inputs_of(step, seen, item, seed=run.seed, now=now)
        except flowing.Stops as stops:
            raise error_for(stops) from stops
        if inputs is None:
            return None
        wanted = Wanted(step["id"], step["use"], inputs, item, flow.carried, flow.marks, self.progress.modes)
        return self._taken_over(wanted) or self._begin(step, wanted)

    def _taken_over(self, wanted: Wanted) -> Run | None:
        """Where the run goes on with another: the call that succeeded there, though its step did not end."""
        if not (earlier := self.progress.family[1:]):
            return None
        rows = Run.objects.filter(workspace=self.run.workspace_id, parent__in=earlier, undoes=None)
        return rows.filter(step_id=wanted.step_id, item=wanted.item, state=Run.State.SUCCEEDED).first()

    def _begin(self, step: dict[str, Any], wanted: Wanted) -> Run:
        self.require_room(step, 1)
        try:
            child = invoke_step(self.run, wanted)
        except DomainError as error:
            raise RunError(
                Category.VALIDATION,
                error.code,
                sentence=redacted(f"{flowing.named(step, wanted.item)}: {error}", {}),
                next_step=error.next_step,
            ) from error
        self._made = self.made + 1
        return child

    def _out_of_time(self, step: dict[str, Any]) -> RunError:
        ends = self.progress.until({"id": step["id"]})  # the run's own
        is_run = ends is not None and timezone.now() >= ends
        return error_for(flowing.out_of_time(self.progress.manifest, step, is_run=is_run))


def performed(run: Run, child: Run, perform_step: Callable[..., Run | None], until: datetime | None = None) -> Run:
    """The run ``child`` of ``run`` once it is over or waits. What has not begun when its time is over does not begin.

    Raises LostLease, or NotYet.
    """
    while child.state in {Run.State.QUEUED, Run.State.RUNNING}:
        if child.state == Run.State.QUEUED and until and timezone.now() >= until:
            # No failure of the other side, which was never asked.
            sentence = "Its time was over before it could begin, so nothing was sent."
            end(child, error=RunError(Category.RATE_LIMIT, NOT_BEGUN, sentence=sentence))
            return child
        # Running means that a worker which lost its parent may still be at it: wait for its end or its lease's.
        child = perform_step(child.pk, until=until) or Run.objects.get(pk=child.pk)
        if child.state == Run.State.RUNNING:
            keep(run)
            time.sleep(TAKE_OVER_POLL_S)
    return child


def error_of(child: Run) -> RunError:
    """The pack fails as its step did, saying which step."""
    error = child.error or {}
    item = f", item {child.item}" if child.item else ""
    sentence = f"Step “{child.step_id}”{item} ({child.target}): {error.get('sentence', child.get_state_display())}"
    return RunError(
        child.error_category or Category.TRANSIENT,
        error.get("error_code", child.state),
        sentence=sentence,
        next_step=error.get("next_step", ""),
        status=error.get("status"),
        attempts=error.get("attempts", 0),
        last_endpoint=error.get("last_endpoint", ""),
        field=error.get("field", ""),
        ambiguous=child.state == Run.State.UNKNOWN,
    )


def is_skipped(step: dict[str, Any], error: RunError) -> bool:
    """Whether the run goes on without what failed: what may have been done after all is never passed over."""
    return flowing.is_passed_over(step, is_limit=isinstance(error, OverLimit), is_ambiguous=error.ambiguous)
