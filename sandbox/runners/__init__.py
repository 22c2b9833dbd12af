"""Runners do one attempt of one call. Which one is decided by the run's mode and kind, and by nothing else."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.models import Run


@dataclass(frozen=True)
class Reply:
    """What came back from one attempt: an HTTP status (0 where no answer came), headers with lower-case names, and a
    JSON body.

    ``outputs`` is what the manifest's response mapping makes of it, where it is a success. ``category``, ``code``,
    ``sentence`` and ``next_step`` say what failed where the status does not, and ``field`` which input is to blame.
    ``has_acted`` is False where surely nothing was changed at the other side, True where something may have been, and
    None where only the status can tell. ``was_sent`` is False where no request left at all. ``not_begun``: it is
    Galaxy's own sandbox that did not take the call, so that patience costs nobody anything.
    ``remembered`` says of a transform whether it was answered from an equal run before it; None of everything else.
    ``requests`` are the redacted records of what left for it (sandbox.sandboxd.calling), ``notes`` words and numbers
    for the trace, without values.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    outputs: Any = None
    category: str = ""
    code: str = ""
    sentence: str = ""
    next_step: str = ""
    has_acted: bool | None = None
    was_sent: bool = True
    not_begun: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, str | int] = field(default_factory=dict)
    field: str = ""
    remembered: bool | None = None


class Runner(Protocol):
    """``endpoint`` names what is called, for errors; ``is_virtual``: waits between attempts need not really pass."""

    is_virtual: bool

    @property
    def endpoint(self) -> str: ...

    def attempt(self, inputs: dict[str, Any], number: int) -> Reply:
        """Do it once; ``number`` counts from 1. Raises RunError."""
        ...


def runner_for(run: Run) -> Runner:
    """The runner of an action or transform."""
    from sandbox.runners.live import LiveRunner
    from sandbox.runners.python import PythonRunner, PythonTransformRunner, is_python  # all answer with a Reply
    from sandbox.runners.simulated import SimulatedRunner
    from sandbox.runners.transform import TransformRunner

    if run.kind == "transform":
        return PythonTransformRunner(run) if is_python(run) else TransformRunner(run)
    if run.is_simulated:
        return SimulatedRunner(run)
    return PythonRunner(run) if is_python(run) else LiveRunner(run)
