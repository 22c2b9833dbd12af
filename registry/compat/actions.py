"""Two releases of one action compared: what it is called with and gives, how it calls, fails and is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.manifests import ActionSpec

from .reasons import Reason, reason
from .schemas import compare_inputs, compare_outputs


def compare_action(before: ActionSpec, after: ActionSpec) -> Iterator[Reason]:
    at = f"actions.{before.id}"
    yield from compare_inputs(before.inputs, after.inputs, f"{at}.inputs")
    yield from compare_outputs(before.outputs, after.outputs, f"{at}.outputs")
    yield from _call(before, after, at)
    yield from _errors(before, after, at)
    yield from _safety(before, after, at)
    yield from _limits(before, after, at)


def _call(before: ActionSpec, after: ActionSpec, at: str) -> Iterator[Reason]:
    if before.runner != after.runner:
        said = f"{before.name} is run by {after.runner}, before by {before.runner}."
        yield reason("call-changed", f"{at}.runner", said)
    if before.method != after.method:
        said = f"{before.name} is a {after.method}, before a {before.method}."
        yield reason("method-changed", f"{at}.method", said)
    if before.path != after.path:
        yield reason("path-changed", f"{at}.path", f"{before.name} calls {after.path}, before {before.path}.")
    for key in ("service", "method"):
        if before.grpc.get(key) != after.grpc.get(key):
            said = f"{before.name} calls the {key} {after.grpc.get(key)}, before {before.grpc.get(key)}."
            yield reason("call-changed", f"{at}.grpc.{key}", said)


def _errors(before: ActionSpec, after: ActionSpec, at: str) -> Iterator[Reason]:
    yield from compare_replies(before.raw.get("replies", []), after.raw.get("replies", []), f"{at}.replies")
    if gone := [str(one) for one in before.errors if one not in after.errors]:
        said = f"{before.name} does not say any more that it fails with {', '.join(gone)}."
        yield reason("errors-changed", f"{at}.errors", said)
    if new := [str(one) for one in after.errors if one not in before.errors]:
        yield reason("errors-added", f"{at}.errors", f"{before.name} may fail with {', '.join(new)}.")


def compare_replies(before: list[dict[str, Any]], after: list[dict[str, Any]], path: str) -> Iterator[Reason]:
    """The table of replies, first match first: what stood there stands there still, and nothing new comes before it
    that a reply of the old table could match."""
    rest, new = list(before), []
    for entry in after:
        if rest and entry == rest[0]:
            rest.pop(0)
            continue
        new.append(entry)
        if any(_overlap(entry, old) and entry["category"] != old["category"] for old in rest):
            yield reason("errors-changed", path, f"The reply {_reply(entry)} is {entry['category']} now.")
            return
    if rest:
        yield reason("errors-changed", path, f"The reply {_reply(rest[0])} is {rest[0]['category']} no more.")
    elif new:
        yield reason("errors-added", path, f"The reply {_reply(new[0])} is {new[0]['category']}.")


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    first, second = one.get("status"), other.get("status")
    if first is None or second is None or first == second:
        return True
    return str(first)[0] == str(second)[0] and "xx" in f"{first}{second}"


def _reply(entry: dict[str, Any]) -> str:
    return " with ".join(str(entry[key]) for key in ("status", "match") if key in entry)


def _safety(before: ActionSpec, after: ActionSpec, at: str) -> Iterator[Reason]:
    if before.is_repeatable and not after.is_repeatable:
        said = f"{before.name} is not safe to repeat any more, so a call that broke off stays unknown."
        yield reason("idempotency-weakened", f"{at}.idempotent", said)
    if after.is_repeatable and not before.is_repeatable:
        yield reason("idempotency-added", f"{at}.idempotent", f"{before.name} may be repeated.")
    header = before.raw.get("idempotency_header")
    if header and after.raw.get("idempotency_header") != header:
        said = f"{before.name} does not send {header} any more."
        yield reason("idempotency-weakened", f"{at}.idempotency_header", said)
    if before.undo and not after.undo:
        yield reason("undo-removed", f"{at}.undo", f"{before.name} cannot be taken back any more.")
    elif before.undo != after.undo:
        yield reason("undo-changed", f"{at}.undo", f"{before.name} is taken back by {after.undo}.")
    if after.audience not in ("both", before.audience):
        said = f"{before.name} is for {after.audience}s only."
        yield reason("audience-narrowed", f"{at}.audience", said)
    if (before.raw.get("simulation") or {}) and not after.raw.get("simulation"):
        yield reason("behaviour-changed", f"{at}.simulation", f"{before.name} cannot be simulated any more.")
    yield from _asks_more(before, after, at)
    for key in ("reads", "narrow"):
        if before.raw.get(key) and before.raw[key] != after.raw.get(key):
            said = f"What an approver of {before.name} sees or may leave out is another."
            yield reason("review-weakened", f"{at}.{key}", said)


def _asks_more(before: ActionSpec, after: ActionSpec, at: str) -> Iterator[Reason]:
    """What waits for a person that did not: calls go on, later."""
    gained = sorted(set(after.approval_tags) - set(before.approval_tags))
    is_stricter = after.destructive and not before.destructive
    bulk = before.bulk or {}
    counts_sooner = after.bulk is not None and after.bulk["over"] < bulk.get("over", float("inf"))
    if gained or is_stricter or counts_sooner:
        yield reason("asks-more", f"{at}.policy", f"{before.name} waits for a person where it did not.")


def _limits(before: ActionSpec, after: ActionSpec, at: str) -> Iterator[Reason]:
    was, now = _tuning(before), _tuning(after)
    lower = [key for key in was.keys() | now.keys() if key in now and now[key] < was.get(key, float("inf"))]
    if lower:
        said = f"{before.name} has a lower {', '.join(sorted(lower))}."
        yield reason("limits-tightened", at, said)
    price, dearer = before.raw.get("cost", {}).get("amount", 0), after.raw.get("cost", {}).get("amount", 0)
    if dearer > price:
        yield reason("cost-raised", f"{at}.cost", f"A call of {before.name} costs {dearer}, before {price}.")


def _tuning(action: ActionSpec) -> dict[str, float]:
    limits = {key: value for key, value in action.rate_limits.items() if isinstance(value, int | float)}
    limits |= {"timeout_ms": action.timeout_ms}
    if memory := action.raw.get("memory_mb"):
        limits["memory_mb"] = memory
    return limits
