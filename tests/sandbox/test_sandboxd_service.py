"""What sandboxd does for a request, seen from inside: connections it holds, recordings it opens, what it tells."""

import base64
import json
import random
from types import SimpleNamespace

import pytest
from django.db import connection

from galaxy.core.vault.services import shred_workspace
from registry.services import install
from sandbox.models import Run
from sandbox.pool import Outcome
from sandbox.pool.limits import MIB
from sandbox.sandboxd import service as served
from sandbox.sandboxd.execution import Result
from sandbox.sandboxd.orders import BadOrder, ReplayOrder
from sandbox.sandboxd.protocol import MAX_FRAME_BYTES
from sandbox.sandboxd.service import Service
from sandbox.services import invoke
from sandbox.services.replaying import sealed_recording
from tests.sandbox.python_extensions import publish_python
from tests.sandbox.test_run_pages_sandbox import execution

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
CODE = "# perms: [files.read]\n\ndef run(inputs, ctx):\n    return {}\n"


@pytest.fixture
def sandboxd(vault, monkeypatch):
    """A Service whose runs all return {"n": 1}; ``held`` says for each whether it held a connection meanwhile."""
    found = Service(SimpleNamespace(size=1))
    found.held = []

    def execute(pool, program, **facts):
        found.held.append(connection.connection is not None)
        return Result(Outcome(status="ok", output={"n": 1}), recording={"inputs": facts["inputs"]}, may_have_acted=True)

    monkeypatch.setattr(served, "execute", execute)
    return found


@pytest.fixture
def order(workspace, admin):
    version = publish_python(CODE, id="count.up")
    install(workspace, version.extension, version=version, actor=admin)
    run = invoke(workspace, actor=admin, target="count.up", inputs={})
    Run.objects.filter(pk=run.pk).update(state="running", attempt=1, lease_until=run.created_at)
    return {
        "workspace": str(workspace.pk), "run": str(run.pk), "digest": version.digest, "target": "count.up",
        "inputs": {}, "seed": 1, "now": "2026-01-01T00:00:00+00:00", "leases": {}, "remembers": False,
    }  # fmt: skip


def test_a_run_keeps_no_connection_from_the_others_while_it_works(sandboxd, order):
    assert sandboxd.handle("run", order)["outcome"]["output"] == {"n": 1}
    assert sandboxd.held == [False]


def test_what_a_run_did_is_told_although_it_cannot_be_recorded(sandboxd, order, workspace, admin):
    assert sandboxd.handle("run", order)["recording"]
    shred_workspace(workspace, actor=None)
    answer = sandboxd.handle("run", order)
    assert (answer["may_have_acted"], answer["recording"]) == (True, "")


def test_the_largest_recording_fits_into_an_answer_and_into_a_replay(sandboxd, order):
    """Eight megabytes are all that a run may move, and nothing packs what is random."""
    noise = base64.b64encode(random.Random(1).randbytes(9 * MIB)).decode()
    answer = sandboxd.handle("run", order | {"inputs": {"noise": noise}})
    run = Run.objects.get(pk=order["run"])
    execution(run, recording=base64.b64decode(answer["recording"]))
    again = ReplayOrder(run.workspace_id, str(run.pk), run.version_digest, run.target, sealed_recording(run))
    for body in (answer, again.as_body()):
        assert 9 * MIB < len(json.dumps(body)) < MAX_FRAME_BYTES - 3 * MIB


def test_a_recording_is_replayed_with_its_own_program_alone(sandboxd, order, workspace, admin):
    """A program made to tell by its bytes what it reads would carry people's data out of a replay."""
    recording = sandboxd.handle("run", order)["recording"]
    reader = publish_python(CODE.replace("return {}", "return inputs"), id="count.reader")
    asked = {"workspace": order["workspace"], "run": order["run"], "sealed": recording}
    with pytest.raises(BadOrder, match="another program"):
        sandboxd.handle("replay", asked | {"digest": reader.digest, "target": "count.reader"})
