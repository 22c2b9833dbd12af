"""Addresses and correct bodies of the routes for machines: agents, tokens and the API."""

from datetime import timedelta

from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.tokens import create_token

READ = "registry.run_installation"
NEEDS_AGENT = ("agent-detail", "agent-change", "agent-token", "agent-suspension", "agent-resumption", "agent-end")


def machines(workspace, admin, probe) -> dict:
    """An agent of the admin's that may read "probe", and a token of the admin's own."""
    agent = create_agent(
        workspace,
        name="Lead agent",
        purpose="Follows up on leads.",
        owner=admin,
        scopes=["things.read"],
        grants=[(probe, READ)],
        calls_per_day=50,
        ends_at=timezone.now() + timedelta(days=30),
        actor=admin,
    )
    token, _ = create_token(workspace, name="CI", permissions=["runs.read"], days=30, actor=admin)
    return {"agent": agent, "api_token": token}


def place(route: str, things: dict) -> dict:
    """What a route's address needs beside the workspace."""
    kind = route.partition(":")[2]
    if route.startswith("agents:"):
        return {"pk": things["agent"].pk} if kind in NEEDS_AGENT else {}
    return {
        "core:token-revocation": {"pk": things["api_token"].pk},
        "api:listing-detail": {"slug": "probe.tidy"},
        "api:installation-detail": {"pk": things["installation"].pk},
        "api:installation-removal": {"pk": things["installation"].pk},
        "api:connection-detail": {"pk": things["installation"].connections.get(owner=None).pk},
        "api:run-detail": {"pk": things["run"].pk},
        "api:run-cancellation": {"pk": things["run"].pk},
        "api:approval-detail": {"pk": things["approval"].pk},
        "api:installation-grants": {"pk": things["installation"].pk},
        "api:installation-tests": {"pk": things["installation"].pk},
        "api:installation-health": {"pk": things["installation"].pk},
        "api:member-detail": {"pk": things["membership"].pk},
        "api:agent-detail": {"pk": things["agent"].pk},
        "api:agent-suspension": {"pk": things["agent"].pk},
        "api:token-revocation": {"pk": things["api_token"].pk},
        "api:event-detail": {"pk": things["event"].pk},
    }.get(route, {})


def body(route: str, things: dict) -> dict:
    """What a correct POST sends: fields of a form, or JSON for the API."""
    token = {"name": "Script", "days": "30", "permissions": ["runs.read"]}
    agent = {
        "name": "Another agent",
        "purpose": "Tidies up.",
        "owner": str(things["agent"].owner_id),
        "calls_per_day": "10",
        "ends_at": f"{timezone.now().date() + timedelta(days=30)}",
        "scopes": ["things.read"],
        f"grant-{things['installation'].pk}": "read",
    }
    return {
        "core:token-list": token,
        "agents:agent-token": token,
        "agents:agent-create": agent,
        "agents:agent-change": agent,
        "api:installation-list": {"digest": things["tidy"].digest},
        "api:installation-removal": {"reason": "No longer used", "name": "Probe"},
        "api:run-list": {"target": "probe.look_up", "inputs": {"key": "a"}},
        "api:agent-suspension": {"reason": "Calls too often"},
    }.get(route, {})
