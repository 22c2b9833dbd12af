"""Runs a transform's steps over one record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from registry.manifests.functions import Evaluator
from registry.manifests.misfits import misfits
from registry.manifests.schemas import data_classes as declared_classes

from . import records, redaction
from .classes import Classes, follow, read_paths
from .dates import normalize_date
from .errors import TransformError
from .phones import normalize_phone
from .texts import normalize_number, normalize_text

Record = dict[str, Any]
Schema = dict[str, Any]
MAX_DEPTH = 40
MAX_SIZE = 1_000_000  # characters and entries of a record on the way
_MAX_EXACT = 2**53 - 1


def apply(
    steps: list[dict[str, Any]],
    inputs: Record,
    *,
    inputs_schema: Schema | None = None,
    outputs_schema: Schema | None = None,
    key: bytes = b"",
) -> Record:
    """The record that comes of ``inputs`` by ``steps``, each ``{op, args}`` in the canonical form of a manifest.

    Pure: equal arguments give equal bytes of JSON, on any machine and at any time. ``inputs_schema`` tells which
    fields carry a data class; only the fields that ``outputs_schema`` declares come out, unless it declares none.
    ``key`` is the workspace's secret for the redaction modes hash and tokenise. Raises TransformError.
    """
    made = inputs
    for record, _ in walk(steps, inputs, inputs_schema=inputs_schema, outputs_schema=outputs_schema, key=key):
        made = record
    return _sorted_json(_declared(made, outputs_schema or {}), 0)


def walk(
    steps: list[dict[str, Any]],
    inputs: Record,
    *,
    inputs_schema: Schema | None = None,
    outputs_schema: Schema | None = None,
    key: bytes = b"",
) -> Iterator[tuple[Record, Classes]]:
    """The record, with the classes that its fields carry, before the first step and behind each; as ``apply``."""
    record: Record = _sorted_json(inputs, 0)
    classes = read_paths(dict(declared_classes(inputs_schema or {}, "")))
    yield record, classes
    for step in steps:
        op, args = step["op"], step["args"]
        if op in _FIELD_OPERATIONS:
            record = _on_field(record, op, args)
        elif op in _RECORD_OPERATIONS:
            record = _RECORD_OPERATIONS[op](record, args, classes, key)
            _refuse_large(record)
        elif op == "validate":
            schema = {"inputs": inputs_schema, "outputs": outputs_schema}[args["against"]] or {}
            _check(_declared(record, schema), schema)
        else:
            raise TransformError("unknown_operation", f"There is no operation {op!r:.40}.")
        classes = follow(step, classes)
        yield record, classes


_FIELD_OPERATIONS: dict[str, Callable[..., Any]] = {
    "normalize_date": lambda value, *, timezone="UTC", **args: normalize_date(value, zone=timezone, **args),
    "normalize_phone": normalize_phone,
    "normalize_text": normalize_text,
    "normalize_number": normalize_number,
}
_RECORD_OPERATIONS: dict[str, Callable[[Record, dict[str, Any], Classes, bytes], Record]] = {
    "map_fields": lambda record, args, classes, key: records.map_fields(record, args),
    "enrich": lambda record, args, classes, key: records.enrich(record, **args),
    "dedupe": lambda record, args, classes, key: records.dedupe(record, **args),
    "detect_pii": lambda record, args, classes, key: redaction.detect_pii(record, tagged=classes, **args),
    "redact": lambda record, args, classes, key: redaction.redact(record, tagged=classes, key=key, **args),
}
OPERATIONS = frozenset([*_FIELD_OPERATIONS, *_RECORD_OPERATIONS, "validate"])


def _on_field(record: Record, op: str, args: dict[str, Any]) -> Record:
    """The record with one value in its normal form. A field that is absent, null or blank says nothing and stays."""
    field = args["field"]
    value = record.get(field)
    if value is None or (isinstance(value, str) and not value.strip() and op != "normalize_text"):
        return record
    options = {name: option for name, option in args.items() if name != "field"}
    try:
        return {**record, field: _FIELD_OPERATIONS[op](value, **options)}
    except TransformError as problem:
        raise TransformError(problem.code, problem.sentence, field) from None


def _check(record: Record, schema: Schema) -> None:
    """Raises TransformError with the first place that does not fit, in the order of the fields' names."""
    for field, sentence in misfits(record, schema).items():
        raise TransformError("invalid", sentence, field)


def _refuse_large(record: Record) -> None:
    """Before the next operation walks it: a mapping can name one part many times over. Raises TransformError."""
    if Evaluator().size(record) > MAX_SIZE:
        raise TransformError("too_large", f"The record grows beyond {MAX_SIZE:,} characters and entries.")


def _declared(record: Record, schema: Schema) -> Record:
    """Only what the schema names; all of it where it names nothing."""
    properties = schema.get("properties")
    return {name: value for name, value in record.items() if name in properties} if properties else record


def _sorted_json(value: Any, depth: int) -> Any:
    """A copy with keys in order, since ``keys()`` and ``values()`` of JMESPath show it. Raises TransformError."""
    if depth > MAX_DEPTH:
        raise TransformError("too_deep", f"The record is nested more than {MAX_DEPTH} levels.")
    if isinstance(value, dict):
        return {name: _sorted_json(value[name], depth + 1) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted_json(part, depth + 1) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_EXACT:
        raise TransformError("number_range", "A number is too large to be kept exactly; write it as a text.")
    return value
