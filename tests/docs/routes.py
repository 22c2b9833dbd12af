"""docs/reference/api.md: every operation of the OpenAPI document, with who may and an example."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

from galaxy.core.api.schema import document, examples
from galaxy.core.tokens import AGENT_PERMISSIONS, API_PERMISSIONS
from tests.docs.tables import NOTE, table
from tests.matrix.routes import table as matrix

_ROLES = ("owner", "admin", "approver", "creator", "auditor", "member")
_MOST_LINES = 14  # of an example
_BEGINNING = """# The API, route by route

{note}

How the API answers, pages, repeats and refuses stands in [api.md](../api.md). The document that this is made from is
`/api/v1/schema/` (OpenAPI 3.1), and the console shows it at `/api/v1/docs/`. The examples take the address of a Galaxy
and a token from the environment:

```sh
export GALAXY=https://galaxy.example
export GALAXY_TOKEN=gxy_…
```

An answer in an example is a recorded one, with ids and digests that stand for others; long ones are cut. In the lines
of *Who may*, a role answers with what it may see; an empty list is an answer too. A session is asked for the same
rights and needs no token. *By token* is the permission that a token has to open.

## Refusals

Every refusal is `application/problem+json`, and its `code` is in [errors.md](errors.md):

```json
{problem}
```

| status | when |
|---|---|
{statuses}

