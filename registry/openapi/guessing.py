"""Names, effects and scopes, guessed from an operation's method, path and id. A person looks at all of it."""

from __future__ import annotations

import re

from registry.manifests import scopes

EFFECT_OF_METHOD = {"GET": "read", "HEAD": "read", "DELETE": "delete"}
# An operation that says so deletes, whatever its method; none is ever guessed milder than its method.
_DELETING = {"delete", "destroy", "erase", "purge", "remove", "revoke", "trash", "wipe", "unlink", "truncate"}
_BULK = {"bulk", "batch", "mass", "multi", "import", "broadcast", "blast"}
_NO_RESOURCE = re.compile(r"v?[0-9]+(?:\.[0-9]+)*|api|rest|services|data", re.ASCII)
_SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words_of(text: str) -> list[str]:
    """``createTask``, ``create_task`` and ``/tasks/{id}`` as lower-case words."""
    return [word.lower() for word in _SPLIT.split(text[:300]) if word]


def effect_of(method: str, path: str, operation_id: str) -> str:
    """read, write or delete."""
    said = {*words_of(operation_id), *words_of(_fixed(path))}
    by_method = EFFECT_OF_METHOD.get(method, "write")
    return "delete" if by_method == "write" and said & _DELETING else by_method


def is_bulk(method: str, path: str, operation_id: str, takes_list: bool) -> bool:
    """Whether one call may change many records: by its words, or because its body is a list."""
    if EFFECT_OF_METHOD.get(method) == "read":
        return False
    return takes_list or bool({*words_of(operation_id), *words_of(_fixed(path))} & _BULK)


def name_of(text: str, fallback: str, limit: int = 60) -> str:
    """An identifier of a manifest (``create_task``)."""
    name = "_".join(words_of(text))[:limit].strip("_")
    name = name.lstrip("0123456789_")
    return name or fallback


def scope_of(connector: str, path: str, tags: tuple[str, ...], effect: str) -> str:
    """``pets.orders.write``: the connector, the first part of the path that names something, and the verb."""
    parts = [part for part in path.split("/") if part and "{" not in part and not _NO_RESOURCE.fullmatch(part)]
    named = [*(parts[:1] and re.split(r"[.:]", parts[0])[:1]), *tags[:1], "calls"]
    resource = next(filter(None, ("-".join(words_of(text))[:40].strip("-") for text in named)))
    if not resource[0].isalpha():
        resource = f"r-{resource}"
    owner = "-".join(words_of(connector.partition(".")[0])) or "api"
    first = f"{owner}-api" if owner in scopes.VERBS else owner
    return scopes.canonical(f"{first}.{resource}.{effect}")


def _fixed(path: str) -> str:
    return re.sub(r"\{[^{}]*\}", " ", path)
