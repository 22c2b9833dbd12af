"""A worker as its parent has it: started, looked at by the kernel's own figures, given runs, and killed."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.pool.channel import Lost, ParentEnd
from sandbox.pool.conversation import Conversation, failed
from sandbox.pool.outcome import Broker, Job, Outcome, SandboxUnavailable
from sandbox.pool.seal import MEMORY_CEILING

ROOT = Path(__file__).resolve().parents[2]
# -I: no environment, no user's packages, no current directory. The project comes last in the search, behind Python's
# own.
START = (
    "import importlib, sys; _, root, module, *arguments = sys.argv; sys.path.append(root);"
    "importlib.import_module(module).main(arguments)"
)
START_S = 30.0
GRACE_S = 0.5  # a worker ends a run itself; after this long beyond its limit the parent ends the worker
LAST_WORDS_BYTES = 4096
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
CPUCLOCK_SCHED = 2  # linux/posix-timers_types.h: the CPU time of a whole process, by number
CRASHES = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE, -signal.SIGTRAP}


def command(module: str, *arguments: str) -> list[str]:
    """Starts a module of the project in a Python that takes nothing from its surroundings."""
    return [sys.executable, "-I", "-c", START, str(ROOT), module, *arguments]


class Worker:
    """Starting one takes some 80 ms. Raises SandboxUnavailable where it is not sealed as it must be, and OSError where
    the host has no process or descriptor left for it."""

    def __init__(self, compiled_path: Path, uid: int, *, required: bool, program: tuple[str, ...]):
        self.workspace = ""
        self.runs = 0
        self.missing: dict[str, str] = {}
        ours, theirs = socket.socketpair()
        self._channel = ParentEnd(ours)
        mode = "required" if required else "reduced"
        with theirs:
            number = theirs.fileno()
            try:
                self._process = subprocess.Popen(
                    command(*program, str(compiled_path), str(number), str(uid), mode),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env={},
                    cwd="/",
                    pass_fds=(number,),
                )
            except OSError:
                self._channel.close()
                raise
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self._ending, self._is_ended = threading.Lock(), False
        try:
            self._greet(uid if os.geteuid() == 0 else os.geteuid(), required)
        except (Lost, OSError, KeyError) as error:
            self.kill()
            raise SandboxUnavailable(f"the worker did not start: {self._last_words() or error}") from None
        except SandboxUnavailable:
            self.kill()
            raise
        finally:
            self._process.stderr.close()  # type: ignore[union-attr]
        self._resting_bytes = self._anonymous_bytes() or 0

    def _greet(self, uid: int, required: bool) -> None:
        until = time.monotonic() + START_S

        def patience() -> float:
            left = until - time.monotonic()
            if left <= 0:
                raise Lost("worker_lost", "it took too long")
            return left

        hello = self._channel.receive(patience)
        if hello.get("op") != "ready":
            raise SandboxUnavailable(str(hello.get("reason", "no reason given"))[:500])
        self.missing = {str(wall): str(why) for wall, why in dict(hello.get("missing", {})).items()}
        self.missing |= {wall: why for wall, why in kernel_view(self.pid, uid).items() if wall not in self.missing}
        if required and self.missing:
            raise SandboxUnavailable("; ".join(f"{wall}: {why}" for wall, why in self.missing.items()))

    def is_alive(self) -> bool:
        """By the kernel; a dead worker among the idle ones is found before a run is given to it."""
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        return not poller.poll(0)

    def interrupt(self) -> None:
        """End the process under a run that goes on in another thread, which finds it dead and cleans up after it."""
        with self._ending, contextlib.suppress(ProcessLookupError):
            if not self._is_ended:  # else its number may be another's by now
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def kill(self) -> int:
        """End the process, and return how it ended: the number of a signal, negative, where one did."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        code = self._process.wait()
        self._channel.close()
        with self._ending:
            self._is_ended = True
            os.close(self._pidfd)
        return code

    def _last_words(self) -> str:
        said = self._process.stderr.read(LAST_WORDS_BYTES)  # type: ignore[union-attr]
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def perform(self, job: Job, frame: dict[str, Any], broker: Broker, outcome: Outcome) -> bool:
        """Do one run and fill ``outcome``. False when this worker must not be used again; it is dead then.

        ``frame`` is the job as job_frame writes it. What ``broker`` raises ends the worker too, and goes on to the
        caller.
        """
        limits = job.limits
        self.runs += 1
        began, cpu_began = time.monotonic(), self._cpu_s()
        wall_at = began + limits.wall_ms / 1000
        patience = self._patience(wall_at + GRACE_S, cpu_began + limits.cpu_ms / 1000 + GRACE_S)
        conversation = Conversation(job, broker, outcome, lambda: wall_at - time.monotonic())
        healthy = False
        try:
            self._channel.begin_run()
            self._channel.send(frame, patience)
            conversation.hold(self._channel, patience)
            outcome.measured = self._measured(began, cpu_began)
            self._channel.send({}, patience)
            healthy = True
        except Lost as lost:
            outcome.status, outcome.output = "error", None
            outcome.measured = self._measured(began, cpu_began)
            outcome.error = failed(lost.code, limits)
        finally:
            if not healthy:
                code = self.kill()
                if code == -signal.SIGSYS:  # no accident: something in there tried a forbidden system call
                    outcome.error = failed("sandbox_violation", limits)
                elif code in CRASHES and outcome.error and outcome.error["code"] == "worker_lost":
                    outcome.error = failed("crashed", limits)
        return healthy

    def _patience(self, wall_at: float, cpu_at: float) -> Callable[[], float]:
        """A worker that was taken over keeps no time; so the parent looks at both clocks as well."""

        def left() -> float:
            wall_left, cpu_left = wall_at - time.monotonic(), cpu_at - self._cpu_s()
            if wall_left <= 0:
                raise Lost("time_limit", "it did not end in time")
            if cpu_left <= 0:
                raise Lost("cpu_limit", "it computed for too long")
            return min(wall_left, cpu_left)

        return left

    def _measured(self, began: float, cpu_began: float) -> dict[str, float]:
        """What can still be known of a dead worker is its wall time."""
        measured = {"wall_ms": round((time.monotonic() - began) * 1000, 2)}
        memory = self._anonymous_bytes()
        if memory:
            measured["cpu_ms"] = round((self._cpu_s() - cpu_began) * 1000, 2)
            measured["memory_bytes"] = max(0, memory - self._resting_bytes)
        return measured

    def _cpu_s(self) -> float:
        """Seconds of CPU that the process has used, by the kernel (clock_getcpuclockid(3) makes the number so)."""
        try:
            return time.clock_gettime((~self.pid << 3) | CPUCLOCK_SCHED)
        except OSError:
            return 0.0  # it is dead, which its channel will tell

    def _anonymous_bytes(self) -> int | None:
        """Memory of its own that the process holds: resident, less what is shared with files (proc(5), statm)."""
        try:
            _, resident, shared, *_ = Path(f"/proc/{self.pid}/statm").read_bytes().split()
        except OSError:
            return None
        return (int(resident) - int(shared)) * PAGE_BYTES


def kernel_view(pid: int, uid: int) -> dict[str, str]:
    """{wall: what the kernel says instead} of a worker, over every thread of it. Empty when it is sealed."""
    wrong: dict[str, str] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = _fields(task / "status")
        for wall, name, wanted in (
            ("seccomp", "Seccomp", "2"),
            ("no_new_privileges", "NoNewPrivs", "1"),
            *(("privileges", name, "0" * 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")),
            ("privileges", "Uid", "\t".join([str(uid)] * 4)),
        ):
            if status[name] != wanted:
                wrong[wall] = f"the kernel says {name} {status[name]}"
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    for name, most in (
        ("Max processes", 0),
        ("Max open files", 0),
        ("Max file size", 0),
        ("Max data size", MEMORY_CEILING),
    ):
        value = next(line for line in limits.splitlines() if line.startswith(name))[len(name) :].split()[1]
        if value == "unlimited" or int(value) > most:
            wrong["resource_limits"] = f"the kernel says {name} {value}"
    return wrong


def _fields(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)
