"""A document as such: which specification it follows, what is wrong with it, and the operations it describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jsonschema_rs

from registry.manifests.readers import METHODS
from registry.openapi import guessing, swagger2
from registry.openapi.losses import Loss, Losses
from registry.openapi.refs import follow
from registry.openapi.text import Unreadable, parse, plain

MAX_OPERATIONS = 5_000
MOST_PROBLEMS = 20
_KNOWN_METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
_VERSIONS = ("2.0", "3.0", "3.1")
JSON_KIND = re.compile(r"application/(?:[a-z0-9.+-]*\+)?json\s*(?:;.*)?|text/json\s*(?:;.*)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Operation:
    """One thing the API does. ``key`` (``GET /pets``) names it; ``effect`` (read, write, delete) is a guess.

    Texts are the document's own, on one line: untrusted.
    """

    method: str
    path: str
    id: str
    summary: str
    tags: tuple[str, ...]
    is_deprecated: bool
    effect: str
    is_bulk: bool

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def needs_confirmation(self) -> bool:
        return self.effect == "delete" or self.is_bulk


@dataclass(frozen=True)
class Document:
    """``specification`` is 2.0, 3.0 or 3.1; ``problems`` are sentences on where the document breaks it, which seldom
    matters for what one wants of it; ``losses`` are those of the document as a whole."""

    root: dict[str, Any] = field(repr=False)
    specification: str
    title: str
    about: str
    operations: tuple[Operation, ...]
    problems: tuple[str, ...]
    losses: tuple[Loss, ...]

    def view(self, key: str, losses: Losses) -> dict[str, Any]:
        """The operation in the shape of OpenAPI 3, with the parameters of its path; its references are not followed."""
        method, _, path = key.partition(" ")
        item = follow(self.root, self.root["paths"].get(path), losses)
        return _view(self.root, self.specification, item, method.lower(), losses)

    @property
    def servers(self) -> list[Any]:
        found = swagger2.servers_as_3(self.root) if self.specification == "2.0" else self.root.get("servers")
        return found if isinstance(found, list) else []

    def security_schemes(self, losses: Losses) -> dict[str, dict[str, Any]]:
        if self.specification == "2.0":
            return swagger2.schemes_as_3(self.root)
        components = self.root.get("components")
        schemes = components.get("securitySchemes") if isinstance(components, dict) else None
        found = schemes.items() if isinstance(schemes, dict) else ()
        return {name: follow(self.root, scheme, losses) for name, scheme in found}


def read_document(content: bytes) -> Document:
    """The document in ``content`` (JSON or YAML, UTF-8). Raises Unreadable."""
    root = parse(content)
    if not isinstance(root, dict):
        raise Unreadable("An OpenAPI document is a map. This is something else.")
    specification = _specification(root)
    if not isinstance(root.get("paths"), dict):
        raise Unreadable("The document has no paths, so it describes no operations.")
    info = root.get("info")
    info = info if isinstance(info, dict) else {}
    losses = Losses()
    operations = tuple(_operations(root, specification, losses))
    if not operations:
        raise Unreadable("The document describes no operation that a manifest can call.")
    if isinstance(root.get("webhooks"), dict) and root["webhooks"]:
        losses.add("webhooks", f"Its {len(root['webhooks'])} webhooks are left out: what it sends needs a trigger.")
    return Document(
        root=root,
        specification=specification,
        title=plain(info.get("title"), 80),
        about=plain(info.get("description"), 1_000),
        operations=operations,
        problems=tuple(_problems(root, specification)),
        losses=losses.all,
    )


def _specification(root: dict[str, Any]) -> str:
    said = root.get("openapi", root.get("swagger"))
    version = ".".join(str(said).split(".")[:2]) if isinstance(said, str | int | float) else ""
    if version not in _VERSIONS:
        what = f"It says {plain(str(said), 20)}." if said is not None else "It does not say which version it follows."
        raise Unreadable(f"This is no OpenAPI 3.0, 3.1 or Swagger 2.0 document. {what}")
    return version


def _operations(root: dict[str, Any], specification: str, losses: Losses) -> Iterator[Operation]:
    count = 0
    for path, raw_item in root["paths"].items():
        if path.startswith("x-"):
            continue
        losses.where = plain(path, 120)
        item = follow(root, raw_item, losses)
        for method in _KNOWN_METHODS:
            raw = item.get(method)
            if not isinstance(raw, dict):
                continue
            count += 1
            if count > MAX_OPERATIONS:
                raise Unreadable(
                    f"The document describes more than {MAX_OPERATIONS:,} operations. "
                    "Cut it down to the paths you need."
                )
            if method.upper() not in METHODS:
                losses.add("method", f"{method.upper()} is no method that a manifest calls.")
            elif not _is_plain_path(path):
                losses.add("path", "The path holds signs that a manifest's path does not take.")
            else:
                yield _operation(root, specification, method, path, item, raw)
    losses.where = ""


def _is_plain_path(path: str) -> bool:
    return path.startswith("/") and len(path) <= 400 and path == plain(path, 400) and not re.search(r"[\s?#\\]", path)


def _operation(
    root: dict[str, Any], specification: str, method: str, path: str, item: dict[str, Any], raw: dict[str, Any]
) -> Operation:
    tags = raw.get("tags")
    name = plain(raw.get("operationId"), 100)
    verb = method.upper()
    return Operation(
        method=verb,
        path=path,
        id=name,
        summary=plain(raw.get("summary"), 200) or plain(raw.get("description"), 200),
        tags=tuple(filter(None, (plain(tag, 60) for tag in tags[:5]))) if isinstance(tags, list) else (),
        is_deprecated=raw.get("deprecated") is True,
        effect=guessing.effect_of(verb, path, name),
        is_bulk=guessing.is_bulk(verb, path, name, _takes_list(root, specification, item, method)),
    )


def _takes_list(root: dict[str, Any], specification: str, item: dict[str, Any], method: str) -> bool:
    """Whether the body is a list, as far as one look tells."""
    losses = Losses()
    view = _view(root, specification, item, method, losses)
    body = follow(root, view.get("requestBody"), losses)
    content = body.get("content")
    for kind, media in content.items() if isinstance(content, dict) else ():
        if JSON_KIND.fullmatch(kind) and isinstance(media, dict):
            return follow(root, media.get("schema"), losses).get("type") == "array"
    return False


def _view(
    root: dict[str, Any], specification: str, item: dict[str, Any], method: str, losses: Losses
) -> dict[str, Any]:
    raw = item.get(method)
    raw = raw if isinstance(raw, dict) else {}
    shared, own = item.get("parameters"), raw.get("parameters")
    parameters: dict[Any, Any] = {}
    for one in [*(shared if isinstance(shared, list) else ()), *(own if isinstance(own, list) else ())]:
        found = follow(root, one, losses)
        parameters[(str(found.get("name")), str(found.get("in")))] = found  # an operation's own takes the path's place
    whole = {**raw, "parameters": list(parameters.values()), "path_servers": item.get("servers")}
    return swagger2.operation_as_3(root, whole, losses) if specification == "2.0" else whole


def _problems(root: dict[str, Any], specification: str) -> Iterator[str]:
    """Where the document breaks the specification's own schema, by the schemas of openapi-spec-validator."""
    for count, error in enumerate(_validator(specification).iter_errors(root)):
        if count == MOST_PROBLEMS:
            return
        place = "/".join(plain(str(part), 60) for part in error.instance_path)
        yield f"{place or 'The document'}: {plain(error.message, 200)}"


@cache
def _validator(specification: str) -> Any:
    # Imported by those who read documents alone: it brings jsonschema and, where one is installed, a grammar of IRIs
    # that is compiled at import. Every process would wait for that as it starts: 3 of 7 s of processor, measured.
    from openapi_spec_validator import schemas

    known = {"2.0": schemas.schema_v2, "3.0": schemas.schema_v30, "3.1": schemas.schema_v31}
    return jsonschema_rs.validator_for(dict(known[specification]), retriever=_refuse)


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} would have to be fetched")
