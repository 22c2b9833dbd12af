"""Addresses and correct bodies of the routes of issues, breakers and places."""

import uuid

from registry.models import Installation
from sandbox.issues import open_issue
from sandbox.models import Issue

NOBODYS = uuid.UUID(int=7)  # a place that nobody holds


def issue(installation: Installation) -> Issue:
    return open_issue(
        installation,
        Issue.Kind.BREAKER_OPEN,
        target="create",
        sentence="Calls of create are held back.",
        next_step="Look whether Probe works.",
        connection=installation.connections.get(owner=None),
    )


def place(route: str, things: dict) -> dict:
    if route in {"sandbox:issue-detail", "sandbox:issue-closing", "api:issue-detail"}:
        return {"pk": things["issue"].pk}
    own = {"sandbox:breaker-change": {}, "sandbox:hold-release": {"hold": NOBODYS}}.get(route)
    return {} if own is None else {"pk": things["issue"].connection_id, **own}


def body(route: str, things: dict) -> dict:
    return {
        "sandbox:issue-closing": {"reason": "Mended there."},
        "sandbox:breaker-change": {"action": "create", "reason": "Maintenance."},
        "sandbox:hold-release": {"reason": "It hangs."},
    }.get(route, {})
