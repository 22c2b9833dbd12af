"""What an operation answers: the outputs of an action, the mapping to them, its errors and its fixtures."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from registry.openapi.document import JSON_KIND, Document
from registry.openapi.losses import Losses
from registry.openapi.refs import follow, shown
from registry.openapi.samples import fits, sample
from registry.openapi.schemas import SchemaWriter, is_plain_json, merged
from registry.openapi.text import plain

_COMMON_ERRORS = (401, 429)


@dataclass
class Answer:
    """``outputs`` is a schema of an object; ``response`` maps the reply to it ({} where the body is it already).

    ``status`` and ``body`` are the happy reply; ``is_made_up`` tells that the body comes from the schema alone.
    """

    outputs: dict[str, Any]
    response: dict[str, str] = field(default_factory=dict)
    status: int = 200
    body: Any = None
    is_made_up: bool = True
    errors: list[int | str] = field(default_factory=list)
    samples: dict[str, Any] = field(default_factory=dict)  # bodies of errors by fixture


def answer_of(document: Document, view: dict[str, Any], losses: Losses) -> Answer:
    responses = view.get("responses")
    responses = responses if isinstance(responses, dict) else {}
    good = sorted(status for status in responses if re.fullmatch(r"2(?:\d\d|XX)", status, re.IGNORECASE))
    status = good[0] if good else "default" if "default" in responses else ""
    if len(good) > 1:
        losses.add("replies", f"The reply {good[0]} is taken; {', '.join(good[1:])} look alike to it or are left out.")
    response = follow(document.root, responses.get(status), losses)
    if response.get("links"):
        losses.add("links", "Links from its reply to other operations are left out.")
    schema, example = _media(document, response, losses)
    writer = SchemaWriter(document.root, losses, is_request=False)
    found = _shaped(merged(writer.write(schema)) if schema is not None else None)
    found.status = int(status) if status.isdigit() else 200
    if example is not None and is_plain_json(example, 8_000):
        found.body, found.is_made_up = example, False
    elif schema is not None:
        found.body = _body(found)
    found.errors = _errors(responses)
    for name, statuses in (("401", ("401", "403")), ("429", ("429",)), ("5xx", ("500", "502", "503", "default"))):
        known = next((one for one in statuses if one in responses), None)
        if known:
            _, error_example = _media(document, follow(document.root, responses[known], losses), Losses())
            if is_plain_json(error_example) and error_example is not None:
                found.samples[name] = error_example
    return found


def _media(document: Document, response: dict[str, Any], losses: Losses) -> tuple[Any, Any]:
    """Schema and example of the reply's JSON; (None, None) where it has none."""
    content = response.get("content")
    content = content if isinstance(content, dict) else {}
    kind = next((one for one in content if JSON_KIND.fullmatch(one) or one == "*/*"), None)
    if kind is None:
        if content:
            listed = ", ".join(shown(one) for one in list(content)[:5])
            losses.add("reply-kind", f"Its reply ({listed}) is no JSON, so only its status comes out.")
        return None, None
    media = content[kind] if isinstance(content[kind], dict) else {}
    example = media.get("example")
    if example is None and isinstance(media.get("examples"), dict):
        first = follow(document.root, next(iter(media["examples"].values()), None), Losses())
        example = first.get("value")
    return media.get("schema", {}), example


def _shaped(schema: dict[str, Any] | None) -> Answer:
    """Outputs are objects: a list becomes the field ``items``, another value ``value``, no body ``status``."""
    if schema is None:
        outputs = {"type": "object", "properties": {"status": {"type": "integer"}}, "required": ["status"]}
        return Answer(outputs, {"status": "status"})
    if schema.get("type") == "object" or "properties" in schema:
        return Answer({**schema, "type": "object", "properties": schema.get("properties", {})})
    kinds = schema.get("type")
    if kinds is None and not {"allOf", "anyOf", "oneOf"} & set(schema):
        return Answer({"type": "object", "properties": {}})  # any value; a manifest's outputs are an object
    name = "items" if kinds == "array" else "value"
    outputs = {"type": "object", "properties": {name: schema}, "required": [name]}
    return Answer(outputs, {name: "body"})


def _body(answer: Answer) -> Any:
    made = sample(answer.outputs)
    only = next(iter(answer.response), None)
    return made.get(only) if only else made


def _errors(responses: dict[str, Any]) -> list[int | str]:
    found: set[int | str] = {*_COMMON_ERRORS, "5xx"}
    for status in responses:
        if re.fullmatch(r"[45]\d\d", status, re.ASCII):
            found.add(int(status))
        elif re.fullmatch("[45]xx", status, re.IGNORECASE):
            found.add(status.lower())
    return sorted(found, key=str)


def fixtures_of(answer: Answer, inputs: Any) -> dict[str, Any]:
    """The four that publication needs."""
    refused = {"error": "unauthorized", "message": "The credentials are not accepted."}
    slow_down = {"error": "rate_limited", "message": "Too many requests."}
    broken = {"error": "unavailable", "message": "The service is not available."}
    happy: dict[str, Any] = {"inputs": inputs, "status": answer.status}
    if answer.body is not None:
        happy["body"] = answer.body
    return {
        "happy": happy,
        "401": {"status": 401, "body": answer.samples.get("401", refused)},
        "429": {"status": 429, "headers": {"Retry-After": "5"}, "body": answer.samples.get("429", slow_down)},
        "5xx": {"status": 503, "body": answer.samples.get("5xx", broken)},
    }


def is_fitting(answer: Answer) -> bool:
    """Whether the happy reply gives what the outputs promise."""
    only = next(iter(answer.response), None)
    if only == "status":
        return True
    return fits({only: answer.body} if only else answer.body, answer.outputs)


def about_of(view: dict[str, Any]) -> str:
    return plain(view.get("summary"), 300) or plain(view.get("description"), 300)
