"""Addresses and correct bodies of the routes that move versions: the way back, previews and their reports."""

from registry.models import Installation
from sandbox.models import UpgradePreview
from sandbox.upgrades.report import preview
from tests.extensions import PROBE, publish

OF_INSTALLATION = (
    "registry:rollback",
    "api:installation-rollback",
    "api:installation-timeline",
    "api:installation-dependants",
    "api:installation-preview",
    "sandbox:upgrade-preview",
)
OF_PREVIEW = ("sandbox:preview-detail", "sandbox:preview-stopping", "api:preview-detail", "api:preview-stopping")


def moves(probe: Installation) -> dict:
    """A release before the one that is held, one after it, what came of replaying calls on that, and a replay on one
    after that which no worker has taken yet."""
    numbers = ("0.9.0", "1.1.0", "1.2.0")
    older, newer, newest = (publish(PROBE.replace("version: 1.0.0", f"version: {number}")) for number in numbers)
    waiting = UpgradePreview.objects.create(
        workspace=probe.workspace,
        installation=probe,
        version=newest,
        from_digest=probe.pin.digest,
        asked_by=probe.installed_by,
    )
    return {"older": older, "newer": newer, "report": preview(probe, newer), "preview": waiting}


def place(route: str, things: dict) -> dict:
    if route == "sandbox:upgrade-report":
        return {"pk": things["report"].pk}
    if route in OF_PREVIEW:
        return {"pk": things["preview"].pk}
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
        "api:installation-preview": {"digest": things["newer"].digest},
    }.get(route, {})
