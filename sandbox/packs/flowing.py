"""The rules of a flow that need neither a database nor a clock of their own: what a step goes through and is given, the
limits, what a failure does, and what takes a call back. Pure: no Django.

The engine keeps to them, and so does whoever plays a pack on samples (sandbox.golden.playing).
"""

from typing import Any

from registry.manifests import ActionSpec, Manifest
from registry.manifests.functions import EvaluationFailed, evaluate, evaluate_fields
from registry.manifests.model import DEFAULT_MAX_CALLS

NO_UNDO, HIDDEN, REFUSED = "no_undo", "hidden", "refused"
# From good to bad: what is told of a loop is the worst of its items.
_RANK = ("succeeded", NO_UNDO, HIDDEN, "cancelled", REFUSED, "failed", "unknown")
NOTHING = object()  # that there is no such value, where null is one


class Stops(Exception):
    """A step, or with ``is_limit`` the run as a whole, goes no further. ``category`` and ``code`` are those of runs."""

    def __init__(self, category: str, code: str, sentence: str, next_step: str = "", *, is_limit: bool = False):
        super().__init__(sentence)
        self.category, self.code, self.sentence = category, code, sentence
        self.next_step, self.is_limit = next_step, is_limit


def named(step: dict[str, Any], item: int = 0) -> str:
    return f"Step “{step['id']}”, item {item}" if item else f"Step “{step['id']}”"


def items_of(step: dict[str, Any], seen: dict[str, Any], *, seed: int, now: str) -> list[Any]:
    """What a loop goes through. Raises Stops where it is no list, or a longer one than the step says."""
    name = named(step)
    try:
        found = evaluate(step["each"], seen, seed=seed, now=now)
    except EvaluationFailed as error:
        raise Stops("validation", "mapping_failed", f"{name}: {error}") from error
    if found is None:
        return []
    if not isinstance(found, list):
        sentence = f"{name} goes through a list, and {step['each']:.100} gave something else."
        raise Stops("validation", "not_a_list", sentence)
    if len(found) > step["most"]:
        raise Stops(
            "validation",
            "too_many_items",
            f"{name} would go through {len(found):,} items, and it goes through {step['most']:,} at most. "
            "None of them was begun.",
            "Run it with a shorter list, or let its author raise most.",
        )
    return found


def inputs_of(step: dict[str, Any], seen: dict[str, Any], item: int, *, seed: int, now: str) -> dict[str, Any] | None:
    """What a call is given; None where its condition leaves it out. Raises Stops."""
    try:
        if step.get("when") and not evaluate(step["when"], seen, seed=seed, now=now):
            return None
        return evaluate_fields(step.get("with", {}), seen, seed=seed, now=now)
    except EvaluationFailed as error:
        raise Stops("validation", "mapping_failed", f"{named(step, item)}: {error}") from error


def require_room(pack: Manifest, step: dict[str, Any], calls: int, target: str) -> None:
    """Raises Stops where ``calls`` are more than a run may make."""
    most: int = pack.canonical.get("max_calls", DEFAULT_MAX_CALLS)
    if calls > most:
        raise Stops(
            "validation",
            "too_many_calls",
            f"Step “{step['id']}” would make {calls:,} calls of it, and a run of {target} makes {most:,} at most.",
            "Run it with less, or let its author raise max_calls.",
            is_limit=True,
        )


def out_of_time(pack: Manifest, step: dict[str, Any], *, is_run: bool) -> Stops:
    """For a time that is over: the step's own, or with ``is_run`` that of the whole run."""
    if is_run:
        limit = _seconds(pack.canonical.get("timeout_ms", 0))
        sentence = f"The run took longer than the {limit} it may take, so nothing more was begun."
        return Stops("transient", "run_timeout", sentence, is_limit=True)
    sentence = f"Step “{step['id']}” took longer than the {_seconds(step.get('timeout_ms', 0))} it may take."
    return Stops("transient", "step_timeout", sentence)


def is_passed_over(step: dict[str, Any], *, is_limit: bool, is_ambiguous: bool = False) -> bool:
    """Whether the run goes on without what failed: what may have been done after all is never passed over."""
    return step.get("on_failure") == "skip" and not is_ambiguous and not is_limit


def has_signal(signal: str, *, has_acted: bool, is_approved: bool) -> bool:
    """Whether something of a run can have given the signal that the pack claims; an expression proves nothing."""
    if signal == "downstream_state":
        return has_acted
    if signal == "approved":
        return is_approved
    return True


# --- Taking back -------------------------------------------------------------------------------------------------


def changes_something(spec: ActionSpec) -> bool:
    return spec.effect != "read" or spec.destructive


def undo_inputs(undo: ActionSpec, gave: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What the declared undo is called with: what the action gave by the names of its inputs, else what it was
    given."""
    outputs = gave if isinstance(gave, dict) else {}
    found = {name: undo_value(name, outputs, given) for name in undo.inputs.get("properties", {})}
    return {name: value for name, value in found.items() if value is not NOTHING}


def undo_value(name: str, outputs: dict[str, Any], given: dict[str, Any]) -> Any:
    """NOTHING where neither has it."""
    return outputs[name] if outputs.get(name) is not None else given.get(name, NOTHING)


def tell_state(states: dict[str, str], step_id: str, state: str) -> None:
    """Put what became of one call into ``states``, {step id: the worst of its items}."""
    states[step_id] = max(states.get(step_id, state), state, key=_RANK.index)


def told_of(states: dict[str, str]) -> tuple[str, str]:
    """A sentence on what became of the steps that were taken back, and those that were not, listed; "" where none."""
    if not states:
        return "Nothing had to be taken back.", ""
    left = ", ".join(f"“{step}”" for step, state in states.items() if state != "succeeded")
    if not left:
        return "What its steps had done was taken back.", ""
    return f"Of what its steps had done, {left} was not taken back.", left


def _seconds(limit_ms: int) -> str:
    return f"{limit_ms / 1000:g} s"
