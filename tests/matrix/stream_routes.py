"""Addresses and correct bodies of the audit streams' routes: a stream of Meridian to a syslog host."""

from galaxy.core.audit.streams.services import create_sink

FACTS = {"kind": "syslog", "address": "logs.example.com", "actions": ""}


def streams(workspace, admin) -> dict:
    sink, _ = create_sink(workspace, name="Logs", from_start=True, actor=admin, **FACTS)
    return {"sink": sink}


def place(route: str, things: dict) -> dict:
    is_one = route.startswith("core:sink-") and route not in {"core:sink-list", "core:sink-create"}
    return {"pk": things["sink"].pk} if is_one else {}


def body(route: str, things: dict) -> dict:
    return {
        "core:sink-create": FACTS | {"name": "More logs", "from_start": "now"},
        "core:sink-replay": {"cursor": "0"},
    }.get(route, {})
