"""Swagger 2.0 in the shape of OpenAPI 3.0, one operation at a time; references keep leading into the document."""

from __future__ import annotations

from typing import Any

from registry.openapi.losses import Losses
from registry.openapi.refs import follow

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_BESIDE = {"name", "in", "description", "required", "allowEmptyValue", "collectionFormat"}


def operation_as_3(root: dict[str, Any], raw: dict[str, Any], losses: Losses) -> dict[str, Any]:
    """``raw`` is an operation whose ``parameters`` hold those of its path as well."""
    consumes = _kinds(raw.get("consumes"), root.get("consumes"))
    produces = _kinds(raw.get("produces"), root.get("produces"))
    parameters, fields, body = [], [], None
    for one in raw.get("parameters", []):
        parameter = follow(root, one, losses)
        match parameter.get("in"):
            case "body":
                schema = {"schema": parameter.get("schema", {})}
                content = dict.fromkeys(consumes or ["application/json"], schema)
                body = {"required": parameter.get("required") is True, "content": content}
            case "formData":
                fields.append(parameter)
            case _:
                parameters.append({**parameter, "schema": _schema(parameter), **_style(parameter)})
    if fields:
        body = _form(fields, consumes)
    responses = raw.get("responses")
    answers = {
        status: _answer(follow(root, one, losses), produces)
        for status, one in (responses.items() if isinstance(responses, dict) else ())
    }
    found = {**raw, "parameters": parameters, "responses": answers}
    return {**found, "requestBody": body} if body else found


def servers_as_3(root: dict[str, Any]) -> list[dict[str, Any]]:
    host, base = root.get("host"), root.get("basePath")
    base = base if isinstance(base, str) else ""
    if not isinstance(host, str):
        return [{"url": base}] if base else []
    schemes = [one for one in root.get("schemes") or ["https"] if isinstance(one, str)]
    return [{"url": f"{scheme}://{host}{base}"} for scheme in sorted(schemes, key=lambda one: one != "https")]


def schemes_as_3(root: dict[str, Any]) -> dict[str, Any]:
    """The security schemes by name."""
    found: dict[str, Any] = {}
    definitions = root.get("securityDefinitions")
    for name, scheme in definitions.items() if isinstance(definitions, dict) else ():
        if not isinstance(scheme, dict):
            continue
        if scheme.get("type") == "basic":
            found[name] = {"type": "http", "scheme": "basic"}
        elif scheme.get("type") == "oauth2":
            flow = {"accessCode": "authorizationCode", "application": "clientCredentials"}
            kind = scheme.get("flow")
            found[name] = {"type": "oauth2", "flows": {flow.get(kind, kind) if isinstance(kind, str) else "": scheme}}
        else:
            found[name] = scheme
    return found


def _form(fields: list[dict[str, Any]], consumes: list[str]) -> dict[str, Any]:
    has_file = any(field.get("type") == "file" for field in fields)
    kind = _FORMS[1] if has_file else next((one for one in consumes if one in _FORMS), _FORMS[0])
    properties = {str(field.get("name", "")): {**_schema(field), **_about(field)} for field in fields}
    required = [str(field.get("name", "")) for field in fields if field.get("required") is True]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"required": bool(required), "content": {kind: {"schema": schema}}}


def _schema(parameter: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameter.items() if key not in _BESIDE}


def _about(parameter: dict[str, Any]) -> dict[str, Any]:
    return {"description": parameter["description"]} if "description" in parameter else {}


def _style(parameter: dict[str, Any]) -> dict[str, Any]:
    """``collectionFormat`` (csv when left out) as style and explode."""
    if parameter.get("type") != "array":
        return {}
    match parameter.get("collectionFormat", "csv"):
        case "multi":
            return {"style": "form", "explode": True}
        case "csv":
            return {"style": "form" if parameter.get("in") == "query" else "simple", "explode": False}
        case "ssv":
            return {"style": "spaceDelimited", "explode": False}
        case "pipes":
            return {"style": "pipeDelimited", "explode": False}
        case other:
            return {"style": str(other), "explode": False}


def _answer(response: dict[str, Any], produces: list[str]) -> dict[str, Any]:
    if "schema" not in response:
        return response
    examples = response.get("examples")
    examples = examples if isinstance(examples, dict) else {}
    content = {
        kind: {"schema": response["schema"], **({"example": examples[kind]} if kind in examples else {})}
        for kind in produces or ["application/json"]
    }
    return {**response, "content": content}


def _kinds(*lists: Any) -> list[str]:
    """The first of ``lists`` that is one, with its texts."""
    found = next((one for one in lists if isinstance(one, list)), [])
    return [kind for kind in found if isinstance(kind, str)]
