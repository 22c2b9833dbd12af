"""``python -m proof.chaos.setting PASSWORD``: what the chaos works on, made through Galaxy's own services.

Run with a stack's ``operator_env``, once. Prints one object of JSON: {workspace, tokens, watcher, approvers}: the texts
of the agents' tokens, that of a person's who sees everything, and the addresses of those who decide.
"""

import json
import sys
from datetime import timedelta
from typing import Any

SLUG = "meridian"
HOST = "api.ledger.example"
AGENTS = 8
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


# ``post`` and ``pay`` are not to be repeated: where it is not known whether they were done, nobody does them again.
# ``put`` says that a second one does nothing more, so it is repeated until it is known to be done. ``pay`` is asked
# about by a rule.
LEDGER = f"""
connector: ledger
version: 1.0.0
name: Ledger
summary: A made-up system that books.
auth: {{ type: none }}
base_url: https://{HOST}
egress: [{{ host: {HOST} }}]
permissions: {{ required: [entries.read, entries.write, payments.write] }}
retry: {{ strategy: exponential, max_attempts: 3, base_ms: 100 }}
actions:
{_action("look", "GET", "entries.read", path="/look/{key}")}
{_action("post", "POST", "entries.write")}
{_action("put", "PUT", "entries.write", "idempotent: true")}
{_action("pay", "POST", "payments.write")}
"""
TIDY = """
transform: ledger.tidy
version: 1.0.0
name: Tidy
summary: A made-up transform between two calls.
inputs: { name: string, on: string }
outputs: { title: string, day: date }
steps:
  - normalize_date: { field: on }
  - map_fields: { title: name, day: on }
  - validate: outputs
fixtures:
  happy: { inputs: { name: A, on: "2026-01-02" }, outputs: { title: A, day: "2026-01-02" } }
"""
PACK = """
pack: ledger.close
version: 1.0.0
name: Close
summary: A made-up pack that books one by one.
requires: { ledger: ^1.0, ledger.tidy: ^1.0 }
inputs: { key: string, lines: "string[]" }
steps:
  - { id: tidy, use: ledger.tidy, with: { name: inputs.key, on: "'2026-01-02'" } }
  - { id: open, use: ledger.put, with: { key: "join('/', [steps.tidy.title, 'open'])" } }
  - { id: lines, each: inputs.lines, most: 3, use: ledger.post, with: { key: "join('/', [inputs.key, item])" } }
  - { id: end, use: ledger.put, with: { key: "join('/', [inputs.key, 'end'])" } }
outcome: { name: closed, success: steps.end.id, signal: downstream_state }
sample: { inputs: { key: A, lines: [] } }
"""


def make(password: str) -> dict[str, Any]:
    from django.utils import timezone

    from galaxy.core.accounts import create_account
    from galaxy.core.agents import create_agent
    from galaxy.core.members import add_member, create_workspace
    from galaxy.core.scope import workspace_scope
    from galaxy.core.tokens import AGENT_PERMISSIONS, create_token
    from policies.services.rules import create_rule
    from registry.manifests import read
    from registry.models import Connection
    from registry.services import install, publish_version

    people = {
        name: create_account(f"{name}@proof.example", password=password, name=name.title())
        for name in ("owner", "admin", "approver", "second", "auditor")
    }
    workspace = create_workspace(name="Meridian", slug=SLUG, owner=people["owner"])
    with workspace_scope([workspace.pk], people["owner"].pk):
        for name, role in (
            ("admin", "admin"),
            ("approver", "approver"),
            ("second", "approver"),
            ("auditor", "auditor"),
        ):
            add_member(workspace, user=people[name], role=role, actor=people["owner"])
    admin = people["admin"]
    with workspace_scope([workspace.pk], admin.pk):
        installations = []
        for text in (LEDGER, TIDY, PACK):
            reading = read(text)
            if reading.manifest is None:
                raise ValueError([f"{one.line}: {one.message}" for one in reading.findings])
            manifest = reading.manifest
            version = publish_version(manifest, publisher="Proof")
            installations.append(install(workspace, version.extension, version=version, actor=admin))
        Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
        asked = {
            "title": "Payments are asked about",
            "effect": "require_approval",
            "what": {"actions": ["ledger.pay"]},
            "ask": {"reviewers": "approvers", "needed": 1, "expires_h": 1},
        }
        workspace.refresh_from_db()
        create_rule(
            workspace, actor=admin, values=asked, reason="Money leaves", seen=workspace.policy_version, confirmed=True
        )
        grants = [
            (one, f"registry.{name}") for one in installations for name in ("run_installation", "write_installation")
        ]
        tokens = []
        for number in range(AGENTS):
            agent = create_agent(
                workspace,
                name=f"Clerk {number + 1}",
                purpose="Books.",
                owner=admin,
                scopes=["entries.read", "entries.write", "payments.write"],
                grants=grants,
                calls_per_day=100_000,
                ends_at=timezone.now() + timedelta(days=30),
                actor=admin,
            )
            tokens.append(
                create_token(workspace, name="Chaos", permissions=AGENT_PERMISSIONS, days=30, actor=admin, agent=agent)[
                    1
                ]
            )
        watching = ["runs.read", "approvals.read", "audit.read", "audit.export"]
        watcher = create_token(workspace, name="Watcher", permissions=watching, days=30, actor=admin)[1]
    return {
        "workspace": SLUG,
        "tokens": tokens,
        "watcher": watcher,
        "approvers": [people["approver"].email, people["second"].email],
    }


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(make(sys.argv[1])))
