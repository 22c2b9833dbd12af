"""`manage.py run_all`: what it refuses, and one whole life of it with the real programs."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from django.core.management import CommandError, call_command

from galaxy import embedded
from galaxy.core.management.commands import run_all
from galaxy.embedded.locks import hold

from .conftest import REPOSITORY


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_a_port_in_use_is_one_sentence(monkeypatch):
    monkeypatch.setattr(run_all, "call_command", lambda *words, **options: pytest.fail("it prepared the database"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=rf"^Port {port} is in use: .* make run PORT=\d+\.$"):
            call_command("run_all", port=port)


def test_a_second_one_of_the_same_directory_is_refused(monkeypatch, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    with hold(tmp_path / "run.lock"):
        (tmp_path / "run.lock").write_text("run_all 4711, web 4712")
        with pytest.raises(CommandError, match=r"already runs from this directory \(run_all 4711, web 4712\)"):
            call_command("run_all", port=free_port())


def test_ctrl_c_stops_all_that_it_started(root):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "galaxy.embedded", "run", sys.executable, "manage.py", "run_all", "--port", str(port)],
        cwd=REPOSITORY,
        env=os.environ | {"GALAXY_DATA_DIR": str(root), "DJANGO_SETTINGS_MODULE": "galaxy.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Ctrl-C stops it."):
            break
    assert f"Galaxy is ready: http://localhost:{port}\n" in said, "".join(said)
    assert re.search(r"^  Approver +approver@demo\.example +\S+$", "".join(said), re.MULTILINE)
    with urllib.request.urlopen(f"http://localhost:{port}/healthz", timeout=10) as answer:
        assert answer.status == 200
    pids = [int(pid) for pid in re.findall(r"\d+", (root / "run.lock").read_text())]
    assert len(pids) == 6
    alive, deadline = set(), time.monotonic() + 60
    while alive != {"beat", "sandboxd", "sequencer", "worker"}:
        assert time.monotonic() < deadline, f"no sign of life but of {sorted(alive)}"
        time.sleep(0.2)
        alive = {path.name for path in root.glob("alive/*")}

    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert (process.returncode, rest.splitlines()[-1]) == (0, "Galaxy has stopped.")
    assert embedded.status(root) == {"postgres": False, "valkey": False}
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
