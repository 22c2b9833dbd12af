"""Addresses and correct bodies of the routes that move versions: the way back, previews and their reports."""

from tests.extensions import PROBE, publish

ROLLED_BACK = "registry:rollback", "api:installation-rollback"


def older(things: dict) -> str:
    """The digest of an older release of the connector of the table, published where it is not there yet."""
    rows = things["installation"].extension.versions.filter(number="0.9.0")
    found = rows.first() or publish(PROBE.replace("version: 1.0.0", "version: 0.9.0"))
    return found.digest


def place(route: str, things: dict) -> dict:
    return {"pk": things["installation"].pk} if route in ROLLED_BACK else {}


def query(route: str, things: dict) -> str:
    """What a page is asked for beside its address."""
    return f"?to={older(things)}" if route == "registry:rollback" else ""


def body(route: str, things: dict) -> dict:
    return {
        "registry:rollback": lambda: {"to": older(things), "reason": "Notes are written twice."},
        "api:installation-rollback": lambda: {"digest": older(things), "reason": "Notes are written twice."},
    }.get(route, dict)()
