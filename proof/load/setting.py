"""``python -m proof.load.setting FILE``: the people, agents and extensions of a load, made through Galaxy's services.

Run with a stack's ``operator_env``, once. FILE says how many ({people, approvers, agents, host}); it is written over
with what was made: {workspace, csrf, people: {role: [cookies]}, approvers: [cookies], tokens, watcher, pages: {page:
[address]}}.

Sessions are rows, as a sign-in leaves them: five hundred sign-ins would hash passwords for minutes and measure that.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

SLUG = "load"
CSRF = "L" * 32  # the two halves of a double submit are what a browser would send back
# Of ten people: who may do what. The first of a list takes what is left over.
ROLES = {"member": 5, "creator": 2, "admin": 2, "auditor": 1}
_FIXTURES = (
    'happy: { status: 200, body: { id: x1 } }, "401": { status: 401 }, "429": { status: 429 }, "5xx": { status: 502 }'
)


def _action(name: str, method: str, scope: str, path: str = "", more: str = "") -> str:
    return f"""
  - id: {name}
    method: {method}
    path: {path or f"/{name}"}
    inputs: {{ key: string }}
    outputs: {{ id: string }}
    scopes: [{scope}]{more}
    simulation: {{ answer: {{ id: "'s'" }} }}
    fixtures: {{ {_FIXTURES} }}"""


def connector(host: str) -> str:
    return f"""
connector: counter
version: 1.0.0
name: Counter
summary: A made-up system that counts.
auth: {{ type: none }}
base_url: https://{host}
egress: [{{ host: {host} }}]
permissions: {{ required: [entries.read, entries.write, payments.write] }}
retry: {{ strategy: exponential, max_attempts: 3, base_ms: 100 }}
actions:{_action("look", "GET", "entries.read", "/look/{key}")}{_action("post", "POST", "entries.write")}{
        _action("put", "PUT", "entries.write", more=chr(10) + "    idempotent: true")
    }{_action("pay", "POST", "payments.write")}
"""


def make(people: int, approvers: int, agents: int, host: str) -> dict[str, Any]:
    from galaxy.core.members import add_member, create_workspace
    from galaxy.core.scope import workspace_scope

    owner = _account("owner@load.example")
    workspace = create_workspace(name="Load", slug=SLUG, owner=owner)
    crowd: dict[str, list[Any]] = {role: [] for role in ROLES}
    turns = [role for role, share in ROLES.items() for _ in range(share)]
    for number in range(people):
        crowd[turns[number % len(turns)]].append(_account(f"person-{number}@load.example"))
    deciding = [_account(f"approver-{number}@load.example") for number in range(approvers)]
    admin = _account("admin@load.example")
    with workspace_scope([workspace.pk], owner.pk):
        add_member(workspace, user=admin, role="admin", actor=owner)
        for role, users in [*crowd.items(), ("approver", deciding)]:
            for user in users:
                add_member(workspace, user=user, role=role, actor=owner)
    with workspace_scope([workspace.pk], admin.pk):
        installation = _install(workspace, admin, host)
        tokens, watcher = _tokens(workspace, admin, installation, agents)
        return {
            "workspace": SLUG,
            "csrf": CSRF,
            "people": {role: [_session(user) for user in users] for role, users in crowd.items()},
            "approvers": [_session(user) for user in deciding],
            "tokens": tokens,
            "watcher": watcher,
            "pages": _pages(installation),
        }


def _account(email: str) -> Any:
    from galaxy.core.accounts import create_account

    return create_account(email, name=email.partition("@")[0].title())


def _session(user: Any) -> str:
    """The cookies of a browser in which ``user`` is signed in."""
    from allauth.usersessions.models import UserSession
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    key = client.session.session_key
    UserSession.objects.get_or_create(session_key=key, defaults={"user": user, "ip": "127.0.0.1", "user_agent": "load"})
    return f"{settings.SESSION_COOKIE_NAME}={key}; {settings.CSRF_COOKIE_NAME}={CSRF}"


def _install(workspace: Any, admin: Any, host: str) -> Any:
    from policies.services.rules import create_rule
    from registry.manifests import read
    from registry.models import Connection
    from registry.services import install, publish_version

    reading = read(connector(host), format="yaml")
    if reading.manifest is None:
        raise ValueError([f"{one.line}: {one.message}" for one in reading.findings])
    version = publish_version(reading.manifest, publisher="Proof")
    installation = install(workspace, version.extension, version=version, actor=admin)
    Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
    asked = {
        "title": "Payments are asked about",
        "effect": "require_approval",
        "what": {"actions": ["counter.pay"]},
        "ask": {"reviewers": "approvers", "needed": 1, "expires_h": 1},
    }
    workspace.refresh_from_db()
    seen = workspace.policy_version
    create_rule(workspace, actor=admin, values=asked, reason="Money leaves", seen=seen, confirmed=True)
    return installation


def _tokens(workspace: Any, admin: Any, installation: Any, agents: int) -> tuple[list[str], str]:
    from django.utils import timezone

    from galaxy.core.agents import create_agent
    from galaxy.core.tokens import AGENT_PERMISSIONS, create_token

    tokens = []
    for number in range(agents):
        agent = create_agent(
            workspace,
            name=f"Clerk {number + 1}",
            purpose="Counts.",
            owner=admin,
            scopes=["entries.read", "entries.write", "payments.write"],
            grants=[(installation, f"registry.{verb}_installation") for verb in ("run", "write")],
            calls_per_day=100_000,
            ends_at=timezone.now() + timedelta(days=30),
            actor=admin,
        )
        made = create_token(workspace, name="Load", permissions=AGENT_PERMISSIONS, days=30, actor=admin, agent=agent)
        tokens.append(made[1])
    watching = ["runs.read", "approvals.read"]
    return tokens, create_token(workspace, name="Watcher", permissions=watching, days=30, actor=admin)[1]


def _pages(installation: Any) -> dict[str, list[str]]:
    """Where each page is; of a run's own the driver finds addresses as they come."""
    from django.urls import reverse

    from marketplace.models import PublicEntry

    def at(name: str, *more: Any) -> str:
        return reverse(name, args=[SLUG, *more])

    market = at("marketplace:listing-list")
    slugs = list(PublicEntry.objects.order_by("extension__slug").values_list("extension__slug", flat=True)[:40])
    return {
        "overview": [at("overview")],
        "marketplace": [market],
        "search": [
            f"{market}?q={word}" for word in ("mail", "lead", "invoice", "drive", "slak", "contacts", "normalise")
        ],
        "extension": [at("marketplace:listing-detail", slug) for slug in slugs] or [market],
        "installed": [at("registry:installation-list")],
        "runs": [at("sandbox:run-list"), f"{at('sandbox:run-list')}?state=succeeded"],
        "run": [],
        "run partial": [],
        "approvals": [at("policies:approval-list")],
        "audit trail": [at("core:audit-list")],
        "audit partial": [f"{at('core:audit-list')}?action=run.started"],
        "dashboard": [at("sandbox:dashboard")],
        "installation": [installation.get_absolute_url()],
    }


if __name__ == "__main__":
    import django

    django.setup()
    from django.db import transaction

    place = Path(sys.argv[1])
    with transaction.atomic():  # whole or not there
        made = make(**json.loads(place.read_text(encoding="utf-8")))
    place.write_text(json.dumps(made), encoding="utf-8")
