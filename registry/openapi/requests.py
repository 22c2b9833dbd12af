"""What an operation takes: its parameters and body as the inputs, path, query and body of an action."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from registry.manifests.readers import is_foreign
from registry.openapi import guessing
from registry.openapi.document import JSON_KIND, Document
from registry.openapi.losses import Losses
from registry.openapi.refs import follow, shown
from registry.openapi.schemas import SchemaWriter, is_plain_key, merged
from registry.openapi.text import plain

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_QUERY_NAME = re.compile(r"[^\s=&#]{1,64}")
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%/-]|\{[A-Za-z_][A-Za-z0-9_]*\})*", re.ASCII)
# Headers that the connection or the transport sets (OpenAPI 3, Parameter Object), and tokens passed by hand.
_OWN_HEADERS = {"accept", "content-type", "authorization", "token", "x-api-key", "api-key", "cookie", "host"}
_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_FORMS = {"application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart"}


class Unusable(ValueError):
    """The operation cannot be an action at all; the text says why."""


@dataclass
class Request:
    """``properties`` and ``required`` describe the inputs. ``body`` None: it is all inputs that nothing else uses."""

    path: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    body_format: str = ""

    @property
    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "object", "properties": self.properties}
        if self.required:
            found["required"] = sorted(self.required)
        return found | {"additionalProperties": False}


def request_of(document: Document, key: str, view: dict[str, Any], losses: Losses) -> Request:
    """Raises Unusable."""
    method, _, path = key.partition(" ")
    found = Request()
    writer = SchemaWriter(document.root, losses, is_request=True)
    body = follow(document.root, view.get("requestBody"), losses)
    if body and method not in ("GET", "HEAD"):
        _read_body(document, body, found, writer, losses)
    elif body:
        losses.add("body", f"{method} with a body is called without it.")
    names: dict[str, str] = {}
    for parameter in view["parameters"]:
        _read_parameter(parameter, found, names, writer, losses)
    found.path = _path(path, found, names, writer, losses)
    return found


def at(name: str) -> str:
    """The expression that reads an input."""
    return f"inputs.{name}" if _IDENTIFIER.fullmatch(name) else f"inputs.{json.dumps(name, ensure_ascii=False)}"


def _read_parameter(
    parameter: dict[str, Any], found: Request, names: dict[str, str], writer: SchemaWriter, losses: Losses
) -> None:
    name, place = parameter.get("name"), parameter.get("in")
    if not isinstance(name, str) or not name:
        return
    if place == "header":
        _read_header(name, parameter, found, losses)
    elif place == "cookie":
        losses.add("cookie", f"The cookie {shown(name)} is left out: nothing sends cookies.")
    elif place == "path":
        names[name] = _add(name, parameter, found, writer, is_required=True)
    elif place == "query":
        _read_query(name, parameter, found, writer, losses)


def _read_header(name: str, parameter: dict[str, Any], found: Request, losses: Losses) -> None:
    if name.lower() in _OWN_HEADERS:
        if name.lower() not in ("accept", "content-type"):
            losses.add("header-auth", f"The header {shown(name)} is left out: the connection signs its calls itself.")
        return
    schema = parameter.get("schema")
    schema = schema if isinstance(schema, dict) else {}
    values = schema.get("enum") or [schema.get("default")]
    only = values[0] if isinstance(values, list) and len(values) == 1 else None
    fits = re.fullmatch(r"[A-Za-z0-9-]{1,64}", name, re.ASCII) and not is_foreign(name.lower())
    if isinstance(only, str) and re.fullmatch(r"[\x20-\x7e]{1,200}", only) and only.strip() and fits:
        found.headers[name] = only.strip()  # one value only: a constant of the call
    else:
        losses.add("header", f"The header {shown(name)} is left out: a manifest’s headers are constant.")


def _read_query(name: str, parameter: dict[str, Any], found: Request, writer: SchemaWriter, losses: Losses) -> None:
    if not _QUERY_NAME.fullmatch(name) or not is_plain_key(name):
        losses.add("query-name", f"The query parameter {shown(name)} bears a name that a manifest does not take.")
        return
    if parameter.get("style") == "deepObject" or "content" in parameter:
        losses.add("query-style", f"The query parameter {shown(name)} is an object, which a query cannot hold here.")
        return
    given = _add(name, parameter, found, writer, is_required=parameter.get("required") is True)
    schema = found.properties[given]
    expression = at(given)
    if schema.get("type") == "array" and parameter.get("explode", True) is False:
        delimiter = _DELIMITERS.get(str(parameter.get("style", "form")), ",")
        texts = expression if schema.get("items", {}).get("type") == "string" else f"{expression}[].to_string(@)"
        expression = f"{expression} && join('{delimiter}', {texts})"
    found.query[name] = expression


def _add(name: str, parameter: dict[str, Any], found: Request, writer: SchemaWriter, *, is_required: bool) -> str:
    """Put a parameter among the inputs; returns the name that it got there."""
    given = name if _IDENTIFIER.fullmatch(name) else guessing.name_of(name, "value")
    taken = given
    for suffix in ("", f"_{parameter.get('in')}", *(f"_{number}" for number in range(2, 100))):
        taken = f"{given[:50]}{suffix}"
        if taken not in found.properties:
            break
    schema = writer.write(parameter.get("schema", {}))
    if about := plain(parameter.get("description")):
        schema.setdefault("description", about)
    if "example" in parameter and isinstance(parameter["example"], str | int | float | bool):
        schema.setdefault("examples", [parameter["example"]])
    found.properties[taken] = schema
    if is_required:
        found.required.append(taken)
    return taken


def _path(path: str, found: Request, names: dict[str, str], writer: SchemaWriter, losses: Losses) -> str:
    for name in re.findall(r"\{([^{}]*)\}", path):
        if name not in names:
            losses.add(
                "path-parameter", f"The path takes {shown(name)}, which is not described; it is taken as a text."
            )
            names[name] = _add(name, {"in": "path", "schema": {"type": "string"}}, found, writer, is_required=True)
        path = path.replace(f"{{{name}}}", f"{{{names[name]}}}")
    segments = path.split("/")[1:]
    if not _PATH.fullmatch(path) or "" in segments[:-1] or {".", ".."} & set(segments) or len(path) > 500:
        raise Unusable("Its path is not one that a manifest takes.")
    if re.search("%(?:2e|2f|5c|00)", path, re.IGNORECASE) or re.search("%(?![0-9A-Fa-f]{2})", path):
        raise Unusable("Its path hides a sign behind a percent code.")
    return path


def _read_body(document: Document, body: dict[str, Any], found: Request, writer: SchemaWriter, losses: Losses) -> None:
    content = body.get("content")
    content = (
        {kind: media for kind, media in content.items() if isinstance(media, dict)} if isinstance(content, dict) else {}
    )
    kind = next((one for one in content if JSON_KIND.fullmatch(one)), None) or next(
        (one for one in content if one.partition(";")[0].strip().lower() in _FORMS), None
    )
    others = [one for one in content if one != kind]
    if kind is None:
        if others:
            losses.add(
                "body-kind",
                f"Its body ({', '.join(map(shown, others[:5]))}) is left out: only JSON and forms are sent.",
            )
        return
    if others:
        losses.add("body-kinds", f"Its body is sent as {shown(kind)}; left out: {', '.join(map(shown, others[:5]))}.")
    found.body_format = _FORMS.get(kind.partition(";")[0].strip().lower(), "")
    schema = merged(writer.write(content[kind].get("schema", {})))
    is_required = body.get("required") is True
    properties = schema.get("properties")
    if isinstance(properties, dict) and properties and not {"oneOf", "anyOf", "allOf", "not"} & set(schema):
        found.properties |= properties
        if is_required or document.specification == "2.0":
            found.required += schema.get("required", ())
        if isinstance(schema.get("additionalProperties"), dict):
            losses.add("further-fields", "Its body takes further fields by any name; those described are kept.")
        return
    name = "items" if schema.get("type") == "array" else "body"
    found.properties[name] = schema
    found.body = at(name)
    if is_required:
        found.required.append(name)
