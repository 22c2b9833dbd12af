"""Addresses and correct bodies of the routes of who answers, of standing yeses, and of changes that wait for a yes."""

from datetime import timedelta

from django.utils import timezone

from galaxy.core.models import User, Workspace
from policies.services.changes import ask_install
from policies.services.delegations import delegate
from policies.services.granting import create_auto_approval
from policies.services.groups import create_group
from registry.models import Installation, Version

DAY = timedelta(days=1)
OF_GROUP = {"policies:group-detail", "policies:group-end", "policies:group-member-create"}
OF_GRANT = {"policies:auto-approval-detail", "policies:auto-approval-revocation"}


def standing(workspace: Workspace, cast: dict[str, User], probe: Installation, tidy: Version) -> dict:
    """A group with the approver in it, who lets the member answer for them; a grant; what the member asked for."""
    admin, now = cast["admin"], timezone.now()
    return {
        "group": create_group(workspace, name="Desk", members=[cast["approver"]], actor=admin),
        "delegation": delegate(
            workspace, giver=cast["approver"], taker=cast["member"], starts_at=now, ends_at=now + DAY
        ),
        "grant": create_auto_approval(
            workspace,
            installation=probe,
            scope="things.write",
            reason="Always the same",
            budget=3,
            ends_at=now + DAY,
            actor=admin,
        ),
        "change": ask_install(workspace, tidy, actor=cast["member"]),
        "creator": cast["creator"],
        "approver": cast["approver"],
    }


def place(route: str, things: dict) -> dict:
    if route in OF_GROUP:
        return {"pk": things["group"].pk}
    if route in OF_GRANT:
        return {"pk": things["grant"].pk}
    return {
        "policies:group-member-removal": {"pk": things["group"].pk, "user": things["approver"].pk},
        "policies:delegation-end": {"pk": things["delegation"].pk},
        "policies:change-detail": {"pk": things["change"].pk},
        "registry:widening": {"pk": things["installation"].pk},
    }.get(route, {})


def body(route: str, things: dict) -> dict:
    today, tidy = timezone.now().date(), things["tidy"]
    days = {"starts_on": today + 5 * DAY, "ends_on": today + 6 * DAY}
    return {
        "policies:group-create": {"name": "Night shift"},
        "policies:group-member-create": {"user": things["creator"].pk},
        "policies:delegation-list": {"taker": things["creator"].pk} | days,
        "policies:auto-approval-create": {
            "installation": things["installation"].pk,
            "scope": "things.read",
            "reason": "Reads only",
            "budget": 5,
            "error_percent": 20,
            "ends_on": today + DAY,
        },
        "policies:change-create": {"kind": "install", "version": tidy.digest, "digest": [tidy.digest]},
    }.get(route, {})
