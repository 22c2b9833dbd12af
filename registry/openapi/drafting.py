"""Chosen operations as the draft of a connector: text for the editor, and the list of what it could not say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from registry.manifests.functions import EvaluationFailed, evaluate_fields
from registry.manifests.sources import MAX_BYTES as MAX_TEXT
from registry.openapi import guessing
from registry.openapi.auth import auth_of, base_url_of, egress_of
from registry.openapi.document import Document, Operation
from registry.openapi.losses import Loss, Losses
from registry.openapi.replies import Answer, about_of, answer_of, fixtures_of, is_fitting
from registry.openapi.requests import Request, Unusable, request_of
from registry.openapi.samples import fits, literal, sample
from registry.openapi.text import plain
from registry.openapi.writing import as_yaml

MOST_CHOSEN = 100
FIRST_VERSION = "0.1.0"
_MOST_LISTED = 20
_LONGEST = 900  # signs of one expression


class TooMuch(ValueError):
    """More was chosen than one manifest holds; the text says so, for a person."""


@dataclass(frozen=True)
class Draft:
    """``text`` is YAML; ``actions`` are the ids of what was drafted, ``losses`` what the text could not say."""

    text: str
    actions: tuple[str, ...]
    losses: tuple[Loss, ...]


def draft_manifest(document: Document, chosen: Iterable[str], *, connector: str, name: str = "") -> Draft:
    """``chosen`` are keys of operations; ``connector`` is the extension's name. Raises TooMuch."""
    wanted = set(chosen)
    operations = [operation for operation in document.operations if operation.key in wanted]
    if len(operations) > MOST_CHOSEN:
        raise TooMuch(f"{len(operations)} operations are chosen; one connector takes {MOST_CHOSEN} here.")
    losses = Losses()
    views = {operation.key: document.view(operation.key, losses) for operation in operations}
    base_url = base_url_of(document, losses)
    auth = auth_of(document, views.items(), base_url, losses)
    actions: list[dict[str, Any]] = []
    size = 0
    for operation in operations:
        losses.where = operation.key
        taken = {action["id"] for action in actions}
        try:
            actions.append(_action(document, operation, views[operation.key], connector, taken, losses))
        except Unusable as problem:
            losses.add("unusable", f"It is left out whole. {problem}")
            continue
        # What is this large in JSON is too large in YAML: no use in writing the rest, which may take many seconds.
        size += len(json.dumps(actions[-1], ensure_ascii=False))
        if size > 2 * MAX_TEXT:
            raise _too_large(f"more than {2 * MAX_TEXT // 1024:,}")
    losses.where = ""
    title = name or document.title or connector
    manifest: dict[str, Any] = {
        "connector": connector,
        "version": FIRST_VERSION,
        "name": plain(title, 80),
        "summary": plain(document.about, 200) or f"Calls {plain(title, 80)}.",
    }
    manifest |= {"auth": auth} if auth else {}
    if base_url:
        manifest |= {"base_url": base_url, "egress": egress_of(base_url, auth, (one["method"] for one in actions))}
    manifest["retry"] = {"strategy": "exponential", "max_attempts": 3}
    if check := next(
        (one["id"] for one in actions if one["method"] == "GET" and "required" not in one["inputs"]), None
    ):
        manifest["health"] = {"action": check}
    text = as_yaml(manifest | {"actions": actions})
    if (length := len(text.encode())) > MAX_TEXT:
        raise _too_large(f"{length // 1024:,}")
    return Draft(text, tuple(action["id"] for action in actions), (*document.losses, *losses.all))


def _too_large(kilobytes: str) -> TooMuch:
    return TooMuch(f"The draft has {kilobytes} KB; a manifest has at most {MAX_TEXT // 1024}. Choose fewer.")


