"""docs/backup.md from end to end: a Galaxy is dumped, goes on, is lost, and restored into a server that knew nothing.

Real parts throughout: two PostgreSQL servers, pg_dump and pg_restore, sandboxd, a Celery worker, a TLS peer that counts
what is done to it, and the commands as processes.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.management import call_command

from galaxy import embedded
from galaxy.core.audit import sequencer as sequencing
from galaxy.core.models import AuditLeaf
from galaxy.core.restoring import home
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.accounts import MFAAdapter
from galaxy.core.vault.services import create_secret
from galaxy.core.vault.signing import make_signing_keys
from galaxy.embedded.paths import Places
from galaxy.embedded.programs import find_postgres
from policies.models import Approval
from registry.models import Connection
from sandbox.models import Run
from sandbox.services import approval_was_decided, invoke, perform
from tests.approving import approve, enrol
from tests.core.egress.peers import Authority, Peer, answer
from tests.extensions import installed
from tests.flushing import superuser
from tests.processes import ROOT, environment
from tests.sandboxd import Sandboxd
from tests.sealing import EVERYTHING_SEEN

DEADLINE_S = 180
HOST = "api.ledger.example"
_FAILING = '"401": { status: 401 }, "429": { status: 429 }, "5xx": { status: 502 }'
_FIXTURES = f"{{ happy: {{ status: 200, body: {{ id: x1 }} }}, {_FAILING} }}"
LEDGER = f"""
connector: ledger
version: 1.0.0
name: Ledger
summary: A made-up system that books.
auth: {{ type: none }}
base_url: https://{HOST}
egress: [{{ host: {HOST} }}]
permissions: {{ required: [entries.write, entries.delete] }}
retry: {{ strategy: none }}
actions:
  - id: post
    method: POST
    path: /post/{{key}}
    inputs: {{ key: string }}
    outputs: {{ id: string }}
    scopes: [entries.write]
    simulation: {{ answer: {{ id: "'s'" }} }}
    fixtures: {_FIXTURES}
  - id: drop
    method: DELETE
    path: /drop/{{key}}
    inputs: {{ key: string }}
    outputs: {{ id: string }}
    scopes: [entries.delete]
    simulation: {{ answer: {{ id: "'s'" }} }}
    fixtures: {_FIXTURES}