"""


def page() -> str:
    paths = document()["paths"]
    lines = [_BEGINNING.format(note=NOTE, problem=_problem(), statuses="\n".join(_statuses(paths)))]
    tags: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in paths.items():
        for method, operation in methods.items():
            tags.setdefault((operation.get("tags") or ["other"])[0], []).append((path, method, operation))
    lines += ["## Contents", "", ", ".join(f"[{tag}](#{_anchor(tag)})" for tag in tags), ""]
    for tag, operations in tags.items():
        lines += [f"## {tag}", ""]
        for path, method, operation in operations:
            lines += _operation(path, method, operation)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def _problem() -> str:
    return json.dumps(
        {
            "type": "urn:galaxy:problem:not_found",
            "title": "Not Found",
            "status": 404,
            "code": "not_found",
            "detail": "There is nothing at this address, or you may not see it.",
            "next_step": "Check the address.",
            "request_id": "4ca9cc34f0ab4ff7ad97cadfb4f58609",
            "fields": {},
        },
        indent=2,
    )


def _statuses(paths: dict[str, Any]) -> Iterator[str]:
    told = {}
    for methods in paths.values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if "application/problem+json" in answer.get("content", {}):
                    told[status] = answer["description"]
    yield from (f"| {status} | {words} |" for status, words in sorted(told.items()))


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield from [f"### {method.upper()} {path}", "", f"**{operation['summary']}.**".replace("..", "."), ""]
    if description := " ".join(operation.get("description", "").replace("``", "`").split()):
        yield from [description, ""]
    yield from _who(path, method)
    parameters = [one for one in operation.get("parameters", []) if one["in"] == "query"]
    if parameters:
        rows = ((f"`{one['name']}`", _kind(one["schema"]), one.get("description", "")) for one in parameters)
        yield from table(("query", "type", "what it does"), rows)
    if fields := _fields(_body_of(operation)):
        yield from table(("field of the body", "type", "required", "what it is"), fields)
    good = [(status, answer) for status, answer in operation["responses"].items() if status.startswith("2")]
    yield from [f"Answers {', '.join(f'{status} ({_named(answer)})' for status, answer in good)}.", ""]
    yield from _example(path, method, operation)


def _body_of(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    return next(iter(content.values()), {}).get("schema", {})


def _shape(schema: dict[str, Any]) -> dict[str, Any]:
    if reference := schema.get("$ref"):
        return document()["components"]["schemas"][reference.rpartition("/")[2]]
    return schema


def _fields(schema: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    shape = _shape(schema)
    required = shape.get("required", [])
    return [
        (f"`{name}`", _kind(field), "yes" if name in required else "", field.get("description", ""))
        for name, field in shape.get("properties", {}).items()
    ]


def _kind(schema: dict[str, Any]) -> str:
    if reference := schema.get("$ref"):
        inner = _shape(schema)
        return _kind(inner) if "enum" in inner else f"object ({reference.rpartition('/')[2]})"
    if choices := schema.get("enum"):
        return "one of " + ", ".join(f"`{one}`" for one in choices if one not in ("", None))
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return " or ".join(
                dict.fromkeys(_kind(one) for one in schema[several] if one.get("enum") not in ([""], [None]))
            )
    kind = schema.get("type", "anything")
    kinds = kind if isinstance(kind, list) else [kind]
    if "array" in kinds:
        return f"list of {_kind(schema.get('items', {}))}"
    words = " or ".join({"null": "null"}.get(one, one) for one in kinds)
    limits = [
        f"{words_of} {schema[key]:,}"
        for key, words_of in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"), ("maxItems", "at most"))
        if isinstance(schema.get(key), int) and abs(schema[key]) < 10**9
    ]
    form = schema.get("format")
    return ", ".join([words if not form else f"{words} ({form})", *limits])


def _named(answer: dict[str, Any]) -> str:
    schema = next(iter(answer.get("content", {}).values()), {}).get("schema", {})
    if reference := schema.get("$ref"):
        return f"`{reference.rpartition('/')[2]}`"
    return next(iter(answer.get("content", {})), "nothing")


def _who(path: str, method: str) -> Iterator[str]:
    view = _views()[_plain(path)]
    opens = getattr(view.view_class, "opens", {}).get(method.upper(), "")
    answers = next(row.answers for row in matrix() if row.route == f"api:{view.route}" and row.method == method.upper())
    refused = {403, 401} if any(answers[role] == 403 for role in _ROLES) else set()
    may = [role for role in _ROLES if answers[role] not in refused]
    who = "every role" if len(may) == len(_ROLES) else ", ".join(may) or "nobody by role alone"
    token = (
        f"`{opens}` (“{API_PERMISSIONS[opens]}”)" if opens else "any token" if "{workspace}" not in path else "no token"
    )
    agent = "an agent's token too" if opens in AGENT_PERMISSIONS or (not opens and "any" in token) else "no agent"
    yield from [f"Who may: {who}. By token: {token}; {agent}.", ""]


class _View:
    def __init__(self, view_class: type, route: str):
        self.view_class, self.route = view_class, route


def _plain(path: str) -> str:
    return re.sub(r"\{[^}]*\}|<[^>]*>", "*", path).lstrip("/")


@cache
def _views() -> dict[str, _View]:
    def walk(resolver: URLResolver, before: str) -> Iterator[tuple[str, _View]]:
        for part in resolver.url_patterns:
            here = before + str(part.pattern)
            if isinstance(part, URLResolver):
                yield from walk(part, here)
            elif isinstance(part, URLPattern) and here.startswith("api/v1/"):
                yield (
                    _plain(here),
                    _View(getattr(part.callback, "view_class", getattr(part.callback, "cls", type)), part.name or ""),
                )

    return dict(walk(get_resolver(), ""))


def _example(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    recorded = examples().get(operation["operationId"], {})
    yield from ["```sh", *curl(path, method, recorded.get("request")), "```", ""]
    if answer := recorded.get("response"):
        lines = json.dumps(answer, indent=2, ensure_ascii=False).splitlines()
        cut = [] if len(lines) <= _MOST_LINES else [f"… {len(lines) - _MOST_LINES} lines more"]
        yield from [
            f"{recorded['status']}:",
            "",
            "```text" if cut else "```json",
            *lines[:_MOST_LINES],
            *cut,
            "```",
            "",
        ]


def curl(path: str, method: str, body: dict[str, Any] | None) -> Iterator[str]:
    """The command, a line at a time. Places of the address that are no workspace are names of shell variables."""
    address = path.replace("{workspace}", "meridian")
    address = re.sub(r"\{(\w+)\}", lambda found: f"${found[1].upper()}", address)
    yield f'curl -sS "$GALAXY{address}" -H "Authorization: Bearer $GALAXY_TOKEN"' + (" \\" if method == "post" else "")
    if method == "post":
        text = json.dumps(body or {}, ensure_ascii=False).replace("'", "'\\''")
        short = text if len(text) <= 600 else json.dumps(dict.fromkeys(body or {}, "…"), ensure_ascii=False)
        yield f"  -H 'Content-Type: application/json' -d '{short}'"