def _action(
    document: Document, operation: Operation, view: dict[str, Any], connector: str, taken: set[str], losses: Losses
) -> dict[str, Any]:
    request = request_of(document, operation.key, view, losses)
    answer = answer_of(document, view, losses)
    for key, words in (
        ("callbacks", "Callbacks"),
        ("path_servers", "Servers of its own path"),
        ("servers", "Servers of its own"),
    ):
        if view.get(key):
            losses.add(key.replace("_", "-"), f"{words} are left out.")
    about = about_of(view)
    found: dict[str, Any] = {
        "id": _id(operation, taken),
        "name": plain(operation.summary or operation.id or operation.key, 80),
        **({"summary": about} if about else {}),
        "method": operation.method,
        "path": request.path,
        **({"query": request.query} if request.query else {}),
        **({"headers": request.headers} if request.headers else {}),
        **({"body": request.body} if request.body else {}),
        **({"body_format": request.body_format} if request.body_format else {}),
        "inputs": request.schema,
        "outputs": answer.outputs,
        **({"response": answer.response} if answer.response else {}),
        "errors": answer.errors,
        "scopes": [guessing.scope_of(connector, operation.path, operation.tags, operation.effect)],
        **_caution(operation, request),
    }
    inputs = sample(request.schema)
    if not answer.outputs["properties"]:
        losses.add("reply-undescribed", "The document does not say what fields its reply has, so any are taken.")
    if not is_fitting(answer):
        losses.add(
            "sample", "The happy reply does not fit the reply’s own schema. Correct one of the two in the draft."
        )
    elif answer.is_made_up and answer.body is not None:
        losses.add(
            "sample-made-up",
            "The document brings no example of its reply, so the happy one is made up from the schema.",
        )
    found["simulation"] = {"answer": _simulated(request, answer, inputs)}
    found["fixtures"] = fixtures_of(answer, inputs)
    return found


def _id(operation: Operation, taken: set[str]) -> str:
    name = guessing.name_of(operation.id or f"{operation.method} {operation.path}", "call")
    number = 1
    unique = name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique


def _caution(operation: Operation, request: Request) -> dict[str, Any]:
    """What makes the gate ask a person: a rule that counts, or where nothing can be counted, approval of each call."""
    if not operation.is_bulk:
        return {}
    lists = [name for name, one in request.properties.items() if one.get("type") == "array"]
    if len(lists) == 1:
        kind = "bulk_delete" if operation.effect == "delete" else "bulk_write"
        return {"bulk": {"field": lists[0], "over": 1}, "policy": {"approval": {"required_for": [kind]}}}
    return {} if operation.effect == "delete" else {"policy": {"approval": {"required_for": ["write"]}}}


def _simulated(request: Request, answer: Answer, inputs: Any) -> dict[str, Any]:
    """Outputs as expressions over the inputs, where one is called alike; the rest are samples."""
    whole = sample(answer.outputs) or {"simulated": True}  # an undescribed reply takes any field
    tree = {name: _expression(name, whole[name], request, answer) for name in list(whole)[:_MOST_LISTED]}
    try:
        if fits(evaluate_fields(tree, {"inputs": inputs, "seed": "1"}, seed=1), answer.outputs):
            return tree
    except EvaluationFailed:
        pass
    return {name: literal(value) for name, value in whole.items() if len(literal(value)) <= _LONGEST}


def _expression(name: str, value: Any, request: Request, answer: Answer) -> Any:
    kind = answer.outputs["properties"].get(name, {})
    text = literal(value)
    is_free_text = isinstance(value, str) and not {"enum", "format", "pattern", "const", "maxLength"} & set(kind)
    if is_free_text and (name == "id" or name.endswith(("_id", "Id"))):
        text = f"fake_id('{guessing.name_of(name, 'id').removesuffix('_id')[:20]}-', inputs)"
    given = request.properties.get(name, {})
    is_alike = "type" in given and given["type"] == kind.get("type") and isinstance(value, str | int | float)
    if is_alike and name.isidentifier():
        return f"inputs.{name}" if name in request.required else f"inputs.{name} || {text}"
    return text if len(text) <= _LONGEST else _parts(value)


def _parts(value: Any) -> Any:
    """A value too long for one expression, as a map or list of them."""
    if isinstance(value, dict):
        return {key: _parts(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_parts(part) for part in value]
    text = literal(value)
    return text if len(text) <= _LONGEST else "'too long to simulate'"
