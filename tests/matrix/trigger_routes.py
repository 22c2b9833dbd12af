"""Addresses and correct bodies of the routes of triggers: a webhook of Meridian that nobody signs, without a vault."""

from sandbox.triggers.services import create_trigger, switch_on

VALUES = {
    "name": "Things come in", "slug": "things-come-in", "target": "probe.look_up", "inputs": {"key": "event.body.key"},
    "scopes": ["things.read"], "sample": {"key": "a"}, "signature": "none", "header": "",
}  # fmt: skip
FIELDS = {
    "name": "Things come in", "slug": "things-come-in", "purpose": "", "input-key": "event.body.key",
    "scopes": ["things.read"], "sample": '{"key": "a"}', "signature": "none", "per_minute": "60", "quiet_s": "0",
    "uses": "last",
}  # fmt: skip
SCHEDULE = {"name": "Every night", "slug": "", "input-key": "'a'", "cron": "0 2 * * *", "zone": "UTC"}
OF_NONE = {"sandbox:trigger-list", "sandbox:trigger-create", "api:trigger-list"}


def triggers(workspace, admin) -> dict:
    trigger, _ = create_trigger(workspace, actor=admin, kind="webhook", values=VALUES)
    return {"trigger": switch_on(trigger, actor=admin)}


def place(route: str, things: dict) -> dict:
    if route == "hook":
        return {"address": "A" * 32}  # of no webhook
    is_one = route.startswith(("sandbox:trigger-", "sandbox:delivery-", "api:trigger-")) and route not in OF_NONE
    return {"pk": things["trigger"].pk} if is_one else {}


def query(route: str, things: dict) -> str:
    return "?kind=schedule&target=probe.look_up" if route == "sandbox:trigger-create" else ""


def body(route: str, things: dict) -> dict:
    return {
        "sandbox:trigger-create": SCHEDULE,
        "sandbox:trigger-change": FIELDS,
        "sandbox:trigger-off": {"reason": "For now."},
        "api:trigger-off": {"reason": "For now."},
        "sandbox:trigger-secret": {"overlap_h": "24", "secret": ""},
    }.get(route, {})
