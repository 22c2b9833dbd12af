"""What is inside a version, as its pages list it: actions, steps, fields and how it answers in simulation."""

from dataclasses import dataclass
from typing import Any

from registry.asks import Field, fields_of
from registry.manifests import ActionSpec, Manifest
from registry.manifests.flow_graph import Graph, graph_of
from registry.models import Kind

_SCENARIOS = {
    "happy": "happy path",
    "empty": "empty answer",
    "401": "log-in refused (401)",
    "403": "not permitted (403)",
    "404": "not found (404)",
    "409": "conflict (409)",
    "422": "refused input (422)",
    "429": "rate limit (429)",
    "5xx": "server failure (5xx)",
    "slow": "slow answer",
    "partial": "some of many refused",
}
_EFFECTS = {"read": ("Reads", ""), "write": ("Writes", "info"), "delete": ("Deletes", "bad")}


@dataclass(frozen=True)
class ActionRow:
    """One action: ``target`` is how it is called (``hubspot.create_task``), ``effect`` its (word, tone)."""

    target: str
    name: str
    summary: str
    verb: str
    scopes: tuple[str, ...]
    inputs: list[Field]
    outputs: list[Field]

    @property
    def effect(self) -> tuple[str, str]:
        return _EFFECTS[self.verb]


@dataclass(frozen=True)
class StepRow:
    """One step of a pack (``does`` is what it calls) or of a transform (``does`` is the operation)."""

    name: str
    does: str
    detail: str


@dataclass(frozen=True)
class Contents:
    """``inputs`` and ``outputs`` are those of a transform, pack or trigger; an action has its own.

    ``facts`` are pairs of term and words; ``graph`` draws the steps of a pack.
    """

    actions: list[ActionRow]
    steps: list[StepRow]
    inputs: list[Field]
    outputs: list[Field]
    facts: list[tuple[str, str]]
    graph: Graph | None = None


def contents_of(manifest: Manifest) -> Contents:
    is_whole = manifest.kind not in (Kind.CONNECTOR, Kind.ACTION)
    return Contents(
        actions=[_action_row(manifest, action) for action in manifest.actions.values()],
        steps=[_pack_step(step) if manifest.kind == Kind.PACK else _operation(step) for step in manifest.steps],
        inputs=fields_of(manifest.inputs) if is_whole else [],
        outputs=fields_of(manifest.outputs) if is_whole else [],
        facts=_simulation_facts(manifest),
        graph=graph_of(manifest.canonical) if manifest.kind == Kind.PACK else None,
    )


def _action_row(manifest: Manifest, action: ActionSpec) -> ActionRow:
    return ActionRow(
        target=f"{manifest.id}.{action.id}" if manifest.kind == Kind.CONNECTOR else manifest.id,
        name=action.name,
        summary=action.summary,
        verb=action.effect,
        scopes=action.scopes,
        inputs=fields_of(action.inputs),
        outputs=fields_of(action.outputs),
    )


def _pack_step(step: dict[str, Any]) -> StepRow:
    when = f"Only when {step['when']}" if "when" in step else ""
    return StepRow(step["id"], step["use"], step.get("summary") or when)


def _operation(step: dict[str, Any]) -> StepRow:
    args = step.get("args")
    pairs = args.items() if isinstance(args, dict) else [("", args)] if args else []
    detail = ", ".join(f"{name}: {_words(value)}" if name else _words(value) for name, value in pairs)
    return StepRow(step["op"].replace("_", " "), step["op"], detail)


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return ", ".join(f"{key} ← {inner}" for key, inner in value.items()) if isinstance(value, dict) else str(value)


def _simulation_facts(manifest: Manifest) -> list[tuple[str, str]]:
    actions = list(manifest.actions.values())
    if not actions:
        examples = len(manifest.canonical.get("fixtures", {}))
        facts = [("Examples", f"{examples} with the result that must come out")] if examples else []
        return [*facts, ("Sample", "Brings inputs for a first run")] if "sample" in manifest.canonical else facts
    known = {name for action in actions for name in action.fixtures}
    scenarios = [words for name, words in _SCENARIOS.items() if name in known]
    answering = sum(bool(action.simulation) for action in actions)
    return [
        ("Simulates", f"{answering} of {len(actions)} actions, answering from your input"),
        ("Recorded replies", ", ".join(scenarios) or "none"),
    ]
