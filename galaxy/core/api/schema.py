"""The OpenAPI document: made from the views, completed with what every operation has in common."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from galaxy.core.api.repeats import HEADER

EXAMPLES = Path(__file__).with_name("examples.json")
MEDIA_TYPE = "application/vnd.oai.openapi+json"
_READING = ("400", "401", "403", "404", "405", "406", "422", "429")
_WRITING = (*_READING, "409", "413", "415")
_TEXTS = {
    "400": "Cannot be understood, or a cursor that this list did not give out",
    "401": "No token and no session, or a token that opens nothing any more",
    "403": "Not granted to this caller, or not opened by this token",
    "404": "Not there, or not in this workspace",
    "405": "This address does not take that method",
    "406": "Only application/json is answered",
    "409": "Somebody was faster, or the Idempotency-Key stands for another request",
    "410": "It was there, or will be, and is not now",
    "413": "The body is too large",
    "415": "Only application/json is taken",
    "422": "Fields that cannot be used; each is named",
    "429": "Too many requests; wait as long as Retry-After says",
}
_TEXT = {"type": "string"}
PROBLEM = {
    "type": "object",
    "description": "A refusal (RFC 9457).",
    "properties": {
        "type": {"type": "string", "description": "urn:galaxy:problem: and the code."},
        "title": _TEXT,
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "A stable word for machines."},
        "detail": {"type": "string", "description": "One sentence for a person."},
        "next_step": {"type": "string", "description": "What to do about it."},
        "request_id": {"type": "string", "description": "Finds the request in logs and in the audit trail."},
        "fields": {"type": "object", "additionalProperties": _TEXT, "description": "A sentence for each field."},
    },
    "required": ["type", "title", "status", "code", "detail", "next_step", "request_id", "fields"],
    "additionalProperties": False,
}


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "galaxy.core.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer", "description": "A token of a person or an agent: gxy_…"}


@cache
def document() -> dict[str, Any]:
    """The document as JSON; the same for everybody and for the life of the process."""
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))


@login_not_required
@require_safe
def schema(request):
    return JsonResponse(document(), content_type=MEDIA_TYPE)


def complete(result: dict[str, Any], generator, request, public) -> dict[str, Any]:
    """Adds the refusals, the key for repeating and the recorded examples. Called by drf-spectacular."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    for name, shape in result["components"]["schemas"].items():
        if name.endswith("Request"):
            shape["additionalProperties"] = False  # StrictSerializer
    recorded = examples()
    for path in result["paths"].values():
        for method, operation in path.items():
            is_writing = method == "post"
            named = [status for status in _TEXTS if status in operation["responses"]]  # by the view itself
            for status in [*(_WRITING if is_writing else _READING), *named]:
                operation["responses"][status] = {
                    "description": _TEXTS[status],
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
            if is_writing:
                operation.setdefault("parameters", []).append(_KEY)
            _illustrate(operation, recorded.get(operation["operationId"]))
    return result


def examples() -> dict[str, dict[str, Any]]:
    """Real exchanges by operation: {status, request, response}, recorded by `make examples` and compared by
    tests/api/test_document.py."""
    return json.loads(EXAMPLES.read_text(encoding="utf-8")) if EXAMPLES.exists() else {}


_KEY = {
    "in": "header",
    "name": HEADER,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "The same key with the same request is answered again and not done again, for 24 hours.",
}


def _illustrate(operation: dict[str, Any], recorded: dict[str, Any] | None) -> None:
    if recorded is None:
        return
    content = operation["responses"][str(recorded["status"])]["content"]
    if "application/json" in content:  # and not a file
        content["application/json"]["example"] = recorded["response"]
    if recorded["request"]:
        operation["requestBody"]["content"]["application/json"]["example"] = recorded["request"]
