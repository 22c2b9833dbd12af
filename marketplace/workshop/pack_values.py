"""A pack's values as a form sends them: read from its fields, and moved about. Nothing here looks at what it calls."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from marketplace.workshop.field_values import put
from marketplace.workshop.pack_words import (
    AS_WRITTEN,
    INPUT_TYPES,
    Condition,
    Input,
    Said,
    expression_of,
    input_of,
    sample_of,
    shown_sample,
    value_of,
    written_of,
)
from registry.manifests import from_form
from registry.manifests.expressions import BadExpression, parse
from registry.manifests.keys import MAX_STEPS
from registry.manifests.types import DATA_CLASSES
from registry.manifests.value_shapes import KINDS

Values = dict[str, Any]
KindsOf = Callable[[int, str], frozenset[str]]  # of a step's input, or of a place that it can be pointed at
MOST_INPUTS = 40
STEP_KEYS = ("id", "use", "summary", "each", "most", "when", "with", "timeout_ms", "on_failure")


def rows_of(values: Values) -> list[Input] | None:
    """The inputs one by one; None where they are described by a schema as a whole."""
    inputs = values.get("inputs", {})
    if not isinstance(inputs, dict) or "$schema" in inputs or isinstance(inputs.get("properties"), dict):
        return None
    return [input_of(str(name), written) for name, written in inputs.items()]


def read_pack(base: Values, data: Mapping[str, str], kinds_of: KindsOf) -> Values:
    """``base`` with what was typed into the fields; what has no field stays as it is there."""
    values = copy.deepcopy(base)
    _read_inputs(values, data)
    steps = [
        _step(data, at, lambda name, at=at: kinds_of(at, name)) for at in range(min(_count(data, "steps"), MAX_STEPS))
    ]
    values["steps"] = steps
    for key in ("timeout_ms", "max_calls"):
        if key in data:
            put(values, [key], _number(data[key]))
    if "outcome-name" in data:
        _read_outcome(values, data, lambda name: kinds_of(len(steps), name))
    return values


def _read_inputs(values: Values, data: Mapping[str, str]) -> None:
    rows = rows_of(values)
    was = values.get("inputs", {})
    samples: dict[str, Any] = {}
    old_samples = values.get("sample", {}).get("inputs", {}) if isinstance(values.get("sample"), dict) else {}
    inputs: Values = {}
    for at in range(min(_count(data, "inputs"), MOST_INPUTS)):
        old = data.get(f"i{at}-was", "")
        kind, data_class = data.get(f"i{at}-type", ""), data.get(f"i{at}-class", "")
        typed = Input(
            data.get(f"i{at}-name", "").strip(),
            kind if kind in (*INPUT_TYPES, AS_WRITTEN) else "string",
            data_class if data_class in DATA_CLASSES else "",
            f"i{at}-needed" in data,
        )
        if not typed.name:
            continue
        known = _known(was, old)
        if known is not None and (input_of(*known) == typed or typed.type == AS_WRITTEN):
            key, written = known
            inputs[typed.name if typed.is_needed else f"{typed.name}?"] = written
            if input_of(key, written) == typed:
                inputs.pop(f"{typed.name}?", None)
                inputs.pop(typed.name, None)
                inputs[key] = written
        elif typed.type != AS_WRITTEN:
            written = written_of(typed)
            is_short = typed.is_needed or isinstance(written, str)
            inputs[typed.name if is_short else f"{typed.name}?"] = written
        sample = data.get(f"i{at}-sample", "").replace("\r\n", "\n")
        before = old_samples.get(old) if isinstance(old_samples, dict) else None
        samples[typed.name] = before if shown_sample(before) == sample else sample_of(sample, typed.type)
    if rows is not None and "inputs-total" in data:
        put(values, ["inputs"], inputs or None)
    if "inputs-total" in data:
        given = {name: value for name, value in samples.items() if value is not None}
        put(values, ["sample", "inputs"], given if given or "sample" in values else None)


def _known(inputs: Any, name: str) -> tuple[str, Any] | None:
    if not isinstance(inputs, dict) or not name:
        return None
    return next(((key, inputs[key]) for key in (name, f"{name}?") if key in inputs), None)


def _step(data: Mapping[str, str], at: int, kinds_of: Callable[[str], frozenset[str]]) -> Values:
    def text(name: str) -> str:
        return data.get(f"s{at}-{name}", "").replace("\r\n", "\n")

    mapping: Values = {}
    begin, end = f"s{at}-in-", "-how"
    for key in data:
        if key.startswith(begin) and key.endswith(end):
            name = key[len(begin) : -len(end)]
            was = json_of(data.get(f"{begin}{name}-was", ""))
            places = {was} if isinstance(was, str) and data[key] == was else set()
            said = Said(data[key], text(f"in-{name}-text") if data[key].startswith("=") else "")
            value = value_of(said, kinds_of(name), was, places)
            if value is not None:
                mapping[name] = value
    each = value_of(Said(text("each-of"), text("each-text") if text("each-of").startswith("=") else ""), KINDS)
    step = {
        "id": text("id").strip() or None,
        "use": text("use").strip() or None,
        "summary": text("summary").strip() or None,
        "each": each,
        "most": _number(text("most")) if each else None,
        "when": expression_of(_condition(data, f"s{at}-when"), kinds_of(text("when-of")), text("when-was") or None),
        "with": mapping or None,
        "timeout_ms": _number(text("timeout_ms")),
        "on_failure": text("on_failure") or None,
    }
    return {key: step[key] for key in STEP_KEYS if step[key] is not None}


def _condition(data: Mapping[str, str], prefix: str) -> Condition:
    of, test = data.get(f"{prefix}-of", ""), data.get(f"{prefix}-test", "there")
    value = data.get(f"{prefix}-value", "").replace("\r\n", "\n")
    if of.startswith("="):
        return Condition(of, "there", value)
    if not of:
        return Condition()
    return Condition(of, test, value if test not in ("there", "missing") else "")


def _read_outcome(values: Values, data: Mapping[str, str], kinds_of: Callable[[str], frozenset[str]]) -> None:
    success = expression_of(
        _condition(data, "outcome-success"),
        kinds_of(data.get("outcome-success-of", "")),
        data.get("outcome-success-was") or None,
    )
    outcome = values.get("outcome") if isinstance(values.get("outcome"), dict) else {}
    typed = {
        "name": data["outcome-name"].strip() or None,
        "success": success,
        "signal": data.get("outcome-signal") or None,
    }
    merged = {**(outcome or {}), **typed}
    put(values, ["outcome"], {key: value for key, value in merged.items() if value is not None} or None)


def readable(values: Values) -> Values:
    """The canonical form, as far as it can be read: what is written wrongly is left out of it."""
    reading = from_form(values)
    if reading.manifest is not None:
        return dict(reading.manifest.canonical)
    skeleton = {"pack": "some.pack", "steps": [{"id": "one", "use": "some.action"}]}
    inputs = from_form({**skeleton, "inputs": values.get("inputs") or {}}).manifest
    steps = [_readable_step(step) for step in values.get("steps", ()) if isinstance(step, dict)]
    sample = values.get("sample") if isinstance(values.get("sample"), dict) else {}
    outcome = values.get("outcome") if isinstance(values.get("outcome"), dict) else {}
    return {
        "kind": "pack",
        "inputs": inputs.inputs if inputs else {"type": "object"},
        "steps": [step for step in steps if step.get("id")],
        "sample": sample,
        "outcome": {"success": _expressions((outcome or {}).get("success"))} if outcome else {},
        "requires": {k: str(v) for k, v in (values.get("requires") or {}).items()},
    }


def _readable_step(step: Values) -> Values:
    kept = {key: step[key] for key in ("id", "use", "on_failure", "most") if isinstance(step.get(key), str | int)}
    for key in ("each", "when"):
        if (found := _expressions(step.get(key))) is not None:
            kept[key] = found
    given = step.get("with")
    if isinstance(given, dict):
        kept["with"] = {name: found for name, part in given.items() if (found := _expressions(part)) is not None}
    return kept


def _expressions(tree: Any) -> Any:
    """The tree where all its ends can be read, else None."""
    if isinstance(tree, dict):
        parts = {str(name): _expressions(part) for name, part in tree.items()}
        return None if None in parts.values() else parts
    if isinstance(tree, list):
        items = [_expressions(part) for part in tree]
        return None if None in items else items
    if not isinstance(tree, str):
        return None
    try:
        parse(tree)
    except BadExpression:
        return None
    return tree


def json_of(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _count(data: Mapping[str, str], name: str) -> int:
    text = data.get(f"{name}-total", "")
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 5 else 0


def _number(text: str) -> Any:
    text = text.strip()
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else text or None
