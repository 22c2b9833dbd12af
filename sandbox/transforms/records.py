"""map_fields, enrich and dedupe: what a record is made of."""

from __future__ import annotations

from typing import Any

import rfc8785

from registry.manifests.functions import EvaluationFailed, Evaluator

from .errors import TransformError

Record = dict[str, Any]
_NOTHING: Any = object()


def map_fields(record: Record, fields: dict[str, Any]) -> Record:
    """The record with fields computed by JMESPath from it as it was; one that finds nothing is left out.

    The fields they were computed from stay; what the outputs do not declare is dropped at the end of the transform.
    Raises TransformError: bad_mapping.
    """
    result = dict(record)
    evaluator = Evaluator()
    for name, tree in fields.items():
        try:
            found = evaluator.tree(tree, record)
        except EvaluationFailed as problem:
            raise TransformError("bad_mapping", str(problem), name) from None
        if found is None:
            result.pop(name, None)
        else:
            result[name] = found
    return result


def enrich(record: Record, *, field: str, table: dict[str, Any], into: str, default: Any = _NOTHING) -> Record:
    """The record with ``into`` set to what ``table`` holds for the value of ``field``, else to a given ``default``.

    Numbers and true or false are looked up as JSON writes them. Raises TransformError: wrong_type.
    """
    value = record.get(field)
    if isinstance(value, dict | list):
        raise TransformError("wrong_type", "A single value is looked up, not a list or an object.", field)
    key = value if isinstance(value, str) or value is None else rfc8785.dumps(value).decode()
    found = table.get(key, default) if key is not None else default
    return record if found is _NOTHING else {**record, into: found}


def dedupe(record: Record, *, field: str, by: list[str] | None = None, keep: str = "first") -> Record:
    """The record with one entry of each kind in the list ``field``, in the list's order.

    ``by`` names the fields that make two entries equal; an entry that lacks all of them is like no other and stays.
    Raises TransformError: wrong_type.
    """
    if field not in record:
        return record
    entries = record[field]
    if not isinstance(entries, list) or (by and not all(isinstance(entry, dict) for entry in entries)):
        what = "objects" if by else "values"
        raise TransformError("wrong_type", f"A list of {what} is expected.", field)
    kept: dict[bytes, int] = {}
    for at, entry in enumerate(entries):
        values = [entry.get(name) for name in by] if by else [entry]
        # The position makes the key of an entry without any of the fields its own.
        is_blank = by is not None and all(value is None for value in values)
        key = rfc8785.dumps([at, None] if is_blank else [values])
        if key not in kept or keep == "last":
            kept[key] = at
    return {**record, field: [entries[at] for at in sorted(kept.values())]}
