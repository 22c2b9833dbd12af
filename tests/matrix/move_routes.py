"""Addresses and correct bodies of the routes that move versions: the way back, previews and their reports."""

from registry.models import Installation
from sandbox.upgrades.report import preview
from tests.extensions import PROBE, publish

OF_INSTALLATION = ("registry:rollback", "api:installation-rollback", "sandbox:upgrade-preview")


def moves(probe: Installation) -> dict:
    """A release before the one that is held, one after it, and what came of replaying calls on that."""
    older, newer = (publish(PROBE.replace("version: 1.0.0", f"version: {number}")) for number in ("0.9.0", "1.1.0"))
    return {"older": older, "newer": newer, "report": preview(probe, newer)}


def place(route: str, things: dict) -> dict:
    if route == "sandbox:upgrade-report":
        return {"pk": things["report"].pk}
    return {"pk": things["installation"].pk} if route in OF_INSTALLATION else {}


def query(route: str, things: dict) -> str:
    """What a page is asked for beside its address."""
    wanted = {"registry:rollback": things["older"], "sandbox:upgrade-preview": things["newer"]}
    return f"?to={wanted[route].digest}" if route in wanted else ""


def body(route: str, things: dict) -> dict:
    why = {"reason": "Notes are written twice."}
    return {
        "registry:rollback": why | {"to": things["older"].digest},
        "api:installation-rollback": why | {"digest": things["older"].digest},
        "sandbox:upgrade-preview": {"to": things["newer"].digest},
    }.get(route, {})
