"""Calls as runners would leave them, many at a time, and a connector that declares a check."""

from datetime import timedelta

from django.utils import timezone

from registry.models import Connection, Installation
from sandbox.models import Run
from tests.sandbox.run_rows import make_decision

CHECKED = """
connector: pulse
version: 1.0.0
name: Pulse
summary: A made-up system with a check of its own.
auth: { type: bearer }
base_url: https://api.pulse.example
egress: [{ host: api.pulse.example, methods: [GET, POST], path_prefix: / }]
permissions: { required: [beats.read, beats.write] }
rate_limits: { rpm: 60 }
health: { action: list, every_s: 600 }
fixtures:
  happy: { status: 200, body: { id: b1 } }
  "401": { status: 401, body: {} }
  "429": { status: 429, body: {} }
  "5xx": { status: 502, body: {} }
actions:
  - id: list
    name: List beats
    method: GET
    path: /beats
    request_schema: { limit: int? }
    response_schema: { id: string }
    scopes: [beats.read]
    simulation: { answer: { id: "'b1'" } }
  - id: add
    name: Add a beat
    method: POST
    path: /beats
    request_schema: { key: string }
    response_schema: { id: string }
    scopes: [beats.write]
    simulation: { answer: { id: "'b2'" } }
"""


def connect(installation: Installation, *, owner=None, status: str = "authenticated") -> Connection:
    """The shared connection of ``installation``, or a person's own, as if somebody had connected it."""
    connection, _ = Connection.objects.get_or_create(
        workspace=installation.workspace, installation=installation, owner=owner, defaults={"name": "Account"}
    )
    connection.status, connection.connected_by = status, owner or installation.installed_by
    connection.save()
    return connection


def make_calls(connection: Connection, number: int, *, category: str = "", age=timedelta(hours=1), **fields) -> None:
    """``number`` live calls that ended: well, or by ``category``; ``age`` ago, 100 ms each."""
    at = timezone.now() - age
    installation = connection.installation
    version = fields.pop("version", None) or installation.pin.version
    status = {"auth_error": 401, "rate_limit": 429, "validation": 422, "not_found": 404, "policy_block": None}
    values = {
        "workspace": installation.workspace,
        "installation": installation,
        "connection": connection,
        "version": version,
        "version_digest": version.digest,
        "kind": "action",
        "target": "pulse.list",
        "mode": "live",
        "state": "failed" if category else "succeeded",
        "error_category": category,
        "error": {"error_code": "made_up", "status": status.get(category, 500)} if category else None,
        "requested_by": installation.installed_by,
        "input_digest": "0" * 64,
        "seed": 1,
        "trace_id": "0" * 32,
        "decision": make_decision(installation.workspace),
        "created_at": at,
        "started_at": at,
        "finished_at": at + timedelta(milliseconds=100),
    } | fields
    Run.objects.bulk_create([Run(**values) for _ in range(number)])
