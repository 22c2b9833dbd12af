"""Fixtures against what is declared: their status, their inputs, and what comes of a happy reply."""

from collections.abc import Iterator
from typing import Any

from marketplace.checks.notes import Subject
from registry.manifests import ActionSpec, Finding
from registry.manifests.functions import EvaluationFailed
from registry.manifests.misfits import misfits
from sandbox import rest
from sandbox.retry import category_of

_OK = ("happy", "empty")


def findings(subject: Subject) -> Iterator[Finding]:
    manifest = subject.manifest
    for action in manifest.actions.values():
        place = (*subject.action_steps(action.id), "fixtures")
        for name, fixture in action.fixtures.items():
            yield from _status(subject, action, place, name, fixture)
            yield from _inputs(subject, (*place, name), f"{action.id}, {name}", fixture, action.inputs)
        if "happy" in action.fixtures and action.runner == "rest":
            yield from _outputs(subject, action, (*place, "happy"), action.fixtures["happy"])
    if manifest.kind == "transform":
        for name, fixture in manifest.canonical.get("fixtures", {}).items():
            place = ("fixtures", name)
            yield from _inputs(subject, place, name, fixture, manifest.inputs)
            if "outputs" in fixture and (sentence := _misfit(fixture["outputs"], manifest.outputs)):
                yield subject.at("fixture-outputs", *place, message=f"{name}: {sentence}")
    if manifest.kind == "trigger":
        for name, fixture in manifest.canonical.get("fixtures", {}).items():
            if "body" in fixture and (sentence := _misfit(fixture["body"], manifest.outputs)):
                yield subject.at("fixture-outputs", "fixtures", name, message=f"{name}: {sentence}")
    sample = manifest.canonical.get("sample", {})
    if sample and (sentence := _misfit(sample.get("inputs", {}), manifest.inputs)):
        yield subject.at("sample-misfit", "sample", message=sentence)


def stands_for(name: str, fixture: dict[str, Any], replies: Any = ()) -> bool:
    """Whether the reply is one of its scenario: ``401`` answers 401, ``5xx`` something from 500, ``happy`` a success.

    A vendor may say no in the body of another status; then the reply table has to say so.
    """
    status = fixture.get("status", 200 if name in _OK else None)
    if name in _OK:
        return status is not None and category_of(status, replies, fixture.get("body")) is None
    if status is None or not (name.isdigit() or name == "5xx"):
        return name not in {"401", "429", "5xx"}
    if status == int(name) if name.isdigit() else status >= 500:
        return True
    wanted = category_of(503 if name == "5xx" else int(name))
    return category_of(status, replies, fixture.get("body")) == wanted


def _status(
    subject: Subject, action: ActionSpec, place: tuple[Any, ...], name: str, fixture: dict[str, Any]
) -> Iterator[Finding]:
    if not stands_for(name, fixture, action.raw.get("replies", ())):
        told = fixture.get("status", "no status")
        message = f"{action.id}: the fixture {name} answers {told}, which is no such reply."
        yield subject.at("fixture-status", *place, name, message=message)


def _inputs(
    subject: Subject, place: tuple[Any, ...], what: str, fixture: dict[str, Any], schema: dict[str, Any]
) -> Iterator[Finding]:
    if "inputs" in fixture and (sentence := _misfit(fixture["inputs"], schema)):
        yield subject.at("fixture-inputs", *place, message=f"{what}: {sentence}")


def _outputs(
    subject: Subject, action: ActionSpec, place: tuple[Any, ...], fixture: dict[str, Any]
) -> Iterator[Finding]:
    """By the mapping that live replies go through."""
    body, raw = fixture.get("body"), action.raw
    headers = {name.lower(): str(value) for name, value in fixture.get("headers", {}).items()}
    pagination = raw.get("pagination")
    try:
        items = rest.items_of(pagination, body) if pagination else None
        outputs = rest.outputs_of(raw, status=fixture.get("status", 200), headers=headers, body=body, items=items)
    except (EvaluationFailed, rest.BadCall) as error:
        yield subject.at("fixture-outputs", *place, message=f"{action.id}: the reply cannot be mapped. {error}")
        return
    if sentence := _misfit(outputs, action.outputs):
        yield subject.at("fixture-outputs", *place, message=f"{action.id}: {sentence}")


def _misfit(value: Any, schema: dict[str, Any]) -> str:
    """The first thing that does not fit, in a sentence; "" where all does."""
    for place, sentence in misfits(value, schema).items():
        return f"{place or 'It'}: {sentence}"
    return ""
