"""Where a value does not fit a schema, in sentences that name what is wanted and never repeat the value."""

from __future__ import annotations

from itertools import islice
from typing import Any

from jsonschema_rs import ValidationErrorKind as Kind

from .schemas import validator

# Keywords whose demand stands in the schema itself. The others' errors, as those of anyOf, quote the value.
_DEMANDS = {
    "type": "A value of type {} is expected.",
    "format": "A value of the format {} is expected.",
    "enum": "One of {} is expected.",
    "const": "Exactly {} is expected.",
    "pattern": "A text that matches {} is expected.",
    "minLength": "A text of at least {} characters is expected.",
    "maxLength": "A text of at most {} characters is expected.",
    "minimum": "A number of at least {} is expected.",
    "maximum": "A number of at most {} is expected.",
    "exclusiveMinimum": "A number above {} is expected.",
    "exclusiveMaximum": "A number below {} is expected.",
    "minItems": "A list of at least {} is expected.",
    "maxItems": "A list of at most {} is expected.",
}
MOST = 50  # told at once; a long list can be wrong in a hundred thousand places
LONGEST = 200  # characters of a demand, which may be a long list of choices


def misfits(value: Any, schema: dict[str, Any]) -> dict[str, str]:
    """What in ``value`` does not fit: {dotted place: sentence}, sorted by place; "" is the value as a whole.

    Of several things wrong at one place the first by keyword is told, so that equal values get equal answers.
    """
    found: dict[str, str] = {}
    errors = islice(validator(schema).iter_errors(value), MOST)
    for error in sorted(errors, key=lambda error: error.kind.name):
        place = [str(part) for part in error.instance_path]
        match error.kind:
            case Kind.Required(property=name):
                found.setdefault(".".join([*place, name]), "This field is missing.")
            case Kind.AdditionalProperties(unexpected=names) | Kind.UnevaluatedProperties(unexpected=names):
                for name in names:
                    found.setdefault(".".join([*place, name]), "There is no such field.")
            case kind:
                found.setdefault(".".join(place), _demand(kind))
    return dict(sorted(found.items()))


def _demand(kind: Kind) -> str:
    match kind:
        case Kind.Not(schema={"enum": list(refused), **rest}) if not rest:
            return f"Anything but {_words(refused)} is expected."
        case _ if kind.name in _DEMANDS:
            return _DEMANDS[kind.name].format(_words(kind.value))
    return "This does not fit what is declared."


def _words(value: object) -> str:
    return (" or ".join(map(str, value)) if isinstance(value, list) else str(value))[:LONGEST]
