"""Python through the gate: a worker asks sandboxd, which runs it behind its walls and speaks TLS to a real peer."""

import json
from functools import partial

import pytest

from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.services import create_secret
from registry.services import give_secret, install, set_live
from sandbox.models import Execution, Run
from sandbox.services import invoke, perform
from tests.core.egress.peers import Authority, Peer, answer, saying
from tests.sandbox.python_extensions import publish_python
from tests.sandboxd import Sandboxd

HOST, OTHER = "www.googleapis.com", "www.example.com"
TOKEN = "ya29.Canary-7f3b/42"
DRIVE = f"""# api: v1
# perms: [drive.read]
# timeout_ms: 5000
# egress: ["https://{HOST}"]

def run(inputs, ctx):
    # inputs: {{file_id: str}}
    # outputs: {{title: str}}
    headers = {{"Authorization": "Bearer " + ctx.secrets["TOKEN"]}}
    r = ctx.http.get(f"https://{HOST}/drive/v3/files/{{inputs['file_id']}}", headers=headers)
    ctx.log("token is", ctx.secrets["TOKEN"], "and it said", r.text)
    if r.status != 200:
        raise ActionError("drive_api_failed", r.status)
    return {{"title": r.json()["name"]}}
"""
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def peer(authority):
    found = Peer(authority.context(HOST, OTHER), saying(answer("{}")))
    yield found
    found.close()


@pytest.fixture(scope="module")
def sandboxd(django_db_setup, authority, peer):
    found = Sandboxd({HOST: peer.port, OTHER: peer.port}, authority.pem)
    found.start("--size", "2")
    yield found
    found.close()


@pytest.fixture
def meridian(cast, sandboxd, settings, peer):
    """Meridian in scope, with sandboxd at the socket and a peer that has heard nothing yet."""
    settings.SANDBOXD_SOCKET = sandboxd.socket
    peer.requests.clear()
    with workspace_scope([cast["meridian"].pk]):
        yield cast["meridian"]


@pytest.fixture
def start(meridian, cast):
    """Publish, install and let out a file of Python; gives a function that runs it: inputs -> Run, finished."""

    def prepare(code: str, *, id: str = "drive.title", secret: bool = False, live: bool = True, **more):
        admin = cast["admin"]
        version = publish_python(code, id=id, **more)
        installation = install(meridian, version.extension, version=version, actor=admin)
        if secret:
            stored = create_secret(
                meridian, name="drive-token", purpose="Reads files.", value=TOKEN, hosts=[HOST], places=["header"],
                actor=admin,
            )  # fmt: skip
            give_secret(installation, secret=stored, name="TOKEN", actor=admin)
        if live and installation.hosts:
            set_live(installation, live=True, actor=admin)
        return partial(finished, meridian, admin, id)

    return prepare


def finished(workspace, user, target, inputs, **options) -> Run:
    run = invoke(workspace, actor=user, target=target, inputs=inputs, **options)
    perform(run.pk)
    run.refresh_from_db()
    return run


def test_the_drive_action_reads_a_title_with_a_secret_it_never_sees(start, peer):
    peer.script = saying(answer(json.dumps({"name": "Plan", "echo": f"you sent {TOKEN}"})))
    run = start(DRIVE, secret=True)({"file_id": "a"})
    assert (run.state, run.mode, run.outputs) == ("succeeded", "live", {"title": "Plan"})
    assert f"Authorization: Bearer {TOKEN}".encode() in peer.requests[0]
    execution = Execution.objects.get(run=run)
    assert not execution.is_reduced
    assert [one["status"] for one in execution.exchanges] == [200]
    assert TOKEN not in json.dumps([execution.logs, execution.exchanges, run.outputs])
    assert "gxsecret" in execution.logs[0]["text"] and "you sent" in execution.logs[0]["text"]
    used = AuditEvent.objects.filter(action="secret.used")
    assert used.count() == 1


def test_a_run_without_being_let_out_is_simulated(start, peer):
    run = start(DRIVE, live=False)({"file_id": "a"})
    assert (run.state, run.mode, run.outputs) == ("succeeded", "simulated", {"title": "Simulated"})
    assert not peer.requests and not Execution.objects.exists()


@pytest.mark.parametrize(
    ("status", "category", "tries"), [(404, "not_found", 1), (401, "auth_error", 1), (503, "transient", 3)]
)
def test_what_the_action_says_went_wrong_becomes_the_runs_error(start, peer, status, category, tries):
    peer.script = saying(answer("{}", status=status))
    run = start(DRIVE, secret=True, retry={"max_attempts": 3, "base_ms": 1, "max_ms": 2})({"file_id": "a"})
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", category, "drive_api_failed")
    assert len(peer.requests) == Execution.objects.count() == tries


def test_a_host_that_is_not_declared_is_refused_and_the_trail_says_so(start, peer):
    code = DRIVE.replace(f"https://{HOST}/drive", f"https://{OTHER}/drive")
    run = start(code)({"file_id": "a"})
    assert (run.state, run.error_category) == ("failed", "tool_error")  # KeyError: it was given no TOKEN
    code = code.replace('{"Authorization": "Bearer " + ctx.secrets["TOKEN"]}', "{}")
    run = start(code, id="drive.other")({"file_id": "a"})
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "policy_block", "host_not_allowed")
    assert not peer.requests
    event = AuditEvent.objects.get(action="egress.refused")
    assert event.target_id == str(run.pk)
    assert AuditDetail.objects.get(event_id=event.pk).fields["data.host"] == OTHER


def test_a_mistake_names_its_line(start):
    run = start("# perms: [files.read]\n\ndef run(inputs, ctx):\n    x = {}\n    return x['missing']\n", id="mis.take")(
        {}
    )
    assert (run.state, run.error_category) == ("failed", "tool_error")
    assert run.error["sentence"].startswith("Line 5:")
