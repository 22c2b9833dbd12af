"""Checks of actions that look at more than one key, and the defaults that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import expressions, hosts
from .findings import Findings
from .grpc_checks import check_grpc, check_grpc_connection
from .model import effect_of
from .nodes import shown
from .readers import PATH_FIELD
from .reads_checks import check_for_approvers
from .rest_checks import check_rest

DEFAULT_BULK_OVER = 10
Locate = Callable[..., Any]


def check_actions(canonical: dict[str, Any], locate: Locate, findings: Findings) -> None:
    """Checks a connector's actions, or a stand-alone action, and fills in their defaults in place."""
    _check_egress(canonical, locate, findings)
    _check_scope_map(canonical.get("auth", {}), locate, findings)
    if canonical.get("kind") == "action":
        _check_action(canonical, canonical, (), locate, findings)
        if "reads" in canonical:
            message = "reads names an action of the same connector, and this one stands alone."
            findings.add("unknown-key", locate("reads"), "reads", message, "Remove it.")
        if canonical["runner"] == "grpc":
            check_grpc_connection(canonical, locate, findings)
        return
    _check_replies(canonical, (), locate, findings)
    actions = canonical.get("actions", [])
    ids: set[str] = set()
    for at, action in enumerate(actions):
        name = action.get("id")
        if name in ids:
            findings.add(
                "duplicate-id",
                locate("actions", at, "id"),
                f"actions[{at}].id",
                f"A second action is called {shown(name)}.",
            )
        ids |= {name} if name else set()
        _check_action(action, canonical, ("actions", at), locate, findings)
    if any(action["runner"] == "grpc" for action in actions):
        check_grpc_connection(canonical, locate, findings)
    by_id = {action["id"]: action for action in actions if action.get("id")}
    for at, action in enumerate(actions):
        check_for_approvers(action, by_id, at, locate, findings)
        if "undo" in action and action["undo"] not in ids:
            _unknown(action["undo"], ids, "action", locate("actions", at, "undo"), f"actions[{at}].undo", findings)
    health = canonical.get("health", {})
    if "action" in health:
        target = next((action for action in actions if action.get("id") == health["action"]), None)
        if target is None:
            _unknown(health["action"], ids, "action", locate("health", "action"), "health.action", findings)
        elif effect_of(target) != "read":
            message = f"{health['action']} changes something, so it cannot check health."
            findings.add(
                "bad-value", locate("health", "action"), "health.action", message, "Name an action that only reads."
            )
        elif needed := target.get("inputs", {}).get("required"):
            message = f"{health['action']} needs {', '.join(needed)}, and a check has no inputs."
            fix = "Name an action that needs none, or make them optional."
            findings.add("bad-value", locate("health", "action"), "health.action", message, fix)


def _check_action(
    action: dict[str, Any], owner: dict[str, Any], place: tuple[Any, ...], locate: Locate, findings: Findings
) -> None:
    """``owner`` is the connector the action belongs to, or the action's own manifest."""
    action.setdefault("runner", "python" if "code_file" in action else "grpc" if "grpc" in action else "rest")
    action.setdefault("idempotent", action.get("method") in ("GET", "HEAD") or "idempotency_header" in action)
    action.setdefault("audience", "both")
    _check_effect(action, place, locate, findings)
    _check_runner(action, place, locate, findings)
    check_rest(action, place, locate, findings)
    if action["runner"] == "grpc":
        check_grpc(action, owner, place, locate, findings)
    _check_bulk(action, place, locate, findings)
    _check_inputs(action, place, locate, findings)
    _check_renamed(action, place, locate, findings)


def _check_effect(action: dict[str, Any], place: tuple[Any, ...], locate: Locate, findings: Findings) -> None:
    effect, method = effect_of(action), action.get("method")
    scopes = action.get("scopes") or []
    key = "scopes" if scopes else "permissions"
    if effect == "read" and method in ("PUT", "PATCH"):
        message = f"{method} changes something, and only reading is declared."
        findings.add("effect-mismatch", locate(*place, key), _path(place, key), message)
    elif method == "DELETE" and scopes and not any(scope.endswith(".delete") for scope in scopes):
        message = "DELETE deletes, and no delete scope is declared."
        findings.add(
            "effect-mismatch", locate(*place, key), _path(place, key), message, "Declare a scope that ends in .delete."
        )
    elif effect == "read" and method == "POST":
        findings.add("post-as-read", locate(*place, "method"), _path(place, "method"))
    if action.get("destructive") is False and effect == "delete":
        message = "A delete is destructive."
        findings.add(
            "effect-mismatch",
            locate(*place, "destructive"),
            _path(place, "destructive"),
            message,
            "Remove destructive: false.",
        )
    action.setdefault("destructive", effect == "delete")


