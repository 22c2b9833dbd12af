"""How far the run of a pack has come: what its payload says beside its inputs, written at the end of each step.

Keys of the payload: ``steps`` the raw outputs of the steps that are over, ``flow`` what flows on from them (data
classes, marks of simulated values, how classes are hidden), ``skipped`` the steps whose failure was skipped with the
number of calls that were, ``waited_ms`` and ``parked_at`` the time in which it waited for a person, ``clock`` since
when the step with a time limit is under way, ``failing`` the error for which it takes back what it did, and of a run
that goes on where another failed ``earlier``: the ids of the runs before it.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from registry.manifests import Manifest
from sandbox import class_flow
from sandbox.errors import RunError
from sandbox.models import Run, RunPayload
from sandbox.packs import marks as marking
from sandbox.packs.marks import Marks
from sandbox.redaction import Modes, stricter
from sandbox.services.leases import keep
from sandbox.transforms.classes import Classes


class Progress:
    """Of one run of a pack under one claim. ``known`` are data classes and ``marks`` those of simulated values, both as
    expressions see them; ``modes`` say how classes are hidden from here on."""

    def __init__(self, run: Run, manifest: Manifest):
        self.run, self.manifest = run, manifest
        self._payload = RunPayload.objects.get(run=run)
        self.data: dict[str, Any] = self._payload.data
        self.done: dict[str, Any] = self.data.setdefault("steps", {})
        flow = self.data.get("flow", {})
        self.known: Classes = class_flow.joined(
            class_flow.of_inputs(manifest), class_flow.from_json(flow.get("classes", []))
        )
        self.marks: Marks = marking.from_json(flow.get("marks", []))
        self.modes: Modes = stricter(run.obligations.get("redact", {}), flow.get("modes", {}))

    @property
    def seen(self) -> dict[str, Any]:
        """What expressions look at."""
        return {"inputs": self.data["inputs"], "steps": self.done}

    @property
    def family(self) -> list[Any]:
        """The ids of this run and of those whose steps it took over, whose calls are its own."""
        return [self.run.pk, *self.data.get("earlier", [])]

    def finish(self, step_id: str, outputs: Any, *, classes: Classes, marks: Marks, modes: Modes, skipped: int) -> None:
        """One step is over, with its raw ``outputs`` and what flows on from them. Raises LostLease."""
        self.done[step_id] = outputs
        self.known |= classes
        self.marks |= marks
        self.modes = stricter(self.modes, modes)
        flow = {"classes": class_flow.as_json(self.known), "marks": marking.as_json(self.marks), "modes": self.modes}
        self.data["flow"] = flow
        if skipped:
            self.data.setdefault("skipped", {})[step_id] = skipped
        self.data.pop("clock", None)
        self.save()

    def save(self) -> None:
        """Raises LostLease."""
        with transaction.atomic():  # the sign of life locks the run, so that a worker that lost it writes nothing
            keep(self.run)
            self._payload.save(update_fields=["data"])

    def parked(self) -> None:
        """It waits for a person from now on. Raises LostLease."""
        self.data["parked_at"] = timezone.now().isoformat()
        self.save()

    def goes_on(self) -> None:
        """Whoever it waited for answered, so the time in which it did counts for nothing. Raises LostLease."""
        since = self.data.pop("parked_at", None)
        if since is None:
            return
        waited_ms = (timezone.now() - datetime.fromisoformat(since)) // timedelta(milliseconds=1)
        self.data["waited_ms"] = self.data.get("waited_ms", 0) + waited_ms
        self.save()

    def begins(self, step: dict[str, Any]) -> None:
        """A step with a time limit is under way from now on, unless it was before. Raises LostLease."""
        if self.data.get("clock", {}).get("step") != step["id"]:
            now, waited = timezone.now().isoformat(), self.data.get("waited_ms", 0)
            self.data["clock"] = {"step": step["id"], "since": now, "waited_ms": waited}
            self.save()

    def until(self, step: dict[str, Any]) -> datetime | None:
        """When the time of ``step`` or of the whole run is over, whichever comes first; None where neither has one."""
        waited = timedelta(milliseconds=self.data.get("waited_ms", 0))
        ends = []
        if (limit := self.manifest.canonical.get("timeout_ms")) and self.run.started_at:
            ends.append(self.run.started_at + timedelta(milliseconds=limit) + waited)
        clock = self.data.get("clock", {})
        if (limit := step.get("timeout_ms")) and clock.get("step") == step["id"]:
            since = datetime.fromisoformat(clock["since"]) - timedelta(milliseconds=clock["waited_ms"])
            ends.append(since + timedelta(milliseconds=limit) + waited)
        return min(ends, default=None)

    @property
    def failing(self) -> RunError | None:
        """The error for which it takes back what it did."""
        told = self.data.get("failing")
        return RunError.from_dict(told) if told else None

    def fails(self, error: RunError) -> None:
        """Raises LostLease."""
        self.data["failing"] = error.as_dict() | {"category": error.category, "ambiguous": error.ambiguous}
        self.save()
