"""The discovery documents of Gmail v1 and Drive v3, as the package google-api-python-client carries them."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs

# The method of the document that an action calls.
METHODS = {
    "gmail.send": "gmail.users.messages.send",
    "gmail.create_draft": "gmail.users.drafts.create",
    "gmail.delete_draft": "gmail.users.drafts.delete",
    "gmail.search_messages": "gmail.users.messages.list",
    "gmail.get_message": "gmail.users.messages.get",
    "gmail.list_labels": "gmail.users.labels.list",
    "gmail.label_messages": "gmail.users.messages.batchModify",
    "gmail.trash_message": "gmail.users.messages.trash",
    "gmail.restore_message": "gmail.users.messages.untrash",
    "google-drive.get_account": "drive.about.get",
    "google-drive.search_files": "drive.files.list",
    "google-drive.get_file": "drive.files.get",
    "google-drive.read_document": "drive.files.export",
    "google-drive.download_file": "drive.files.get",
    "google-drive.upload_file": "drive.files.create",
    "google-drive.create_folder": "drive.files.create",
    "google-drive.copy_file": "drive.files.copy",
    "google-drive.share_file": "drive.permissions.create",
    "google-drive.unshare_file": "drive.permissions.delete",
    "google-drive.trash_file": "drive.files.update",
    "google-drive.restore_file": "drive.files.update",
    "google-drive.delete_file": "drive.files.delete",
}


@cache
def document(connector: str) -> dict[str, Any]:
    name = {"gmail": "gmail.v1", "google-drive": "drive.v3"}[connector]
    folder = resources.files("googleapiclient") / "discovery_cache" / "documents"
    return json.loads((folder / f"{name}.json").read_text())


def method(name: str) -> dict[str, Any]:
    """The entry of ``gmail.users.messages.send``."""
    connector = "gmail" if name.startswith("gmail.") else "google-drive"
    return next(entry for entry in methods(document(connector)) if entry["id"] == name)


def methods(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods(inner)


def template_of(connector: str, entry: dict[str, Any]) -> str:
    """The address of a method, with its parameters in braces."""
    found = document(connector)
    return found["rootUrl"] + found["servicePath"] + entry.get("flatPath", entry["path"])


def address(connector: str, entry: dict[str, Any], *, is_upload: bool = False) -> re.Pattern[str]:
    """What the addresses of a method look like; each parameter of the path is a group of its name. A file goes to an
    address of its own."""
    found = document(connector)
    template = template_of(connector, entry)
    if is_upload:
        template = found["rootUrl"] + entry["mediaUpload"]["protocols"]["simple"]["path"].removeprefix("/")
    parts = re.split(r"\{(\w+)\}", template)
    return re.compile("".join(re.escape(p) if at % 2 == 0 else f"(?P<{p}>[^/]+)" for at, p in enumerate(parts)))


def parameters(connector: str, entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name: those of the method, and those of every method (fields, alt...)."""
    return document(connector)["parameters"] | entry.get("parameters", {})


def accepts(parameter: dict[str, Any], text: str) -> bool:
    """Whether a parameter may be written like this."""
    match parameter["type"]:
        case "boolean":
            fits = text in ("true", "false")
        case "integer":
            fits = text.isdigit() and int(parameter.get("minimum", 0)) <= int(text) <= int(
                parameter.get("maximum", text)
            )
        case _:
            fits = re.fullmatch(parameter.get("pattern", ".*"), text, re.DOTALL) is not None
    return fits and text in parameter.get("enum", [text])


def validator(connector: str, schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """A validator of one of the document's schemas that refuses what the document does not name."""
    schemas = document(connector)["schemas"]
    definitions = {name: _json_schema(part) for name, part in schemas.items()}
    return jsonschema_rs.Draft202012Validator({**_json_schema(schema), "$defs": definitions})


def _json_schema(part: dict[str, Any]) -> dict[str, Any]:
    """Discovery's dialect is JSON Schema 3 with a few words of its own; this says the same in 2020-12."""
    if "$ref" in part:
        return {"$ref": f"#/$defs/{part['$ref']}"}
    kind = part.get("type", "any")
    found: dict[str, Any] = {} if kind == "any" else {"type": kind}
    if "enum" in part:
        found["enum"] = part["enum"]
    if "items" in part:
        found["items"] = _json_schema(part["items"])
    if "properties" in part:
        found["properties"] = {name: _json_schema(inner) for name, inner in part["properties"].items()}
        found["additionalProperties"] = False
    if isinstance(part.get("additionalProperties"), dict):
        found["additionalProperties"] = _json_schema(part["additionalProperties"])
    return found


def selected(connector: str, schema: dict[str, Any], fields: str) -> list[str]:
    """Names in a ``fields`` parameter such as ``nextPageToken,files(id,name)`` that the schema does not have."""
    return list(_unknown_fields(document(connector)["schemas"], schema, fields))


def _unknown_fields(schemas: dict[str, Any], schema: dict[str, Any], fields: str) -> Iterator[str]:
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    for name, inner in re.findall(r"([\w/]+)(?:\(([^()]*)\))?", fields):
        part = schema.get("properties", {}).get(name)
        if part is None:
            yield name
        elif inner:
            yield from _unknown_fields(schemas, part.get("items", part), inner)
