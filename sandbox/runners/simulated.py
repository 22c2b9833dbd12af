"""Answers from an extension's own samples: nothing here reaches another system.

A scenario is a script of replies. ``429`` and ``5xx`` fail once and then succeed, so that retries can be watched; the
happy answer comes from the action's simulation handler, which computes it from the inputs, or else from its sample.
"""

import time
from typing import Any

from registry.manifests import ActionSpec
from registry.manifests.functions import EvaluationFailed, evaluate_fields
from registry.services import verified_manifest
from sandbox import rest
from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.retry import category_of
from sandbox.runners import Reply

MAX_LATENCY_MS = 5_000
_SCRIPTS: dict[str, tuple[str, ...]] = {
    Run.Scenario.HAPPY: ("happy",),
    Run.Scenario.EMPTY: ("empty",),
    Run.Scenario.AUTH: ("401",),
    Run.Scenario.RATE: ("429", "happy"),
    Run.Scenario.SERVER: ("5xx", "happy"),
    Run.Scenario.SLOW: ("slow",),
}


class SimulatedRunner:
    is_virtual = True

    def __init__(self, run: Run):
        self.run = run
        self.spec = action_of(run)
        self.endpoint = f"simulated {self.spec.method or self.spec.runner} {self.spec.path or run.target}".strip()
        self._script = _SCRIPTS[run.scenario]

    def attempt(self, inputs: dict[str, Any], number: int) -> Reply:
        sample = self._script[min(number, len(self._script)) - 1]
        if sample in {"happy", "slow"}:
            self._pass_time(sample)
            return self._answer(inputs)
        fixture = self.spec.fixtures.get(sample)
        if fixture is None:
            raise RunError(
                Category.TOOL_ERROR,
                "sample_missing",
                sentence=f"{self.run.target} comes without a sample for “{self.run.get_scenario_display()}”.",
                next_step="Pick another sample.",
            )
        return replayed(self.spec, fixture)

    def _answer(self, inputs: dict[str, Any]) -> Reply:
        return answered(self.spec, inputs, seed=self.run.seed, now=self.run.created_at.isoformat())

    def _pass_time(self, sample: str) -> None:
        """Take as long as the sample says, so that a run can be watched as it would be."""
        fixture = self.spec.fixtures.get(sample, {})
        latency_ms = fixture.get("latency_ms", self.spec.simulation.get("latency_ms", 0))
        time.sleep(min(latency_ms, MAX_LATENCY_MS) / 1000)


def replayed(spec: ActionSpec, fixture: dict[str, Any]) -> Reply:
    """A sample as the other system would send it, through the mapping that its live replies go through.

    Raises RunError where nothing can be made of it.
    """
    status, body = int(fixture.get("status", 200)), fixture.get("body")
    headers = {name.lower(): str(value) for name, value in fixture.get("headers", {}).items()}
    category = category_of(status, spec.raw.get("replies", ()), body)
    acted = rest.has_acted(spec.effect, status, category, was_sent=True)
    if category is not None:
        return Reply(status, body, headers, outputs=body, has_acted=acted)
    pagination = spec.raw.get("pagination")
    try:
        items = rest.items_of(pagination, body) if pagination else None
        outputs = rest.outputs_of(spec.raw, status=status, headers=headers, body=body, items=items)
    except (EvaluationFailed, rest.BadCall) as error:
        raise RunError(
            Category.TOOL_ERROR, "mapping_failed", sentence=f"The sample cannot be mapped: {error}"
        ) from error
    return Reply(status, body, headers, outputs, has_acted=acted)


def answered(spec: ActionSpec, inputs: dict[str, Any], *, seed: int, now: str) -> Reply:
    """What the simulation handler computes from the inputs, or else the happy sample. Raises RunError."""
    expressions = spec.simulation.get("answer")
    if not expressions:
        return replayed(spec, {"body": {}, **spec.fixtures.get("happy", {}), "headers": {}})
    try:
        outputs = evaluate_fields(expressions, {"inputs": inputs, "seed": str(seed)}, seed=seed, now=now)
    except EvaluationFailed as error:
        raise RunError(
            Category.TOOL_ERROR, "simulation_failed", sentence=f"The simulation handler cannot answer: {error}"
        ) from error
    return Reply(200, outputs=outputs)


def action_of(run: Run) -> ActionSpec:
    """What a run calls: ``create_task`` of ``hubspot.create_task``, or the only one of an action."""
    manifest = verified_manifest(run.version_digest)
    if manifest.kind == "action":
        return manifest.actions[manifest.id]
    return manifest.actions[run.target.removeprefix(f"{manifest.id}.")]
