"""The parts of a stack as processes: each can be killed, started again, and asked whether it is ready."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from galaxy import embedded
from galaxy.embedded.locks import is_held

ROOT = Path(__file__).resolve().parents[1]
READY_TIMEOUT_S = 120
POLL_S = 0.05

# Ways to die. ``main`` is the process that the init system knows, as the kernel's out-of-memory killer may choose it;
# ``all`` is it with all of its children, as a container ends; ``child`` is one of the processes that it made.
MAIN, ALL, CHILD = "main", "all", "child"


class Part:
    """One part of a stack. ``kill`` and ``start`` may be called from any thread."""

    def __init__(self, name: str):
        self.name = name
        self.deaths = 0  # noticed by ``tend``, which started it again
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<{self.name} {self.pid or 'down'}>"

    @property
    def pid(self) -> int | None:
        """Of its main process; None while there is none."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, unless it runs. It need not be ready when this returns."""
        raise NotImplementedError

    def is_running(self) -> bool:
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it does its work, by a sign that it has given since it was last started."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it in order, as an init system does."""
        raise NotImplementedError

    def kill(self, how: str = MAIN, rng: random.Random | None = None) -> list[int]:
        """SIGKILL to what ``how`` says; returns whom. Nobody where it does not run."""
        pid = self.pid
        if pid is None:
            return []
        children = offspring(pid)
        chosen = {MAIN: [pid], ALL: [pid, *children], CHILD: children[:1] or [pid]}[how]
        if how == CHILD and children and rng:
            chosen = [rng.choice(children)]
        for one in chosen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        if pid in chosen:
            self._buried(pid)
        return chosen

    def _buried(self, pid: int) -> None:
        """Wait until the kernel has ended ``pid``, which SIGKILL makes a matter of milliseconds."""
        deadline = time.monotonic() + 10
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.005)

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> float:
        """Wait until it is ready; returns how long that took, in seconds. Raises TimeoutError."""
        began = time.monotonic()
        while not self.is_ready():
            if time.monotonic() - began > timeout_s:
                raise TimeoutError(f"{self.name} is not ready after {timeout_s:.0f} s.")
            time.sleep(POLL_S)
        return time.monotonic() - began


class Program(Part):
    """A program that runs in the foreground. ``ready`` is asked with the time of its start, by the wall clock."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        log: Path,
        ready: Callable[[float], bool],
    ):
        super().__init__(name)
        self.argv, self.env, self.log = [str(word) for word in argv], dict(env), log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process and process.poll() is None else None

    def is_running(self) -> bool:
        return self.pid is not None

    def is_ready(self) -> bool:
        return self.is_running() and self._ready(self._started_at)

    def start(self) -> None:
        with self._lock:
            if self.is_running():
                return
            self._end_group()
            self._started_at = time.time()
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.argv,
                    cwd=ROOT,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # so that the children it leaves behind are known
                )

    def stop(self) -> None:
        with self._lock:
            if self._process and self.is_running():
                self._process.terminate()
                try:
                    self._process.wait(15)
                except subprocess.TimeoutExpired:
                    self.kill(ALL)
            self._end_group()

    def _end_group(self) -> None:
        """End what a dead main process left behind, as systemd does with the rest of a unit's processes."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Server(Part):
    """One of the embedded servers, ``postgres`` or ``valkey``, in a root of its own. ``prefix`` comes before the
    command that starts it, and whatever that enters (a namespace, say) is the server's as well."""

    def __init__(self, name: str, root: Path, *, env: Mapping[str, str], log: Path, durable: bool):
        super().__init__(name)
        self.root, self.env, self.log, self.durable = root, dict(env), log, durable
        self.prefix: list[str] = []
        self.seen_at = Path("/")  # the root under which its data are seen from here

    @property
    def pid(self) -> int | None:
        path = self.root / ("postgres/data/postmaster.pid" if self.name == "postgres" else "valkey/pid")
        try:
            found = int((self.seen_at / path.relative_to("/")).read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return found if is_alive(found) else None

    def is_running(self) -> bool:
        """True while any process of it lives, children of a main process that was killed included."""
        with self._lock:
            return is_held(self.root / self.name / "alive")

    def is_ready(self) -> bool:
        return embedded.status(self.root)[self.name]

    def start(self) -> None:
        """Raises OSError with the last words where it does not start."""
        with self._lock:
            self._do("start", *([] if self.durable else ["--fast"]))

    def stop(self) -> None:
        with self._lock:
            self._do("stop")

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stopped, and started by nobody, for the length of the block; then started."""
        with self._lock:
            self.stop()
            yield
            self.start()

    def _do(self, act: str, *options: str) -> None:
        done = subprocess.run(
            [*self.prefix, sys.executable, "-m", "proof.server", act, str(self.root), self.name, *options],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise OSError(f"{self.name} does not {act}: {(done.stderr or done.stdout).strip()}")


def is_alive(pid: int) -> bool:
    """False for a zombie too, which only waits for somebody to look."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def offspring(pid: int) -> list[int]:
    """The children of ``pid``, and theirs, as they are now."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            words = (task / "children").read_text(encoding="ascii").split()
            for child in map(int, words):
                found += [child, *offspring(child)]
    return found
