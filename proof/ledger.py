"""The made-up system that proofs call, and what a workspace needs before its agents may call it.

``post`` and ``pay`` are not to be repeated: where it is not known whether they were done, nobody does them again.
``put`` says that a second one does nothing more, so it is repeated until it is known to be done. ``pay`` is asked
about by a rule.
"""

from datetime import timedelta
from typing import Any

SCOPES = ["entries.read", "entries.write", "payments.write"]
_FIXTURES = """
      happy: { status: 200, body: { id: x1 } }
      "401": { status: 401 }
      "429": { status: 429 }
      "5xx": { status: 502 }
"""


def _action(name: str, method: str, scope: str, *more: str, path: str = "") -> str:
    lines = "".join(f"\n    {line}" for line in more)
    return f"""
  - id: {name}
    method: {method}
    path: {path or f"/{name}"}
    inputs: {{ key: string }}
    outputs: {{ id: string }}
    scopes: [{scope}]{lines}
    simulation: {{ answer: {{ id: "'s'" }} }}
    fixtures: {_FIXTURES}"""


def connector(host: str) -> str:
    """Its manifest, for the other side at ``host``."""
    return f"""
connector: ledger
version: 1.0.0
name: Ledger
summary: A made-up system that books.
auth: {{ type: none }}
base_url: https://{host}
egress: [{{ host: {host} }}]
permissions: {{ required: [{", ".join(SCOPES)}] }}
retry: {{ strategy: exponential, max_attempts: 3, base_ms: 100 }}
actions:
{_action("look", "GET", "entries.read", path="/look/{key}")}
{_action("post", "POST", "entries.write")}
{_action("put", "PUT", "entries.write", "idempotent: true")}
{_action("pay", "POST", "payments.write")}
"""


def install_all(workspace: Any, admin: Any, *manifests: str) -> list[Any]:
    """Their installations, connected, with a rule by which people are asked about payments. Raises ValueError where a
    manifest has faults."""
    from policies.services.rules import create_rule
    from registry.manifests import read
    from registry.models import Connection
    from registry.services import install, publish_version

    installations = []
    for text in manifests:
        reading = read(text)
        if reading.manifest is None:
            raise ValueError([f"{one.line}: {one.message}" for one in reading.findings])
        version = publish_version(reading.manifest, publisher="Proof")
        installations.append(install(workspace, version.extension, version=version, actor=admin))
    Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
    asked = {
        "title": "Payments are asked about",
        "effect": "require_approval",
        "what": {"actions": ["ledger.pay"]},
        "ask": {"reviewers": "approvers", "needed": 1, "expires_h": 1},
    }
    workspace.refresh_from_db()
    seen = workspace.policy_version
    create_rule(workspace, actor=admin, values=asked, reason="Money leaves", seen=seen, confirmed=True)
    return installations


def employ(workspace: Any, admin: Any, installations: list[Any], agents: int) -> list[str]:
    """The tokens of so many new agents, who may call all of ``installations``."""
    from django.utils import timezone

    from galaxy.core.agents import create_agent
    from galaxy.core.tokens import AGENT_PERMISSIONS

    tokens = []
    for number in range(1, agents + 1):
        agent = create_agent(
            workspace,
            name=f"Clerk {number}",
            purpose="Books.",
            owner=admin,
            scopes=SCOPES,
            grants=[(one, f"registry.{verb}_installation") for one in installations for verb in ("run", "write")],
            calls_per_day=100_000,
            ends_at=timezone.now() + timedelta(days=30),
            actor=admin,
        )
        tokens.append(token(workspace, admin, "Clerk", AGENT_PERMISSIONS, agent=agent))
    return tokens


def token(workspace: Any, admin: Any, name: str, permissions: Any, **more: Any) -> str:
    from galaxy.core.tokens import create_token

    return create_token(workspace, name=name, permissions=permissions, days=30, actor=admin, **more)[1]
