"""Checks of gRPC actions: the description is read by protoc in a process of its own, and says what inputs there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from registry.protos import BadProto, Description, describe

from . import hosts
from .findings import Finding, Findings
from .model import Manifest, grpc_of
from .nodes import shown
from .schemas import DIALECT

Locate = Callable[..., Any]
_DESCRIPTIONS = ("proto", "descriptor_set")
MOST_DESCRIPTIONS = 20  # each takes a process of its own, and its author waits for all of them


def check_grpc(
    action: dict[str, Any], owner: dict[str, Any], place: tuple[Any, ...], locate: Locate, findings: Findings
) -> None:
    """Checks one action, and writes down what it takes and gives where its author leaves that to the description.

    ``owner`` is its connector, or its own manifest."""
    grpc = grpc_of(action, owner)
    path = f"actions[{place[1]}]." if place else ""
    _check_metadata(action, place, path, locate, findings)
    for at, fallback in enumerate(action.get("fallbacks", [])):
        steps = (*place, "fallbacks", at)
        if "path" in fallback:
            message = "A gRPC call has no path of its own."
            findings.add("unknown-key", locate(*steps, "path"), f"{path}fallbacks[{at}].path", message, "Remove it.")
        _check_address(fallback.get("base_url"), locate(*steps, "base_url"), f"{path}fallbacks[{at}]", findings)
    keys = [key for key in _DESCRIPTIONS if key in grpc]
    if len(keys) > 1:
        message = "Both proto and descriptor_set describe the call."
        findings.add("duplicate-key", locate(*place, "grpc"), f"{path}grpc", message, "Keep one.")
    if len(keys) != 1 or "service" not in grpc or "method" not in grpc:
        return  # a draft; what is missing is told before publication
    is_own = keys[0] in action["grpc"]
    if is_own and len(_brought_up_to(owner, place)) > MOST_DESCRIPTIONS:
        message = f"A manifest holds at most {MOST_DESCRIPTIONS} descriptions of calls."
        fix = "Write what several actions share under grpc of the connector."
        findings.add("bad-proto", locate(*place, "grpc", keys[0]), f"{path}grpc.{keys[0]}", message, fix)
        return
    try:
        described = describe(grpc)
    except BadProto as problem:
        where = locate(*place, "grpc", keys[0]) if is_own else locate(*place, "grpc")
        findings.add("bad-proto", where, f"{path}grpc.{keys[0]}" if is_own else f"{path}grpc", str(problem))
        return
    _check_names(action, described, place, path, locate, findings)
    action.setdefault("inputs", {"$schema": DIALECT, **described.inputs})
    action.setdefault("outputs", {"$schema": DIALECT, **described.outputs})


def check_grpc_connection(canonical: dict[str, Any], locate: Locate, findings: Findings) -> None:
    """What the connection of gRPC actions cannot be."""
    _check_address(canonical.get("base_url"), locate("base_url"), "base_url", findings)
    if canonical.get("auth", {}).get("in") == "query":
        message = "A gRPC call has no query, so its key goes into the metadata."
        findings.add("bad-value", locate("auth", "in"), "auth.in", message, "Write in: header.")


def unusable(manifest: Manifest) -> Iterator[Finding]:
    """The same of a manifest that did not come from a text: its descriptions, read once more before publication."""
    for action in manifest.actions.values():
        if not any(key in action.grpc for key in _DESCRIPTIONS):
            continue
        try:
            describe(action.grpc)
        except BadProto as problem:
            fix = "Correct the description of the call."
            yield Finding("bad-proto", 0, 0, f"{action.id}: {problem}", fix, "error", f"actions.{action.id}.grpc")


def _brought_up_to(owner: dict[str, Any], place: tuple[Any, ...]) -> set[str]:
    """The descriptions that actions bring themselves, up to the one at ``place``."""
    actions = owner.get("actions", ())[: place[1] + 1] if place else ()
    brought = (action.get("grpc", {}) for action in actions)
    return {grpc[key] for grpc in brought for key in _DESCRIPTIONS if key in grpc}


def _check_metadata(
    action: dict[str, Any], place: tuple[Any, ...], path: str, locate: Locate, findings: Findings
) -> None:
    for name in action.get("headers", {}):
        key = name.lower()
        if key.startswith("grpc-") or key.endswith("-bin") or key in {"content-type", "user-agent"}:
            message = f"The metadata {name} is set by gRPC or by nobody."
            findings.add("bad-header", locate(*place, "headers", name), f"{path}headers.{name}", message)


def _check_address(address: str | None, where: Any, path: str, findings: Findings) -> None:
    if address and hosts.check_address(address).path.strip("/"):
        message = "The path of a gRPC call is its service and method, and nothing stands before it."
        findings.add("bad-url", where, path, message, "Write the host alone.")


def _check_names(
    action: dict[str, Any],
    described: Description,
    place: tuple[Any, ...],
    path: str,
    locate: Locate,
    findings: Findings,
) -> None:
    """An input that the message does not have could never be sent."""
    known = described.inputs.get("properties")
    if known is None:
        return
    for name in action.get("inputs", {}).get("properties", {}):
        if name not in known:
            close = findings.nearest(name, known)
            fix = f"Did you mean {close}?" if close else f"Its fields: {', '.join(known) or 'none'}."
            message = f"{described.method.request.DESCRIPTOR.name} has no field {shown(name)}."
            findings.add("bad-reference", locate(*place, "inputs", name), f"{path}inputs.{name}", message, fix)