_ONLY_REST = (
    "method", "path", "query", "headers", "body", "body_format", "upload", "idempotency_header", "response",
    "response_format", "pagination",
)  # fmt: skip


def _check_runner(action: dict[str, Any], place: tuple[Any, ...], locate: Locate, findings: Findings) -> None:
    """A key of another runner would be silently without effect, so it is refused."""
    foreign = {
        "rest": ("grpc", "code_file"),
        "grpc": (*(key for key in _ONLY_REST if key != "headers"), "code_file"),  # they are its metadata
        "python": (*_ONLY_REST, "grpc"),
    }
    runner = action["runner"]
    for key in foreign[runner]:
        if key in action:
            message = f"{key} means nothing for the runner {runner}."
            findings.add(
                "unknown-key", locate(*place, key), _path(place, key), message, "Remove it, or name the other runner."
            )
    _check_replies(action, place, locate, findings)
    simulation = action.get("simulation", {})
    if "answer" in simulation and "code_file" in simulation:
        findings.add(
            "duplicate-key",
            locate(*place, "simulation"),
            _path(place, "simulation"),
            "Both answer and code_file would answer.",
            "Keep one.",
        )


def _check_replies(owner: dict[str, Any], place: tuple[Any, ...], locate: Locate, findings: Findings) -> None:
    for at, reply in enumerate(owner.get("replies", [])):
        if "status" not in reply and "match" not in reply:
            where = locate(*place, "replies", at)
            path = f"{_path(place, 'replies')}[{at}]"
            findings.add("missing-key", where, path, "A reply is known by status or match.", "Add one of them.")


def _check_bulk(action: dict[str, Any], place: tuple[Any, ...], locate: Locate, findings: Findings) -> None:
    properties = action.get("inputs", {}).get("properties", {})
    lists = sorted(name for name, part in properties.items() if isinstance(part, dict) and part.get("type") == "array")
    tags = action.get("policy", {}).get("approval", {}).get("required_for", [])
    bulk = action.get("bulk")
    if bulk is not None:
        bulk.setdefault("over", DEFAULT_BULK_OVER)
        if "inputs" in action and "field" in bulk and bulk["field"] not in lists:
            message = f"{shown(bulk['field'])} is not a list among the inputs."
            findings.add(
                "bulk-field", locate(*place, "bulk", "field"), _path(place, "bulk.field"), message, _lists_fix(lists)
            )
    elif any(tag.startswith("bulk_") for tag in tags) and "inputs" in action:
        if len(lists) == 1:
            action["bulk"] = {"field": lists[0], "over": DEFAULT_BULK_OVER}
        else:
            message = f"A bulk tag needs one list to count, and the inputs hold {len(lists)}."
            findings.add(
                "bulk-field", locate(*place, "policy"), _path(place, "policy.approval"), message, _lists_fix(lists)
            )


def _lists_fix(lists: list[str]) -> str:
    if lists:
        return f"Write bulk: {{ field: {lists[0]}, over: {DEFAULT_BULK_OVER} }}; the lists are {', '.join(lists)}."
    return "Make one input a list, such as to: string[]."


