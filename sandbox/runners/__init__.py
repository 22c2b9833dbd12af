"""Runners do one attempt of one call. Which one is decided by the run's mode and kind, and by nothing else."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.errors import RunError
from sandbox.models import Category, Run


@dataclass(frozen=True)
class Reply:
    """What came back from one attempt: an HTTP status, headers with lower-case names, and a JSON body.

    ``outputs`` is what the manifest's response mapping makes of it, where it is a success.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    outputs: Any = None


class Runner(Protocol):
    """``endpoint`` names what is called, for errors; ``is_virtual``: waits between attempts need not really pass."""

    endpoint: str
    is_virtual: bool

    def attempt(self, inputs: dict[str, Any], number: int) -> Reply:
        """Do it once; ``number`` counts from 1. Raises RunError."""
        ...


def runner_for(run: Run) -> Runner:
    """The runner of an action or transform. A live action has none yet: no connection can be authenticated."""
    from sandbox.runners.simulated import SimulatedRunner  # both answer with the Reply defined here
    from sandbox.runners.transform import TransformRunner

    if run.kind == "transform":
        return TransformRunner(run)
    if run.is_simulated:
        return SimulatedRunner(run)
    raise RunError(
        Category.TOOL_ERROR,
        "no_live_runner",
        sentence="This installation cannot make live calls.",
        next_step="Run it in Sim Mode.",
    )
