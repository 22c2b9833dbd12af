"""Addresses and correct bodies of the routes of the approval queue."""

from galaxy.core.models import Membership, SavedView, User, Workspace
from galaxy.core.saved_views import save_view

OF_APPROVAL = {f"policies:approval-{act}" for act in ("reminder", "repetition", "handover", "narrowing")}
OF_VIEW = {"policies:view-change", "policies:view-removal"}


def view(workspace: Workspace, user: User) -> SavedView:
    return save_view(workspace, user=user, page="approvals", name="Installs", query="kind=install")


def place(route: str, things: dict) -> dict:
    if route in OF_APPROVAL:
        return {"pk": things["approval"].pk}
    return {"pk": things["view"].pk} if route in OF_VIEW else {}


def body(route: str, things: dict) -> dict:
    if route == "policies:approval-handover":
        return {"to": str(Membership.objects.get(workspace=things["approval"].workspace, role="approver").user_id)}
    return {
        "policies:approval-narrowing": {"digest": things["approval"].digest},
        "policies:approval-decisions": {"decision": "approved", "shown": "made up", "pick": "x"},
        "policies:view-list": {"name": "Calls of agents", "query": "kind=run"},
        "policies:view-change": {"name": "Installs of today"},
    }.get(route, {})