def _check_inputs(action: dict[str, Any], place: tuple[Any, ...], locate: Locate, findings: Findings) -> None:
    """Every input that path, query, body and simulation name must be declared, and a path's must be required."""
    schema = action.get("inputs")
    if (
        schema is None
        or "$ref" in schema
        or any(key in schema for key in ("allOf", "anyOf", "oneOf", "patternProperties"))
    ):
        return
    known, required = schema.get("properties", {}), schema.get("required", [])
    for name in PATH_FIELD.findall(action.get("path", "")):
        where, path = locate(*place, "path"), _path(place, "path")
        if name not in known:
            _unknown(name, known, "input", where, path, findings)
        elif name not in required:
            message = f"The path takes {shown(name)}, which is optional, so the path could lack it."
            findings.add("bad-reference", where, path, message, f"Remove the ? from {name}.")
    if schema.get("additionalProperties") is not False:
        return  # further inputs may come, so an unknown name need not be a slip
    for key in ("query", "body", "upload", "lock", "simulation"):
        for steps, expression in _expressions(action.get(key), (key,)):
            for reference in expressions.parse(expression):
                if reference.root == "inputs" and reference.member is not None and reference.member not in known:
                    _unknown(reference.member, known, "input", locate(*place, *steps), _path(place, key), findings)


def _check_renamed(action: dict[str, Any], place: tuple[Any, ...], locate: Locate, findings: Findings) -> None:
    """A new name is one of the inputs, and the old one is none of them any more; no two inputs were one before."""
    known = (action.get("inputs") or {}).get("properties", {})
    renamed = action.get("renamed_from", {})
    for new, old in renamed.items():
        where, path = locate(*place, "renamed_from", new), _path(place, "renamed_from")
        if new not in known:
            _unknown(new, known, "input", where, path, findings)
        elif old in known:
            message = f"{shown(old)} is an input still, so {shown(new)} does not take its place."
            findings.add("bad-reference", where, path, message, "Remove one of the two.")
        elif list(renamed.values()).count(old) > 1:
            message = f"{shown(old)} cannot have become two inputs."
            findings.add("bad-reference", where, path, message, "Name it once.")


# What is no expression in a map.
_PLAIN = {("simulation",): ("code_file", "latency_ms"), ("upload",): ("field",), ("lock",): ("scope",)}


def _expressions(value: Any, steps: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in _PLAIN.get(steps, ()):
                yield from _expressions(part, (*steps, key))
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from _expressions(part, (*steps, at))
    elif isinstance(value, str):
        yield steps, value


def _check_egress(canonical: dict[str, Any], locate: Locate, findings: Findings) -> None:
    """The addresses that are called must be on the list that people consent to."""
    if "egress" not in canonical:
        return
    called: list[tuple[tuple[Any, ...], str | None]] = [(("base_url",), canonical.get("base_url"))]
    called += [(("auth", key), canonical.get("auth", {}).get(key)) for key in ("token_url", "revoke_url")]
    owners: list[tuple[tuple[Any, ...], dict[str, Any]]] = [((), canonical)]
    owners += [(("actions", at), action) for at, action in enumerate(canonical.get("actions", []))]
    for place, owner in owners:
        for at, fallback in enumerate(owner.get("fallbacks", [])):
            called.append(((*place, "fallbacks", at, "base_url"), fallback.get("base_url")))
    permitted = {entry["host"] for entry in canonical["egress"]}
    for steps, address in called:
        host = hosts.check_address(address).host if address else None
        if host and host not in permitted:
            message = f"{host} is called and does not stand under egress."
            findings.add(
                "egress-missing-host",
                locate(*steps),
                ".".join(str(step) for step in steps),
                message,
                f"Add {host} to egress.",
            )


def _check_scope_map(auth: dict[str, Any], locate: Locate, findings: Findings) -> None:
    """A vendor's scope that nobody is asked for would never be granted."""
    asked = auth.get("scopes", [])
    for scope, needed in auth.get("scope_map", {}).items():
        for name in needed:
            if name not in asked:
                place = f"auth.scope_map.{scope}"
                _unknown(name, asked, "vendor's scope", locate("auth", "scope_map", scope), place, findings)


def _unknown(name: str, known: Any, what: str, where: Any, path: str, findings: Findings) -> None:
    close = findings.nearest(name, known)
    listed = ", ".join(sorted(known)) or "none"
    fix = f"Did you mean {close}?" if close else f"Known: {listed:.200}."
    findings.add("bad-reference", where, path, f"There is no {what} {shown(name)}.", fix)


def _path(place: tuple[Any, ...], key: str) -> str:
    return f"actions[{place[1]}].{key}" if place else key
