"""The API's document as a page: every operation with what it takes, what it needs and a real answer."""

from dataclasses import dataclass
from typing import Any

from django.shortcuts import render
from django.views.decorators.http import require_safe

from galaxy.core.api.schema import document, examples
from galaxy.core.tokens import AGENT_PERMISSIONS, API_PERMISSIONS


@dataclass(frozen=True)
class Operation:
    """One method of one address. ``takes`` are (name, type, is needed, words) of its parameters and its body."""

    id: str
    method: str
    path: str
    summary: str
    text: str
    takes: list[tuple[str, str, bool, str]]
    request: Any
    response: Any
    status: int | None


@require_safe
def docs(request):
    groups: dict[str, list[Operation]] = {}
    found = document()
    recorded = examples()
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(found, path, method, operation, recorded))
    permissions = [(name, words, name in AGENT_PERMISSIONS) for name, words in API_PERMISSIONS.items()]
    context = {"groups": groups, "info": found["info"], "permissions": permissions}
    return render(request, "core/api_docs.html", context)


def _operation(found: dict, path: str, method: str, operation: dict, recorded: dict) -> Operation:
    example = recorded.get(operation["operationId"], {})
    takes = [
        (part["name"], _type_of(part["schema"]), part.get("required", False), part.get("description", ""))
        for part in operation.get("parameters", [])
    ]
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        text=operation.get("description", ""),
        takes=[*takes, *_body_of(found, operation)],
        request=example.get("request"),
        response=example.get("response"),
        status=example.get("status"),
    )


def _body_of(found: dict, operation: dict) -> list[tuple[str, str, bool, str]]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    shape = _resolved(found, content.get("schema", {}))
    needed = shape.get("required", ())
    return [
        (name, _type_of(_resolved(found, part)), name in needed, part.get("description", ""))
        for name, part in shape.get("properties", {}).items()
    ]


def _resolved(found: dict, shape: dict) -> dict:
    """``shape``, or what it points at: one step, which is all that the document has."""
    inner = shape["allOf"][0] if "allOf" in shape else shape
    name = inner.get("$ref", "").rpartition("/")[2]
    return found["components"]["schemas"][name] if name else shape


def _type_of(shape: dict) -> str:
    if "enum" in shape:
        return " | ".join(map(str, shape["enum"]))
    return shape.get("format") or shape.get("type") or "any"
