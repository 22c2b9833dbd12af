"""Workspaces whose rows grow from one size to the next, for bench.growth."""

import tempfile
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

BATCH = 5_000


class House:
    """A workspace of ``owner`` with a connector; ``add_…(count)`` brings each kind of thing to that count."""

    def __init__(self) -> None:
        from bench.metrics import _house
        from galaxy.core.scope import workspace_scope
        from tests.extensions import PROBE, installed
        from tests.factories import make_members, make_user

        self.installation, self.owner = _house()
        self.workspace, self.member = self.installation.workspace, make_user("Member")
        with workspace_scope([self.workspace.pk]):
            make_members(self.workspace, {"admin": self.member}, actor=self.owner)
            installed(self.workspace, self.owner, PROBE)
        self._runs = self._waiting = self._installations = 0

    def add_runs(self, count: int) -> None:
        from django.db import connection
        from django.utils import timezone

        from bench.metrics import RUNS
        from galaxy.core.scope import workspace_scope

        values = {
            "workspace": self.workspace.pk,
            "installation": self.installation.pk,
            "version": self.installation.pin.version_id,
            "connection": None,
            "person": self.owner.pk,
            "actions": 5,
            "runs": count,
            "since": timezone.now() - timedelta(hours=168),
        }
        with workspace_scope([self.workspace.pk]), connection.cursor() as cursor:
            values["connection"] = self.installation.connections.get(owner=None).pk
            for first in range(self._runs, count, BATCH):
                cursor.execute(RUNS, values | {"first": first, "batch": min(BATCH, count - first)})
        self._runs = count

    def add_actions(self, count: int) -> None:
        from bench.metrics import _fill_days
        from galaxy.core.scope import workspace_scope
        from sandbox.metrics.windows import window_of

        with workspace_scope([self.workspace.pk]):
            _fill_days(self.installation, window_of("7d"), count)

    def add_installations(self, count: int) -> None:
        from galaxy.core.scope import workspace_scope
        from registry.models import Extension, Installation, Pin

        version = self.installation.pin.version
        numbers = range(self._installations, count)
        with workspace_scope([self.workspace.pk]):
            extensions = Extension.objects.bulk_create(
                Extension(kind="connector", slug=f"bulk-{n:05}", name=f"Bulk {n:05}", publisher="Bench")
                for n in numbers
            )
            rows = Installation.objects.bulk_create(
                Installation(workspace=self.workspace, extension=one, installed_by=self.owner) for one in extensions
            )
            Pin.objects.bulk_create(
                [
                    Pin(
                        workspace=self.workspace,
                        installation=row,
                        version=version,
                        digest=version.digest,
                        pinned_by=self.owner,
                    )
                    for row in rows
                ],
                batch_size=500,
            )
        self._installations = count

    def add_waiting(self, count: int) -> None:
        """Calls of a member that delete something, each of which waits for a person."""
        from galaxy.celery import app
        from galaxy.core.scope import workspace_scope
        from sandbox.services import invoke

        with workspace_scope([self.workspace.pk]):
            for number in range(self._waiting, count):
                invoke(self.workspace, actor=self.member, target="probe.remove", inputs={"key": f"k{number}"})
        app.control.purge()
        self._waiting = count


class Trail:
    """A workspace of ``owner`` whose events are all sealed."""

    def __init__(self) -> None:
        from django.test import Client
        from django.urls import reverse

        from galaxy.core.accounts import create_account
        from galaxy.core.audit.anchors import Anchors
        from galaxy.core.audit.sequencer import Sequencer
        from galaxy.core.members import create_workspace
        from galaxy.core.vault.signing import SigningKeys, make_signing_keys

        self.owner = create_account(f"bench{time.time_ns()}@example.test", password=uuid4().hex, name="Bench")
        self.workspace = create_workspace(name="Bench", slug=f"bench-{time.time_ns()}", owner=self.owner)
        self._folder = tempfile.TemporaryDirectory()
        keys = Path(self._folder.name) / "signing-keys.json"
        make_signing_keys(keys)
        self._sequencer = Sequencer(SigningKeys(keys), Anchors(Path(self._folder.name) / "checkpoints"))
        self._sequencer.start()
        self._client = Client()
        self._client.force_login(self.owner, backend="allauth.account.auth_backends.AuthenticationBackend")
        self._export = reverse("core:export-stream", args=[self.workspace.slug])
        self._events = 0

    def grow(self, count: int) -> None:
        from bench._events import fill
        from galaxy.core.scope import workspace_scope

        with workspace_scope([self.workspace.pk]):
            people, agents = {str(self.owner.pk): "Bench"}, {f"agent-{n}": f"Agent {n}" for n in range(20)}
            fill(self.workspace, people, agents, count - self._events)
        while self._sequencer.turn().sealed:
            pass
        self._events = count
        analyze()

    def exported(self) -> None:
        """The whole trail as CSV, as a browser takes it."""
        for _ in self._client.post(self._export, {"form": "csv"}).streaming_content:
            pass

    def copied(self) -> None:
        """One COPY of the same rows."""
        from bench.export import _CSV, _FROM, _SHEET, _copied
        from galaxy.core.scope import workspace_scope

        with workspace_scope([self.workspace.pk]):
            _copied(self.workspace, _CSV.format(columns=_SHEET, source=_FROM))


def analyze() -> None:
    """Tell the planner what there is, as autovacuum would have within a minute."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
