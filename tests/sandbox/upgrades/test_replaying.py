"""Replays of recorded calls: what two versions answer to them, and that the process which asks reaches nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.upgrades.comparing import compare
from sandbox.upgrades.replaying import replay
from tests.extensions import PROBE, manifest_of

ROOT = Path(__file__).resolve().parents[3]
CALL = {
    "id": "r1",
    "action": "create",
    "inputs": {"key": "a", "owner": "ann@example.test"},
    "seed": 7,
    "now": "2026-03-03T09:00:00",
}


def changed(*pairs: tuple[str, str]):
    text = PROBE.replace("version: 1.0.0", "version: 1.1.0")
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return manifest_of(text)


def found(new, *, moved=None, call=CALL):
    answers = replay(manifest_of(PROBE), new, [call], moved or {})[1]
    return [(one.kind, one.text) for one in compare(answers[0]["old"], answers[0]["new"])]


def test_equal_versions_answer_the_same_with_every_wall_up():
    walls, answers = replay(manifest_of(PROBE), changed(), [CALL], {})
    assert "no sockets in Python" in walls and "limits" in walls
    assert compare(answers[0]["old"], answers[0]["new"]) == [] and answers[0]["back"] == answers[0]["old"]


def test_a_renamed_field_a_new_host_and_an_extra_second_are_all_found():
    new = changed(
        ("response_schema: { id: string, owner: email? }", "response_schema: { id: string, holder: email? }"),
        ("owner: inputs.owner } }", "holder: inputs.owner }, latency_ms: 1000 }"),
        ("base_url: https://api.probe.example", "base_url: https://eu.probe.example"),
        ("egress: [{ host: api.probe.example", "egress: [{ host: eu.probe.example"),
    )
    assert found(new) == [
        ("differs", "It answers otherwise in holder, owner."),
        ("new_host", "It calls eu.probe.example, which it did not before."),
        ("slower", "It takes 1000 ms, 0 ms before."),
    ]


def test_what_fails_now_is_told_and_what_failed_before_is_no_news():
    needs = changed(
        (
            "request_schema: { key: string, owner: email? }",
            "request_schema: { key: string, desk: string, owner: email? }",
        )
    )
    assert found(needs) == [("fails", "desk: This field is missing.")]
    gone = changed(("- id: put\n", "- id: place\n"))
    put = CALL | {"action": "put", "inputs": {"key": "a"}}
    assert found(gone, call=put) == [("fails", "There is no action put any more.")]
    hidden = CALL | {"inputs": {"key": "a", "owner": "a***@example"}}  # masked: it fits neither version's format
    assert found(changed(), call=hidden) == []


def test_renamed_inputs_are_given_by_their_new_name_and_back_by_the_old_one():
    new = changed(
        (
            "request_schema: { key: string, owner: email? }",
            "request_schema: { key: string, holder: email? }\n    renamed_from: { holder: owner }",
        ),
        ("owner: inputs.owner } }", "owner: inputs.holder } }"),
    )
    moved = {"create": {"renames": {"owner": "holder"}, "fills": {}}}
    assert found(new) == [("fails", "owner: There is no such field."), ("differs", "It answers otherwise in owner.")]
    assert found(new, moved=moved) == []
    answers = replay(manifest_of(PROBE), new, [CALL], moved)[1]
    assert answers[0]["back"] == answers[0]["old"]


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.socket()",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
        "import subprocess; subprocess.run(['true'])",
        "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.socket(2, 1, 0) < 0: raise PermissionError(ctypes.get_errno())",
    ],
    ids=["socket", "connection", "url", "process", "native"],
)
def test_whatever_opens_a_socket_in_that_process_raises(attempt):
    start = "import sys; sys.path.append(sys.argv[1]); from sandbox.upgrades.child import close_up; close_up()\n"
    command = [sys.executable, "-I", "-c", start + attempt, str(ROOT)]
    done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "PermissionError" in done.stderr


def test_the_process_gets_no_environment(monkeypatch):
    monkeypatch.setenv("GALAXY_KMS", "local:/nowhere")
    seen = {}
    real = subprocess.Popen

    def look(*arguments, **named):
        seen.update(named)
        return real(*arguments, **named)

    monkeypatch.setattr(subprocess, "Popen", look)
    replay(manifest_of(PROBE), changed(), [CALL], {})
    assert (seen["env"], seen["cwd"]) == ({}, "/")


def test_that_process_starts_with_what_it_needs_and_no_more():
    """One is begun for each replay and each play, so half a second of imports would be paid each time."""
    needless = {"django", "celery", "redis", "httpx2", "psycopg", "structlog"}
    start = (
        "import sys; sys.path.append(sys.argv[1]); import sandbox.golden.child, sandbox.upgrades.child;"
        "print(*(set(sys.argv[2:]) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", start, ROOT, *needless], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, [])