"""
both = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


class House:
    """The Galaxy of this test process, on its test database, and what is outside of it: ``effects`` by key."""

    def __init__(self, cast, folder: Path, settings):
        self.cast, self.folder = cast, folder
        self.workspace = cast["meridian"]
        self.effects: Counter[str] = Counter()
        authority = Authority(folder)
        self.peer = Peer(authority.context(HOST), self._book)
        self.sandboxd = Sandboxd({HOST: self.peer.port}, authority.pem)
        self.restored_sandboxd = Sandboxd({HOST: self.peer.port}, authority.pem)
        self.keys = {"GALAXY_SIGNING_KEYS": str(folder / "signing-keys.json")}
        self.keys["GALAXY_MARKETPLACE_KEYS"] = settings.GALAXY_MARKETPLACE_KEYS
        self.keys["GALAXY_KMS"] = settings.GALAXY_KMS = f"local:{self.sandboxd.key_file}"
        make_signing_keys(Path(self.keys["GALAXY_SIGNING_KEYS"]))
        settings.GALAXY_SIGNING_KEYS = self.keys["GALAXY_SIGNING_KEYS"]
        settings.GALAXY_CHECKPOINTS_DIR = folder / "copies"
        settings.SANDBOXD_SOCKET = self.sandboxd.socket
        self.sandboxd.start("--size", "1")

    def close(self) -> None:
        for one in (self.sandboxd, self.restored_sandboxd):
            one.close()
        self.peer.close()

    def ask(self, action: str, key: str) -> Run:
        return invoke(self.workspace, actor=self.cast["admin"], target=f"ledger.{action}", inputs={"key": key})

    def say_yes(self, run: Run) -> Run:
        enrol(self.cast["approver"])
        Authenticator.objects.update(data={"secret": MFAAdapter().encrypt("a-seed")})  # as signing up for one stores it
        approve(run.approval, self.cast["approver"])
        approval_was_decided(Approval.objects.get(pk=run.approval_id))
        return run

    def _book(self, request: bytes, send) -> None:
        self.effects[request.split()[1].decode().rpartition("/")[2]] += 1
        send(answer('{"id": "x1"}', Content_Type="application/json"))


@pytest.fixture
def house(cast, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(sequencing, "HORIZON", EVERYTHING_SEEN)  # other tests' transactions hold up nothing
    found = House(cast, tmp_path, settings)
    try:
        home.note_home("owner")
        with workspace_scope([found.workspace.pk]):
            installed(found.workspace, cast["admin"], LEDGER)
            Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
            yield found
    finally:
        found.close()


@pytest.fixture
def elsewhere():
    """A server of its own, as it is when its roles were made; with the path of its sockets."""
    root = Path(tempfile.mkdtemp(prefix="gxr-"))
    embedded.ensure(root / "g", ["postgres"], fast=True)
    yield Places.of(root / "g").sockets / "postgres"
    embedded.stop(root / "g")
    shutil.rmtree(root)


def program(name: str, *words: str) -> None:
    subprocess.run([find_postgres().programs / name, *words], check=True, capture_output=True, text=True)


def dump(path: Path) -> None:
    with superuser() as link:
        program("pg_dump", "-Fc", "-h", link.info.host, "-U", "postgres", "-f", str(path), link.info.dbname)


def restore(path: Path, sockets: Path) -> None:
    words = ["--exit-on-error", "--single-transaction", "-d", "galaxy"]
    program("pg_restore", "-h", str(sockets), "-U", "postgres", *words, str(path))


class Restored:
    """Processes on the restored database, one after the other."""

    def __init__(self, house: House, sockets: Path):
        host = quote(str(sockets), safe="")
        self.env = environment(
            DATABASE_URL=f"postgresql://galaxy_app@/galaxy?host={host}",
            DATABASE_OWNER_URL=f"postgresql://galaxy_owner@/galaxy?host={host}",
            GALAXY_CHECKPOINTS_DIR=str(house.folder / "copies"),
            CELERY_BROKER_URL=settings.CELERY_BROKER_URL,
            GALAXY_QUEUE_PREFIX=f"restored-{time.time_ns()}-",
            SANDBOXD_SOCKET=str(house.restored_sandboxd.socket),
        )
        self.env.pop("GALAXY_MARKETPLACE_KEYS")  # an operator's
        house.restored_sandboxd.env |= self.env | house.keys
        self.log = house.folder / "worker.log"

    def run(self, *words: str, **more: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.env | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def worker(self) -> subprocess.Popen:
        options = ["--pool", "solo", "--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "celery", "-q", "-A", "galaxy", "worker", *options],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


@both
def test_what_was_used_after_the_backup_is_not_used_twice(house, elsewhere, client_of, tmp_path):
    value = "a-value-of-two-lives"
    admin = house.cast["admin"]
    create_secret(
        house.workspace, name="key", purpose="Tests", value=value, hosts=[HOST], places=["header"], actor=admin
    )
    queued, agreed, waiting = house.ask("post", "queued"), house.ask("drop", "agreed"), house.ask("drop", "waiting")
    house.say_yes(agreed)
    signed_in = client_of(admin)
    call_command("sequencer", once=True)
    sealed = AuditLeaf.objects.in_workspace(house.workspace).count()

    dump(tmp_path / "galaxy.dump")

    for run in (queued, agreed, house.say_yes(waiting)):
        assert perform(run.pk).state == "succeeded"
    signed_in.post("/account/logout/")
    call_command("sequencer", once=True)
    lost = AuditLeaf.objects.in_workspace(house.workspace).count() - sealed
    assert lost >= 6
    assert house.effects == {"queued": 1, "agreed": 1, "waiting": 1}
    house.sandboxd.kill()

    restore(tmp_path / "galaxy.dump", elsewhere)
    after = Restored(house, elsewhere)

    # Somebody forgets what has to be done, and starts a worker.
    worker = after.worker()
    try:
        deadline = time.monotonic() + DEADLINE_S
        while b"is a copy" not in after.log.read_bytes():
            assert worker.poll() is None
            assert time.monotonic() < deadline, after.log.read_text()
            code, said = after.run("-m", "tests.hosts.restored_house", "knock")  # for what has waited long enough
            assert code == 0, said
    finally:
        worker.kill()
        worker.wait()

    # With another root key nothing begins either.
    other = {"GALAXY_KMS": f"local:{house.restored_sandboxd.key_file}"}
    code, said = after.run("manage.py", "restored", **(house.keys | other))
    assert code == 1
    assert "Key 1 of meridian does not open" in said
    assert f"lost  meridian: {lost} sealed events are not in this backup: positions {sealed} to" in said

    code, said = after.run("manage.py", "restored", "--apply", **house.keys)
    assert code == 0, said
    assert "Walls, owners and grants are in force." in said
    assert "The keys are those of this backup." in said
    assert "1 sessions are ended." in said
    assert "runs whose effect is unknown 3" in said

    house.restored_sandboxd.start("--size", "1")
    code, said = after.run("-m", "tests.hosts.restored_house", "look", str(tmp_path), **house.keys)
    assert code == 0, said
    found = json.loads(said.splitlines()[-1])
    assert found["runs"] == {key: ["unknown", "restored"] for key in ("queued", "agreed", "waiting")}
    assert house.effects == {"queued": 1, "agreed": 1, "waiting": 1, "again": 1}
    assert (found["unused"], found["again"], found["secret"]) == (0, "succeeded", value)
    assert (found["without scope"], found["refused"]) == ([0, 0, 0], 3)
    assert f"{lost} were not in a backup that was restored, as was declared then." in found["said"]
    assert "Every trail is what was signed." in found["said"]
    alone = [sys.executable, "-I", str(tmp_path / "pack" / "verify.py"), str(tmp_path / "pack")]
    done = subprocess.run(alone, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run.unknown" in (tmp_path / "pack" / "events.ndjson").read_text()
