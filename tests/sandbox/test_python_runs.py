"""Python through the gate: a worker asks sandboxd, which runs it behind its walls and speaks TLS to a real peer."""

import base64
import json
from functools import partial
from urllib.parse import quote

import pytest
from django.core.management import call_command

from galaxy.core.models import AuditDetail, AuditEvent, Secret
from galaxy.core.scope import workspace_scope
from galaxy.core.vault import services as vault
from galaxy.core.vault.services import create_secret, stage_version, switch_version
from registry.services import give_secret, install, set_live
from sandbox.models import Execution, Run
from sandbox.sandboxd.client import Refused
from sandbox.services import invoke, perform
from sandbox.services.replaying import NotRecorded, forget_recordings, replay_run
from tests.approving import approve
from tests.core.egress.peers import Authority, Peer, answer, saying
from tests.core.vault.test_canary import dump
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
    assert execution.walls and all(wall["in_force"] for wall in execution.walls)
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


def test_a_recorded_run_gives_equal_bytes_again_with_no_network_at_all(start, peer, capsys):
    peer.script = saying(answer(json.dumps({"name": "Plan"})))
    code = DRIVE.replace('"title": r.json()["name"]', '"title": f"{r.json()[\'name\']} {random.random()} {ctx.now}"')
    run = start(code.replace("def run", "import random\n\ndef run"), secret=True)({"file_id": "ada@example.com"})
    assert run.state == "succeeded", run.error
    peer.requests.clear()
    call_command("run", "replay", str(run.pk))
    said = capsys.readouterr().out
    assert "Equal bytes; 1 calls answered from record." in said and not peer.requests
    execution = Execution.objects.get(run=run)
    assert b"ada@example.com" not in bytes(execution.recording) and b"Plan" not in bytes(execution.recording)


def test_a_recording_opens_for_its_own_run_only_and_goes_after_its_time(start, settings):
    go = start("# perms: [files.read]\n\ndef run(inputs, ctx):\n    return {'n': inputs['n'] + 1}\n", id="count.up")
    one, other = go({"n": 1}), go({"n": 2})
    first, second = (Execution.objects.get(run=run) for run in (one, other))
    Execution.objects.filter(pk=first.pk).update(recording=second.recording)
    with pytest.raises(Refused, match="does not open"):
        replay_run(one)
    settings.SANDBOX_KEEP_RECORDINGS_DAYS = 0
    assert forget_recordings() == 2
    with pytest.raises(NotRecorded):
        replay_run(other)


def test_a_transform_is_pure_and_answered_from_memory_the_second_time(start):
    code = "# transform: tidy.names\n\ndef run(inputs, ctx):\n    return {'name': inputs['name'].strip().title()}\n"
    shapes = {"inputs": {"type": "object"}, "outputs": {"type": "object"}}
    go = start(code, id="tidy.names", **shapes)
    runs = [go({"name": " ada lovelace "}) for _ in range(2)]
    assert [run.outputs for run in runs] == [{"name": "Ada Lovelace"}] * 2
    assert [Execution.objects.get(run=run).was_remembered for run in runs] == [False, True]
    assert replay_run(runs[1]).is_equal


def test_a_transform_has_no_way_out(start):
    code = "# transform: tidy.leak\n\ndef run(inputs, ctx):\n    return {'a': ctx.http.get('https://www.googleapis.com')}\n"
    run = start(code, id="tidy.leak", inputs={"type": "object"}, outputs={"type": "object"})({})
    assert (run.state, Execution.objects.get(run=run).exchanges) == ("failed", [])


ECHOES = """# perms: [drive.read]
# egress: ["https://www.googleapis.com"]
import base64

def run(inputs, ctx):
    token = ctx.secrets["TOKEN"]
    answers = []
    for n in range(8):
        r = ctx.http.get(f"https://www.googleapis.com/echo/{n}", headers={"X-Key": token})
        ctx.log("said", r.text, dict(r.headers))
        print(base64.b64encode(r.text.encode()).decode(), r.text[::-1], r.text.encode().hex())
        answers.append(r.text)
    if inputs.get("fail"):
        raise ActionError("echoed", 422, " ".join(answers))
    return {"answers": answers, "again": base64.b64encode("".join(answers).encode()).decode()}
"""


def test_a_secret_that_a_peer_says_back_in_eight_ways_is_in_no_sink(start, peer, sandboxd, client_of, cast):
    raw = TOKEN.encode()
    said = [
        TOKEN, base64.b64encode(raw).decode(), base64.b64encode(b"\0" + raw).decode(), raw.hex(), quote(TOKEN, safe=""),
        json.dumps(TOKEN), TOKEN[::-1], base64.b32encode(raw).decode(),
    ]  # fmt: skip

    def echo(head, send):
        number = int(head.split(b"/echo/")[1].split(b" ")[0])
        send(answer(f"you sent <{said[number]}>", X_Seen=said[number]))

    peer.script = echo
    go = start(ECHOES, id="drive.echo", secret=True)
    for inputs in ({}, {"fail": True}):
        run = go(inputs)
        assert run.state == ("failed" if inputs else "succeeded"), run.error
        page = client_of(cast["owner"]).get(run.get_absolute_url())
        assert page.status_code == 200
        forms = {form.lower() for form in (*said, base64.b64encode(raw[1:]).decode()[:16])}
        kept = (dump() + page.content.decode() + sandboxd.log.read_text()).lower()
        assert not {form for form in forms if form in kept}
    assert len(peer.requests) == 16 and f"X-Key: {TOKEN}".encode() in peer.requests[0]


def test_a_staged_value_is_tried_out_before_the_switch_and_a_run_gets_the_new_one(start, peer, meridian, cast):
    admin = cast["admin"]
    go = start(DRIVE, secret=True)
    secret = Secret.objects.get(name="drive-token")
    fresh = stage_version(secret, value="ya29.Fresh-9c1d", hosts=[HOST], places=["header"], actor=admin)
    peer.script = saying(answer("{}", status=401))
    said = vault.test_version(fresh, address=f"https://{HOST}/drive/v3/about", actor=admin)
    assert (said.passed, "401" in said.sentence) == (False, True)
    peer.script = saying(answer(json.dumps({"name": "Plan"})))
    assert vault.test_version(fresh, address=f"https://{HOST}/drive/v3/about", actor=admin).passed
    assert not vault.test_version(fresh, address=f"https://{OTHER}/", actor=admin).passed  # a host it is not bound to
    assert [b"Fresh-9c1d" in request for request in peer.requests] == [True, True]
    go({"file_id": "a"})
    switch_version(fresh, actor=admin)
    go({"file_id": "a"})
    assert [b"Fresh-9c1d" in request for request in peer.requests] == [True, True, False, True]


def test_an_approval_does_not_outlive_a_rotation(start, peer, meridian, cast):
    """What was approved names the version of each secret, so that a new value asks again."""
    admin = cast["admin"]
    code = DRIVE.replace("# perms: [drive.read]", "# perms: [drive.delete]")
    start(code, secret=True)
    run = invoke(meridian, actor=admin, target="drive.title", inputs={"file_id": "a"})
    assert run.state == "waiting"
    approve(run.approval, cast["approver"])
    secret = Secret.objects.get(name="drive-token")
    fresh = stage_version(secret, value="ya29.Fresh-9c1d", hosts=[HOST], places=["header"], actor=admin)
    switch_version(fresh, actor=admin)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.approval.facts["changed"]) == ("waiting", ["the connection or its secret"])
    assert not peer.requests
