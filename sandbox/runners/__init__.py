"""Runners do one attempt of one call. Which one is decided by the run's mode and kind, and by nothing else."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.errors import RunError
from sandbox.models import Category, Run


@dataclass(frozen=True)
class Reply:
    """What came back from one attempt: an HTTP status, headers with lower-case names, and a JSON body.

    ``outputs`` is what the manifest's response mapping makes of it, where it is a success. ``code``, ``sentence`` and
    ``next_step`` say what failed where the status does not. ``has_acted`` is False where surely nothing was changed at
    the other side, True where something may have been, and None where only the status can tell. ``not_begun``: it is
    Galaxy's own sandbox that did not take the call, so that patience costs nobody anything.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    outputs: Any = None
    code: str = ""
    sentence: str = ""
    next_step: str = ""
    has_acted: bool | None = None
    not_begun: bool = False


class Runner(Protocol):
    """``endpoint`` names what is called, for errors; ``is_virtual``: waits between attempts need not really pass."""

    endpoint: str
    is_virtual: bool

    def attempt(self, inputs: dict[str, Any], number: int) -> Reply:
        """Do it once; ``number`` counts from 1. Raises RunError."""
        ...


def runner_for(run: Run) -> Runner:
    """The runner of an action or transform. REST and gRPC have no live one yet."""
    from sandbox.runners.python import PythonRunner, PythonTransformRunner, is_python  # all answer with a Reply
    from sandbox.runners.simulated import SimulatedRunner
    from sandbox.runners.transform import TransformRunner

    if run.kind == "transform":
        return PythonTransformRunner(run) if is_python(run) else TransformRunner(run)
    if run.is_simulated:
        return SimulatedRunner(run)
    if is_python(run):
        return PythonRunner(run)
    raise RunError(
        Category.TOOL_ERROR,
        "no_live_runner",
        sentence="This installation cannot make live calls.",
        next_step="Run it in Sim Mode.",
    )
