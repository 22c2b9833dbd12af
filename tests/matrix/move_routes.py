"""Addresses and correct bodies of the routes that move versions: the way back, previews and their reports."""

from registry.models import Version
from sandbox.models import UpgradeReport
from sandbox.upgrades.report import preview
from tests.extensions import PROBE, publish

OF_INSTALLATION = ("registry:rollback", "api:installation-rollback", "sandbox:upgrade-preview")


def release(things: dict, number: str) -> Version:
    """A release of the connector of the table, published where it is not there yet."""
    found = things["installation"].extension.versions.filter(number=number).first()
    return found or publish(PROBE.replace("version: 1.0.0", f"version: {number}"))


def place(route: str, things: dict) -> dict:
    if route == "sandbox:upgrade-report":
        report = UpgradeReport.objects.filter(installation=things["installation"]).first()
        return {"pk": (report or preview(things["installation"], release(things, "1.1.0"))).pk}
    return {"pk": things["installation"].pk} if route in OF_INSTALLATION else {}


def query(route: str, things: dict) -> str:
    """What a page is asked for beside its address."""
    wanted = {"registry:rollback": "0.9.0", "sandbox:upgrade-preview": "1.1.0"}.get(route)
    return f"?to={release(things, wanted).digest}" if wanted else ""


def body(route: str, things: dict) -> dict:
    why = {"reason": "Notes are written twice."}
    return {
        "registry:rollback": lambda: why | {"to": release(things, "0.9.0").digest},
        "api:installation-rollback": lambda: why | {"digest": release(things, "0.9.0").digest},
        "sandbox:upgrade-preview": lambda: {"to": release(things, "1.1.0").digest},
    }.get(route, dict)()
