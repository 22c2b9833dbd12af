"""The sample in which the other side takes some of many records and refuses others. Pure."""

from typing import Any

from registry.manifests import ActionSpec
from registry.manifests.misfits import misfits

REFUSED = "Refused in this sample."
_TOOK = ("success", "ok", "succeeded", "accepted")
_WHY = ("problem", "error", "message", "reason")
_FAILED = ("failed", "refused", "rejected", "errors", "skipped")


def records_of(spec: ActionSpec, inputs: dict[str, Any]) -> list[Any]:
    """The records of a call; none where its manifest names no list that counts them."""
    found = inputs.get(spec.bulk["field"]) if spec.bulk else None
    return found if isinstance(found, list) else []


def refused_of(count: int, seed: int) -> set[int]:
    """Which of ``count`` records are refused, by their places: every third, so that some of two or more are taken and
    some are not; none of fewer."""
    return set(range(seed % min(3, count), count, 3)) if count > 1 else set()


def partly(outputs: Any, schema: dict[str, Any], count: int, refused: set[int]) -> Any:
    """``outputs`` of a call all of whose ``count`` records were taken, with some refused: told entry by entry where the
    answer has one for each, left out of its lists where not, and counted where it counts."""
    if not isinstance(outputs, dict) or not refused:
        return outputs
    found = {name: _field(name, value, count, refused) for name, value in outputs.items()}
    return found if not misfits(found, schema) else outputs


def _field(name: str, value: Any, count: int, refused: set[int]) -> Any:
    if isinstance(value, list) and len(value) == count:
        told = [_entry(one) if number in refused else one for number, one in enumerate(value)]
        if any(told[number] != value[number] for number in refused):
            return told
        return [one for number, one in enumerate(value) if number not in refused]
    if isinstance(value, int) and not isinstance(value, bool):
        if name.lower().startswith(_FAILED):
            return len(refused)
        return count - len(refused) if value == count else value
    return value


def _entry(one: Any) -> Any:
    if not isinstance(one, dict):
        return one
    took = {name: False for name in _TOOK if isinstance(one.get(name), bool)}
    return one | took | {name: REFUSED for name in _WHY if took and name in one}
