"""``python -m proof.chaos.setting PASSWORD``: what the chaos works on, made through Galaxy's own services.

Run with a stack's ``operator_env``, once. Prints one object of JSON: {workspace, tokens, watcher, approvers}: the texts
of the agents' tokens, that of a person's who sees everything, and the addresses of those who decide.
"""

import json
import sys
from typing import Any

from proof.ledger import connector, employ, install_all, token

SLUG = "meridian"
HOST = "api.ledger.example"
AGENTS = 8
LEDGER = connector(HOST)
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
    from galaxy.core.accounts import create_account
    from galaxy.core.members import add_member, create_workspace
    from galaxy.core.scope import workspace_scope

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
        installations = install_all(workspace, admin, LEDGER, TIDY, PACK)
        tokens = employ(workspace, admin, installations, AGENTS)
        watching = ["runs.read", "approvals.read", "audit.read", "audit.export"]
        watcher = token(workspace, admin, "Watcher", watching)
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
