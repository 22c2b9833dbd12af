"""What of a trigger's mapping cannot fit what it feeds, told at each input when it is saved.

Of an event Galaxy knows its own fields, that a schedule's body is empty, and nothing of a webhook's body but what the
sample event shows. A sample is one event: it says of what type the fields are that it has, and that those which are
needed come with it. Of fields that it has not it says nothing, so an optional input may read them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from registry.manifests import expressions
from registry.manifests.expression_shapes import shape_of
from registry.manifests.flow_types import check_inputs
from registry.manifests.functions import EvaluationFailed, evaluate
from registry.manifests.misfits import misfits
from registry.manifests.value_shapes import ANY, NUMBER, TEXT, Shape, list_of, object_of, of_value

Schema = dict[str, Any]
Event = dict[str, Any]
_NOT_SAID = "undeclared-field"  # of a field that the sample lacks: another event may have it


def check_expression(text: str) -> str:
    """What is wrong with an expression over ``event``; "" where nothing is."""
    try:
        references = expressions.parse(text)
    except expressions.BadExpression as error:
        return str(error)
    wrong = next((one.root for one in references if one.root != "event"), None)
    return f"It begins with event, such as event.body.id; there is no {wrong:.40}." if wrong else ""


def unfit(inputs: dict[str, str], schema: Schema, *, is_webhook: bool, sample: Event | None) -> dict[str, str]:
    """What is wrong in ``inputs``, {input: expression}, for a target that takes ``schema``: {input: sentence}.

    ``sample`` is the sample event, None where there is none; "" is what is wrong with the inputs as a whole.
    """
    found = {name: wrong for name, text in inputs.items() if (wrong := check_expression(text))}
    readable = {name: text for name, text in inputs.items() if name not in found}
    body = ANY if is_webhook else object_of({})
    for name, said in _told(readable, scope_with(body), schema):
        if name not in inputs or name in readable:
            found.setdefault(name, said)
    if not is_webhook or sample is None or found:
        return found
    scope = scope_with(_loosened(of_value(sample["body"])))
    for name, said in _told(readable, scope, schema):
        found.setdefault(name, f"By the sample event: {said}")
    return found or _tried(readable, schema, sample, scope)


def scope_with(body: Shape) -> Shape:
    """What an expression of a trigger reads, where bodies of its events have the shape ``body``."""
    own = {"id": TEXT, "at": TEXT, "kind": TEXT, "merged": NUMBER, "missed": NUMBER}
    return object_of({"event": object_of({"body": body, "bodies": list_of(body, 1), **own})})


def _told(inputs: dict[str, str], scope: Shape, schema: Schema) -> Iterator[tuple[str, str]]:
    """Each input that cannot be as it is mapped, with what to do. A field that is never there is no error of a pack,
    and one here: somebody who is not asked again means it."""
    for finding in check_inputs("", inputs, scope, schema):
        if finding.code != _NOT_SAID:
            place = finding.field.removeprefix("with.")
            name = place if place in inputs else next((one for one in inputs if place.startswith(f"{one}.")), place)
            inner = place.removeprefix(name).strip(".")
            yield name, f"{f'{inner}: ' if inner else ''}{finding.sentence} {finding.fix}"


def _tried(inputs: dict[str, str], schema: Schema, sample: Event, scope: Shape) -> dict[str, str]:
    """What the sample event itself gives, against the schema."""
    found: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, text in inputs.items():
        try:
            values[name] = evaluate(text, {"event": sample}, seed=sample["id"], now=sample["at"])
        except EvaluationFailed as error:
            found[name] = f"With the sample event: {error}"
    given = {name: value for name, value in values.items() if value is not None}
    for place, said in misfits(given, schema).items():
        name = next((one for one in inputs if place == one or place.startswith(f"{one}.")), "")
        if name and name not in given:
            missed = [one.fix for one in shape_of(inputs[name], scope)[1]]
            said = " ".join(["It is needed, and the sample event has nothing there.", *missed[:1]])
            found.setdefault(name, said)
        else:
            inner = place.removeprefix(name).strip(".")
            found.setdefault(name, f"With the sample event{f', {inner}' if inner else ''}: {said}")
    return found


def _loosened(shape: Shape) -> Shape:
    """What the bodies may be of which one is a sample: of the same types, where it says any, with more beside."""
    if shape.is_nothing:
        return ANY
    return replace(
        shape,
        values=() if shape.values == () else None,
        fields={name: _loosened(part) for name, part in shape.fields.items()},
        required=frozenset(),
        is_open=True,
        is_declared="object" in shape.kinds and bool(shape.fields),
        items=_loosened(shape.items) if shape.items else None,
        least=0,
    )
