"""The supervisor behind `make run`, with real but small programs."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from galaxy.core import processes
from galaxy.core.processes import Program, Supervisor

from .conftest import REPOSITORY

# Writes its name to the file of endings when asked to end, as programs do that finish their work first.
POLITE = """
import signal, sys, time
def end(*_):
    open(sys.argv[1], "a").write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("hello from", sys.argv[2], flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(str(child.pid))
print("up", flush=True)
time.sleep(60)
"""


def python(name: str, code: str, *words: object) -> Program:
    return Program(name, [sys.executable, "-c", code, *map(str, words)])


def is_alive(pid: int) -> bool:
    """False for a zombie as well, where the system has /proc."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def until(condition, timeout_s: float = 10) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def lines():
    return []


@pytest.fixture
def supervise(tmp_path, lines):
    """``supervise(programs, when)``: run them here, and send ourselves SIGTERM once ``when()`` is true."""

    def run(programs, when=None) -> int:
        supervisor = Supervisor(programs, logs=tmp_path / "logs", say=lines.append)
        sent = threading.Event()

        def each_tick():
            if when is not None and when() and not sent.is_set():
                sent.set()
                os.kill(os.getpid(), signal.SIGTERM)

        return supervisor.run(each_tick)

    return run


def test_ctrl_c_ends_all_programs_the_last_one_first(tmp_path):
    """In a process group of its own, to which SIGINT goes as a terminal sends it."""
    endings = tmp_path / "endings"
    script = (
        "import sys; from pathlib import Path; from galaxy.core.processes import Program, Supervisor; "
        f"code = {POLITE!r}; names = ['worker', 'beat', 'web']; "
        f"run = [Program(n, [sys.executable, '-c', code, {str(endings)!r}, n]) for n in names]; "
        f"sup = Supervisor(run, logs=Path({str(tmp_path)!r}), say=lambda line: print(line, flush=True)); "
        "print(sup.run(lambda: None))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    greetings = {process.stdout.readline().strip() for _ in range(3)}
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    assert greetings == {"worker | hello from worker", "beat | hello from beat", "web | hello from web"}
    assert endings.read_text().split() == ["web", "beat", "worker"]
    assert (rest.strip(), process.returncode) == ("0", 0)


def test_what_ignores_the_request_is_killed_with_its_children(tmp_path, supervise, monkeypatch):
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 0.3)
    note = tmp_path / "pid"
    assert supervise([python("stubborn", STUBBORN, note)], when=lambda: note.exists() and note.read_text()) == 0
    assert until(lambda: not is_alive(int(note.read_text())))


def test_a_program_that_dies_is_started_again_and_the_person_is_told(tmp_path, supervise, lines, monkeypatch):
    monkeypatch.setattr(processes, "FIRST_DELAY_S", 0.01)
    note = tmp_path / "starts"
    code = "import os, signal, sys, time; f = open(sys.argv[1], 'a+'); f.write('x'); f.flush(); f.seek(0)\n"
    code += "if len(f.read()) == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
    code += "time.sleep(60)"
    status = supervise([python("worker", code, note)], when=lambda: note.exists() and note.read_text() == "xx")
    assert status == 0
    (line,) = [line for line in lines if "starts again" in line]
    assert line.startswith("worker was killed by SIGKILL and starts again in")


def test_a_program_that_keeps_dying_ends_all(tmp_path, supervise, lines, monkeypatch):
    monkeypatch.setattr(processes, "FIRST_DELAY_S", 0.01)
    endings = tmp_path / "endings"
    programs = [python("web", POLITE, endings, "web"), python("beat", "import sys; sys.exit('no schedule')")]
    assert supervise(programs) == 1
    assert endings.read_text() == "web\n"
    assert lines[-1].startswith("beat ended with status 1 5 times in a row, so everything stops")
    assert (tmp_path / "logs/beat.log").read_text() == "no schedule\n" * 5


def test_signal_handlers_are_given_back(supervise):
    before = signal.getsignal(signal.SIGTERM)
    supervise([python("short", "import time; time.sleep(60)")], when=lambda: True)
    assert signal.getsignal(signal.SIGTERM) is before
