"""Answers from an extension's own samples: nothing here reaches another system.

A scenario is a script of replies. ``429`` and ``5xx`` fail once and then succeed, so that retries can be watched; the
happy answer comes from the action's simulation handler, which computes it from the inputs, else from its sample, and
where it has none from what its outputs are declared to be (sandbox.samples). Each attempt names its sample.
"""

import time
from dataclasses import replace
from typing import Any

from registry.manifests import ActionSpec
from registry.manifests.functions import EvaluationFailed, evaluate_fields
from registry.services import verified_manifest
from sandbox import bulk_samples, rest
from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.retry import category_of
from sandbox.runners import Reply
from sandbox.samples import made, varied

MAX_LATENCY_MS = 5_000
_SCRIPTS: dict[str, tuple[str, ...]] = {
    Run.Scenario.HAPPY: ("happy",),
    Run.Scenario.EMPTY: ("empty",),
    Run.Scenario.AUTH: ("401",),
    Run.Scenario.RATE: ("429", "happy"),
    Run.Scenario.SERVER: ("5xx", "happy"),
    Run.Scenario.SLOW: ("slow",),
    Run.Scenario.BULK: ("partial",),
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
            return replace(self._answer(inputs), notes={"sample": sample})
        if sample == "partial" and sample not in self.spec.fixtures:
            return self._partly(inputs)
        fixture = self.spec.fixtures.get(sample)
        if fixture is None:
            raise RunError(
                Category.TOOL_ERROR,
                "sample_missing",
                sentence=f"{self.run.target} comes without a sample for “{self.run.get_scenario_display()}”.",
                next_step="Pick another sample.",
            )
        return replace(replayed(self.spec, fixture), notes={"sample": sample})

    def _partly(self, inputs: dict[str, Any]) -> Reply:
        """As the happy answer, with some of its records refused; a call of none or one is answered as ever."""
        self._pass_time("happy")
        count = len(bulk_samples.records_of(self.spec, inputs))
        refused = bulk_samples.refused_of(count, self.run.seed)
        reply = self._answer(inputs)
        outputs = bulk_samples.partly(reply.outputs, self.spec.outputs, count, refused)
        notes: dict[str, str | int] = {"sample": "partial", "accepted": count - len(refused), "refused": len(refused)}
        return replace(reply, outputs=outputs, notes=notes)

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
        happy = spec.fixtures.get("happy")
        if happy is None:
            return Reply(200, outputs=made(spec.outputs, inputs, seed=seed))
        reply = replayed(spec, {"body": {}, **happy, "headers": {}})
        return replace(reply, outputs=varied(reply.outputs, spec.outputs, inputs, seed=seed))
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
