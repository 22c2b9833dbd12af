"""A run of a pack as the graph of its steps, each with how it is, and the values that go between them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from galaxy.core.ui.words import tone_of
from registry.manifests.flow_graph import Graph, State, graph_of
from sandbox.models import Run

WORST = (  # of the items of a loop, the one that a person has to look at
    Run.State.FAILED,
    Run.State.UNKNOWN,
    Run.State.WAITING,
    Run.State.RUNNING,
    Run.State.QUEUED,
    Run.State.CANCELLED,
    Run.State.SUCCEEDED,
)


@dataclass(frozen=True)
class Passed:
    """What went into a step and what came of it, hidden as the rules say; of a loop those of its first items."""

    step: str
    item: int
    inputs: Any
    outputs: Any
    url: str


def graph_of_run(run: Run, children: Iterable[Run], earlier: Mapping[str, Run] | None = None) -> Graph:
    """``earlier`` are the calls that it took over from the run it goes on with, by step."""
    begun: dict[str, list[Run]] = {}
    kinds = {}
    for child in children:
        if not child.undoes_id:
            begun.setdefault(child.step_id, []).append(child)
            kinds[child.target] = child.kind
    pack = run.version.parsed.canonical
    states = {step["id"]: _state(run, begun.get(step["id"], [])) for step in pack.get("steps", ())}
    for step_id, call in (earlier or {}).items():
        states[step_id] = State("Taken over", "ok", "check", call.get_absolute_url())
        kinds[call.target] = call.kind
    if run.is_final and pack.get("outcome"):
        states[""] = _outcome(run)
    return graph_of(pack, states, kinds)


def passed_of(children: Iterable[Run], most: int = 60) -> list[Passed]:
    """The values between the steps, in the order in which they ran."""
    found = [
        Passed(child.step_id, child.item, child.inputs, child.outputs, child.get_absolute_url())
        for child in children
        if not child.undoes_id
    ]
    return found[:most]


def _state(run: Run, runs: list[Run]) -> State:
    if not runs:
        if not run.is_final:
            return State("Not started")
        left_out = run.state == Run.State.SUCCEEDED
        return State("Left out" if left_out else "Not reached", "plain", "skip-forward")
    worst = min(runs, key=lambda one: WORST.index(Run.State(one.state)))
    tone = tone_of(worst.state)
    done = sum(one.state == Run.State.SUCCEEDED for one in runs)
    word = worst.get_state_display() if len(runs) == 1 else f"{worst.get_state_display()}, {done} of {len(runs)}"
    return State(word, tone.name or "plain", tone.icon, worst.get_absolute_url())


def _outcome(run: Run) -> State:
    outcome = getattr(run, "outcome", None)
    if outcome is None:
        return State("Not reached", "plain")
    return State("Reached", "ok", "check") if outcome.is_success else State("Not reached", "plain")
