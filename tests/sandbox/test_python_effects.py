"""What becomes of a write in Python whose effect may have happened while something else went wrong."""

import json

import pytest

from registry.services import install, set_live
from sandbox.models import Execution, Run
from sandbox.runners import python
from sandbox.sandboxd.client import Refused
from sandbox.services import invoke, perform
from tests.sandbox.python_extensions import publish_python

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
WRITE = """# perms: [drive.write]
# egress: ["https://www.googleapis.com"]

def run(inputs, ctx):
    # outputs: {title: str}
    return {"title": ctx.http.post("https://www.googleapis.com/files").json()["name"]}
"""


@pytest.fixture
def installation(workspace, admin):
    version = publish_python(WRITE, id="drive.make")
    found = install(workspace, version.extension, version=version, actor=admin)
    set_live(found, live=True, actor=admin)
    return found


def answering(monkeypatch, *answers):
    """sandboxd's answers, one after the other; gives the list of what it was asked."""
    left, asked = list(answers), []

    def ask(op, body, *, seconds):
        asked.append(body)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(python, "ask", ask)
    return asked


def said(output=None, *, error=None, acted=True, exchanges=(), logs=()):
    return {
        "outcome": {
            "status": "error" if error else "ok", "output": output, "error": error, "logs": list(logs), "lost_logs": 0,
            "walls": [], "limits": {}, "measured": {}, "artefact": "a" * 64,
        },
        "exchanges": list(exchanges), "output_digest": "", "may_have_acted": acted, "recording": "",
        "remembered": False,
    }  # fmt: skip


def made(workspace, admin) -> Run:
    run = invoke(workspace, actor=admin, target="drive.make", inputs={})
    assert (run.state, run.mode) == ("queued", "live")
    return run


def ended(run: Run) -> Run:
    perform(run.pk)
    run.refresh_from_db()
    return run


@pytest.mark.parametrize(("acted", "state"), [(True, "unknown"), (False, "failed")])
def test_an_answer_that_does_not_fit_hides_no_effect(workspace, admin, installation, monkeypatch, acted, state):
    answering(monkeypatch, said({"title": 5}, acted=acted))
    run = ended(made(workspace, admin))
    assert (run.state, run.error["error_code"]) == (state, "output_mismatch")


def test_a_sandbox_that_breaks_leaves_open_whether_the_write_was_done(workspace, admin, installation, monkeypatch):
    asked = answering(monkeypatch, Refused("broke", "The sandbox of this host broke on this request."))
    run = ended(made(workspace, admin))
    assert (run.state, run.error["error_code"], len(asked)) == ("unknown", "broke", 1)


def test_what_the_sandbox_refused_was_not_done(workspace, admin, installation, monkeypatch):
    answering(monkeypatch, Refused("bad_order", "No such run is under way."))
    assert ended(made(workspace, admin)).state == "failed"


def test_a_run_that_waited_while_going_live_was_taken_back_does_nothing(workspace, admin, installation, monkeypatch):
    asked = answering(monkeypatch)
    run = made(workspace, admin)
    set_live(installation, live=False, actor=admin)
    run = ended(run)
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "policy_block", "not_connected")
    assert not asked and not Execution.objects.exists()


def test_nothing_personal_is_stored_with_a_try_but_in_its_sealed_recording(workspace, admin, installation, monkeypatch):
    """Who may see a run need not be one who may see its data."""
    addresses = [
        "https://www.googleapis.com/u/ada%40example.com?to=bob@example.com",
        "https://www.googleapis.com/a%20b",
    ]
    exchange = {"method": "GET", "status": 200, "refused": False, "reason": "No cy@example.com there."}
    error = {
        "code": "exception", "category": "tool_error", "sentence": "Line 5: KeyError: 'dan@example.com'",
        "next_step": "Correct the file.", "line": 5, "http_status": None, "type": "KeyError", "trace": [],
    }  # fmt: skip
    logs = [{"level": "info", "text": "for eve@example.com"}]
    exchanges = [exchange | {"url": address} for address in addresses]
    answering(monkeypatch, said(error=error, acted=False, exchanges=exchanges, logs=logs))
    run = ended(made(workspace, admin))
    kept = Execution.objects.get(run=run)
    stored = json.dumps([kept.exchanges, kept.error, kept.logs, run.error])
    assert not [name for name in ("ada", "bob", "cy@", "dan", "eve@") if name in stored]
    assert stored.count("example.com") == 7  # the domain helps to recognise it
    assert kept.exchanges[1]["url"] == addresses[1]
