"""What the routes are asked for, and how it is made once for the hundreds of tests that ask.

Making it takes a hundred times as long as asking. So it is made once for a module, in a transaction that never commits;
each test runs in a savepoint of its own, and meets what every other did.
"""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client, override_settings
from django.urls import reverse

from galaxy.core.audit.verifications import start_verification
from galaxy.core.break_glass import break_glass
from galaxy.core.members.asking import ask_for
from galaxy.core.members.invitations import invite
from galaxy.core.members.roles import create_role
from galaxy.core.models import AuditEvent, Membership, Notification, RoleGroup
from galaxy.core.notifications import notify
from galaxy.core.scope import workspace_scope
from galaxy.core.sessions import SEEN
from galaxy.core.vault.kms.local import make_key_file
from marketplace.services import list_extension
from sandbox.models import Run
from sandbox.services import invoke
from tests import flushing
from tests.extensions import PROBE, TIDY, installed, publish
from tests.factories import make_cast, make_staff
from tests.matrix import (
    advice_routes,
    audit_routes,
    bundle_routes,
    golden_routes,
    machines,
    move_routes,
    news_routes,
    policy_routes,
    publisher_routes,
    queue_routes,
    resilience_routes,
    review_routes,
    secret_routes,
    standing_routes,
    stream_routes,
    submission_routes,
    trigger_routes,
    update_routes,
    workshop_routes,
)
from tests.playhouse import again

LEVEL = "community"
LONGEST_S = 60 * 60  # that the tests of a module take
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def make_things(cast: dict[str, Any]) -> dict[str, Any]:
    """What the routes are asked for, all of Meridian, which is in scope: see the head of expected.txt."""
    workspace, admin = cast["meridian"], cast["admin"]
    probe = installed(workspace, admin, PROBE)[0]
    rules = policy_routes.policies(workspace, admin)
    tidy = publish(TIDY)
    for version in (probe.pin.version, tidy):
        list_extension(version, level=LEVEL, summary=version.parsed.summary)
    queued = invoke(workspace, actor=admin, target="probe.create", inputs={"key": "a"})
    unknown = invoke(workspace, actor=admin, target="probe.put", inputs={"key": "a"})
    Run.objects.filter(pk=unknown.pk).update(state="unknown", finished_at=unknown.created_at)
    waiting = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "a"})
    notify(workspace, [cast["member"]], "grant_revoked", workspace)
    invitation, token = invite(
        workspace, address="invited@example.test", role=RoleGroup.objects.get(role="creator"), actor=admin
    )
    moving = update_routes.updates(workspace, admin)
    return (
        {
            "membership": Membership.objects.get(user=cast["member"]),
            "news": Notification.objects.get(person=cast["member"]),
            "auditor": RoleGroup.objects.get(role="auditor"),
            "role": create_role(workspace, name="Desk", permissions={"view_run"}, actor=cast["owner"]),
            "invitation": invitation,
            "token": token,
            "asked": ask_for(
                workspace, perm="core.view_run", kind="core.workspace", id=workspace.pk, actor=cast["member"]
            ),
            "installation": probe,
            "run": queued,
            "unknown": unknown,
            "issue": resilience_routes.issue(probe),
            "approval": waiting.approval,
            "view": queue_routes.view(workspace, cast["member"]),
            "event": AuditEvent.objects.latest("id"),
            "verification": start_verification(workspace, actor=cast["auditor"]),
            "tidy": tidy,
            "look": break_glass(
                slug="meridian", reason="Helping with a run that hangs.", minutes=15, actor=make_staff()
            ),
        }
        | rules
        | machines.machines(workspace, admin, probe)
        | secret_routes.secrets(workspace, admin, probe)
        | standing_routes.standing(workspace, cast, probe, tidy)
        | stream_routes.streams(workspace, admin)
        | audit_routes.trail(workspace, admin)
        | moving
        | golden_routes.golden(workspace, moving["caller"])
        | move_routes.moves(probe)
        | workshop_routes.workshop(workspace, cast["creator"])
        | review_routes.reviews(workspace, admin, probe)
        | publisher_routes.publishers(workspace, cast["creator"], cast["approver"])
        | submission_routes.submissions(workspace, cast)
        | bundle_routes.bundles(workspace, admin)
        | trigger_routes.triggers(workspace, admin)
        | advice_routes.advice(workspace, probe)
        | news_routes.ways(workspace, cast["member"], waiting.approval)
    )


@pytest.fixture
def things(cast, workspace, vault):
    """Made anew for one test: where its transactions are real, or what it changes stays."""
    return make_things(cast)


@contextmanager
def committed(tmp_path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(cast, things), which other connections see too, until the end: for tests that leave them as they are. The
    database has to be unblocked."""
    key_file = tmp_path / "root-keys.json"
    make_key_file(key_file)
    quick = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(PASSWORD_HASHERS=quick, GALAXY_KMS=f"local:{key_file}"):
        try:
            cast = make_cast()
            with workspace_scope([cast["meridian"].pk]):
                yield cast, make_things(cast)
        finally:
            flushing.empty()


@pytest.fixture(scope="module")
def scene(django_db_setup, django_db_blocker, tmp_path_factory):
    """(cast, things, cookies by person), pickled, as each test reads them anew: everybody has signed in already."""
    key_file = tmp_path_factory.mktemp("vault") / "root-keys.json"
    make_key_file(key_file)
    quick = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with (
        override_settings(PASSWORD_HASHERS=quick, GALAXY_KMS=f"local:{key_file}"),
        django_db_blocker.unblock(),
        transaction.atomic(),
    ):
        cast = make_cast()
        with workspace_scope([cast["meridian"].pk]):
            things = make_things(cast)
            cookies = {name: _signed_in(person) for name, person in cast.items() if hasattr(person, "email")}
        yield pickle.dumps(cast), pickle.dumps(things), {name: pickle.dumps(one) for name, one in cookies.items()}
        transaction.set_rollback(True)


@pytest.fixture(name="cast")
def shared_cast(scene, db):
    """The people of the scene, as one test may change them."""
    return again(scene[0])


@pytest.fixture(name="things")
def shared_things(scene, db):
    return again(scene[1])


@pytest.fixture
def browser_of(scene):
    """``browser_of(name)``: a browser in which that person is signed in, or nobody is."""

    def browser(person: str) -> Client:
        client = Client()
        if person != "anonymous":
            client.cookies = again(scene[2][person])
        return client

    return browser


def _signed_in(person):
    """Their cookies."""
    client = Client()
    client.force_login(person, backend=BACKEND)
    note_once(client)
    return client.cookies


def note_once(client: Client) -> None:
    """What a test asks is rolled back, so what a session notes once a minute, and at its first page, it would note at
    every page."""
    client.get(reverse("core:session-state"))
    session = client.session
    session[SEEN] += LONGEST_S
    session.save()
