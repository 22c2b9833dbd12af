"""OpenAPI documents that tests import from, made here so that each says only what its test is about."""

import json
from typing import Any


def operation(**more: Any) -> dict[str, Any]:
    return {"responses": {"200": {"description": "Fine.", "content": {"application/json": {"schema": PET}}}}, **more}


PET = {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}}, "required": ["id"]}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}


def document(paths: dict[str, Any], version: str = "3.0.3", **more: Any) -> dict[str, Any]:
    head = {
        "openapi": version,
        "info": {"title": "Pets", "version": "1", "description": "Keeps pets."},
        "servers": [{"url": "https://api.pets.example.com/v1"}],
    }
    return head | {"paths": paths} | more


def as_bytes(found: dict[str, Any]) -> bytes:
    return json.dumps(found).encode()


def large(count: int = 300) -> dict[str, Any]:
    """``count`` operations: five for each of ``count / 5`` kinds of thing."""
    paths: dict[str, Any] = {}
    for number in range(count // 5):
        named = {"tags": [f"group {number % 7}"]}
        body = {"required": True, "content": {"application/json": {"schema": {**PET, "required": ["name"]}}}}
        paths[f"/things{number}"] = {
            "get": operation(operationId=f"listThings{number}", **named),
            "post": operation(operationId=f"createThing{number}", requestBody=body, **named),
        }
        paths[f"/things{number}/{{id}}"] = {
            "parameters": [ID],
            "get": operation(operationId=f"getThing{number}", **named),
            "put": operation(operationId=f"replaceThing{number}", requestBody=body, **named),
            "delete": operation(operationId=f"deleteThing{number}", **named),
        }
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "X-Pets-Key"}}
    return document(paths, components={"securitySchemes": schemes}, security=[{"key": []}])
