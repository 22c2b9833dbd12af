"""``python -m proof.load.setting FILE``: the people, agents and extensions of a load, made through Galaxy's services.

Run with a stack's ``operator_env``, once. FILE says how many ({people, approvers, agents, host}); it is written over
with what was made: {workspace, csrf, people: {role: [cookies]}, approvers: [cookies], tokens, watcher, pages: {page:
[address]}}.

Sessions are rows, as a sign-in leaves them: five hundred sign-ins would hash passwords for minutes and measure that.
"""

import json
import sys
from pathlib import Path
from typing import Any

from proof.ledger import connector, employ, install_all, token

SLUG = "load"
CSRF = "L" * 32  # the two halves of a double submit are what a browser would send back
# Of ten people: who may do what. The first of a list takes what is left over.
ROLES = {"member": 5, "creator": 2, "admin": 2, "auditor": 1}


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
        [installation] = install_all(workspace, admin, connector(host))
        return {
            "workspace": SLUG,
            "csrf": CSRF,
            "people": {role: [_session(user) for user in users] for role, users in crowd.items()},
            "approvers": [_session(user) for user in deciding],
            "tokens": employ(workspace, admin, [installation], agents),
            "watcher": token(workspace, admin, "Watcher", ["runs.read", "approvals.read"]),
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
