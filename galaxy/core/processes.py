"""A small supervisor: starts programs, shows what they say, restarts the ones that die, and stops them all together.

It knows nothing of Django or of Galaxy; the command ``run_all`` tells it what to run.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

RESTARTS = 4
FIRST_DELAY_S = 1.0  # doubled from death to death
STEADY_AFTER_S = 60
STOP_TIMEOUT_S = 10
POLL_S = 0.1


@dataclass(frozen=True)
class Program:
    """What to run: a short name for people, an argument list, and what it alone finds in its environment."""

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass
class _Running:
    process: subprocess.Popen[str]
    reader: threading.Thread
    started_at: float


@dataclass
class _Child:
    program: Program
    running: _Running | None = None
    due_at: float = 0  # while it does not run: when to start it, in monotonic seconds
    deaths: int = 0


class Supervisor:
    """Runs ``programs`` until a signal comes or one of them keeps dying.

    ``say`` prints one line for the person at the terminal. Each program's output goes there too, behind its name, and
    to ``<logs>/<name>.log``, which is begun anew. ``inherit`` are file descriptors that every program keeps open.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        logs: Path,
        say: Callable[[str], None],
        inherit: Sequence[int] = (),
        env: dict[str, str] | None = None,
    ):
        self._children = [_Child(program) for program in programs]
        self._logs = logs
        self._say = say
        self._inherit = tuple(inherit)
        self._env = env
        self._signals = 0

    def run(self, each_tick: Callable[[], None]) -> int:
        """Start everything in order and watch it, calling ``each_tick`` some ten times a second.

        Returns the exit status: 0 after SIGINT, SIGTERM or SIGHUP, 1 when a program died too often. A second signal
        stops the waiting and kills. To be called in the main thread.
        """
        before = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            while not self._signals:
                if not all(self._tend(child) for child in self._children):
                    return 1
                each_tick()
                time.sleep(POLL_S)
            return 0
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def pids(self) -> dict[str, int]:
        """Process ids of the programs that run now, by name."""
        return {child.program.name: child.running.process.pid for child in self._children if child.running}

    def _on_signal(self, number: int, frame: object) -> None:
        self._signals += 1

    def _tend(self, child: _Child) -> bool:
        """Start ``child`` when it is due and notice its death; False when it has died too often."""
        now, running = time.monotonic(), child.running
        if running is None:
            if now >= child.due_at:
                child.running = self._start(child)
            return True
        if running.process.poll() is None:
            return True
        self._finish(child, running)
        child.deaths = 1 if now - running.started_at > STEADY_AFTER_S else child.deaths + 1
        name, how = child.program.name, _how_it_ended(running.process.returncode)
        if child.deaths > RESTARTS:
            log = self._log_of(child)
            self._say(f"{name} {how} {child.deaths} times in a row, so everything stops; its last words are in {log}.")
            return False
        delay_s = FIRST_DELAY_S * 2 ** (child.deaths - 1)
        self._say(f"{name} {how} and starts again in {delay_s:.0f} s; its log is {self._log_of(child)}.")
        child.due_at = now + delay_s
        return True

    def _start(self, child: _Child) -> _Running:
        process = subprocess.Popen(  # noqa: S603  (an argument list of ours, no shell)
            [str(word) for word in child.program.argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**(os.environ if self._env is None else self._env), **child.program.env},
            pass_fds=self._inherit,
            # A group of its own: Ctrl-C in the terminal reaches us alone, and we end the programs in order.
            start_new_session=True,
        )
        log = self._log_of(child)
        if not child.deaths:
            log.unlink(missing_ok=True)
        output = cast(IO[str], process.stdout)  # there is one, since it was asked for
        reader = threading.Thread(target=self._pass_on, args=(child.program.name, output, log), daemon=True)
        reader.start()
        return _Running(process, reader, time.monotonic())

    def _pass_on(self, name: str, output: IO[str], path: Path) -> None:
        """Copy what a program says, line by line, until it closes its output. Runs in a thread of its own."""
        with path.open("a", encoding="utf-8", buffering=1) as log, output:
            for line in output:
                log.write(line)
                self._say(f"{name:>8} | {line.rstrip()}")

    def _stop(self) -> None:
        """End the programs one after the other, last started first, each with STOP_TIMEOUT_S to finish its work."""
        for child in reversed(self._children):
            if child.running:
                child.running.process.terminate()
                self._wait(child.running.process)
                self._finish(child, child.running)

    def _wait(self, process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while process.poll() is None and time.monotonic() < deadline and self._signals < 2:
            time.sleep(0.02)

    def _finish(self, child: _Child, running: _Running) -> None:
        """End what is left of the group of a program that is over or out of time: its own children, nobody else."""
        _signal_group(running.process.pid, signal.SIGKILL)
        running.process.wait()
        running.reader.join(timeout=1)
        child.running = None

    def _log_of(self, child: _Child) -> Path:
        return self._logs / f"{child.program.name}.log"


def _signal_group(group: int, number: int) -> None:
    # Nobody left; on macOS a group of zombies answers "not permitted".
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _how_it_ended(returncode: int) -> str:
    if returncode < 0:
        return f"was killed by {signal.Signals(-returncode).name}"
    return f"ended with status {returncode}"
