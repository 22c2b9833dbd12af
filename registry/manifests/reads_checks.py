"""Checks of what an action says for its approvers: how its records are read, and what of it may be made smaller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import expressions
from .findings import Findings
from .model import effect_of
from .nodes import shown

Locate = Callable[..., Any]
_NUMBERS = {"number", "integer"}


def check_for_approvers(
    action: dict[str, Any], actions: dict[str, dict[str, Any]], at: int, locate: Locate, findings: Findings
) -> None:
    """``actions`` are those of the connector by id, ``at`` is the position of ``action`` among them."""
    place: tuple[Any, ...] = ("actions", at)
    _check_narrow(action, place, locate, findings)
    reads = action.get("reads")
    if not reads or "action" not in reads:
        return
    read = actions.get(reads["action"])
    if read is None:
        _unknown(reads["action"], actions, "action", place, "reads.action", locate, findings)
        return
    if effect_of(read) != "read":
        message = f"{reads['action']} changes something, so it cannot show what is there."
        findings.add("bad-value", locate(*place, "reads", "action"), _path(at, "reads.action"), message)
    _check_names(reads.get("with", {}), read.get("inputs"), "input", place, "reads.with", locate, findings)
    _check_names(reads.get("fields", {}), read.get("outputs"), "output", place, "reads.fields", locate, findings)
    missing = sorted(set((read.get("inputs") or {}).get("required", [])) - set(reads.get("with", {})))
    if missing:
        message = f"{reads['action']} needs {', '.join(missing)} as well."
        findings.add("bad-reference", locate(*place, "reads"), _path(at, "reads.with"), message)
    if "each" not in reads:
        for part in ("with", "fields"):
            for name, text in reads.get(part, {}).items():
                if any(reference.root == "entry" for reference in expressions.parse(text)):
                    message = f"{shown('entry')} is one of the list that each names, and there is no each."
                    findings.add("bad-reference", locate(*place, "reads"), _path(at, f"reads.{part}.{name}"), message)


def _check_narrow(action: dict[str, Any], place: tuple[Any, ...], locate: Locate, findings: Findings) -> None:
    schema = action.get("inputs") or {}
    known = schema.get("properties", {})
    for name in action.get("narrow", []):
        if name not in known:
            if "inputs" in action:
                _unknown(name, known, "input", place, "narrow", locate, findings)
            continue
        kinds = known[name].get("type", []) if isinstance(known[name], dict) else []
        kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        if not kinds & {"array", *_NUMBERS} and name in schema.get("required", []):
            message = f"{shown(name)} is no list and no number, and it is needed, so nothing of it can be less."
            findings.add("bad-value", locate(*place, "narrow"), _path(place[1], "narrow"), message)


def _check_names(
    given: dict[str, Any],
    schema: dict[str, Any] | None,
    what: str,
    place: tuple[Any, ...],
    key: str,
    locate: Locate,
    findings: Findings,
) -> None:
    properties = (schema or {}).get("properties")
    if properties is None:
        return
    for name in given:
        if name not in properties:
            _unknown(name, properties, what, place, key, locate, findings)


def _unknown(
    name: str, known: Any, what: str, place: tuple[Any, ...], key: str, locate: Locate, findings: Findings
) -> None:
    close = findings.nearest(name, known)
    fix = f"Did you mean {close}?" if close else f"Known: {', '.join(sorted(known)) or 'none':.200}."
    where = locate(*place, *key.split("."))
    findings.add("bad-reference", where, _path(place[1], key), f"There is no {what} {shown(name)}.", fix)


def _path(at: int, key: str) -> str:
    return f"actions[{at}].{key}"
