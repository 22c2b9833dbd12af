"""The pool: threads call ``run``, sealed workers do the runs, and no worker ever serves two workspaces."""

import contextlib
import enum
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from sandbox.pool.artefact import Artefact, find
from sandbox.pool.conversation import failed, job_frame
from sandbox.pool.outcome import Broker, Job, Outcome, SandboxUnavailable
from sandbox.pool.plain import Unfit
from sandbox.pool.process import Worker
from sandbox.pool.walls import proven

FIRST_UID = 64321  # where the parent is root, each worker gets a user of its own, counted from here
UIDS = 64
RUNS_PER_WORKER = 5_000  # bounds what a slow leak, or an intruder with patience, can come to


class Halt(Protocol):
    """What ends a run from outside (galaxy.core.egress.halting)."""

    @property
    def is_stopped(self) -> bool: ...

    def attached(self, wake: Callable[[], object]) -> contextlib.AbstractContextManager[None]: ...


class Walls(enum.Enum):
    """REQUIRED: with a wall missing, nothing runs. REDUCED: WebAssembly alone will do, and every outcome says so."""

    REQUIRED = "required"
    REDUCED = "reduced"


class Pool:
    """``size`` runs at a time. Make it after forking, one in a process.

    Workers that have served a workspace wait for its next run, at most ``size`` of them and the longest unused going
    first; one more is kept fresh. Raises SandboxUnavailable where a wall is missing (REQUIRED), BuildError without a
    guest.
    """

    def __init__(
        self,
        size: int,
        *,
        artefact: Artefact | None = None,
        walls: Walls = Walls.REQUIRED,
        uid: int = FIRST_UID,
        program: tuple[str, ...] = ("sandbox.pool.worker",),
        runs_per_worker: int = RUNS_PER_WORKER,
    ):
        if sys.platform != "linux":
            raise SandboxUnavailable("the walls are those of Linux")
        self.size = size
        self.artefact = artefact or find()
        self._required = walls is Walls.REQUIRED
        self._first_uid, self._program, self._runs_per_worker = uid, program, runs_per_worker
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._fresh: deque[Future[Worker]] = deque()
        self._idle: OrderedDict[str, list[Worker]] = OrderedDict()  # the longest unused first
        self._started = 0
        self._closed = False
        # A worker dies with the thread that started it, so one thread starts them all and lives as long as the pool.
        self._starter = ThreadPoolExecutor(1, "sandbox-starter")
        self.walls = proven()
        try:
            self._require_walls()
            self._start_worker()
            _started(self._fresh[0])
        except SandboxUnavailable:
            self.close()
            raise

    def _require_walls(self) -> None:
        missing = [wall for wall in self.walls if not wall["in_force"]]
        if missing and self._required:
            raise SandboxUnavailable("; ".join(f"{wall['name']}: {wall['detail']}" for wall in missing))

    def run(self, job: Job, broker: Broker, halt: Halt | None = None) -> Outcome:
        """Do one run, when one of ``size`` places is free. Raises SandboxUnavailable where no worker can be started.

        Once ``halt`` is stopped, from any thread, the worker is ended under it.
        Whatever the code does comes back as an outcome; only what ``broker`` raises goes through.
        """
        outcome = Outcome(limits=job.limits.as_dict(), artefact=self.artefact.digest)
        try:
            frame = job_frame(job)
        except Unfit as error:
            outcome.error = failed(error.code, job.limits, message=error.message)
            outcome.walls = self.walls
            return outcome
        with self._slots:
            worker = self._take(job.workspace)
            outcome.walls = self._walls_of(worker)
            usable = False
            try:
                with halt.attached(worker.interrupt) if halt else contextlib.nullcontext():
                    usable = worker.perform(job, frame, broker, outcome)
                if halt and halt.is_stopped and not usable:
                    outcome.error = failed("quarantined", job.limits)
            finally:
                self._give_back(worker, usable and worker.runs < self._runs_per_worker, is_dead=not usable)
        return outcome

    def idle(self) -> dict[str, list[int]]:
        """The processes that wait for the next run of a workspace, {workspace: process ids}, the longest unused
        first."""
        with self._lock:
            return {workspace: [worker.pid for worker in workers] for workspace, workers in self._idle.items()}

    def close(self) -> None:
        """End all workers, those in the middle of a run when it is over."""
        with self._lock:
            self._closed = True
            idle = [worker for workers in self._idle.values() for worker in workers]
            self._idle.clear()
            fresh, self._fresh = list(self._fresh), deque()
        for future in fresh:
            if future.exception() is None:
                idle.append(future.result())
        for worker in idle:
            worker.kill()
        self._starter.shutdown()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _walls_of(self, worker: Worker) -> list[dict[str, Any]]:
        return [
            wall | {"in_force": False, "detail": worker.missing[wall["name"]]}
            if wall["name"] in worker.missing
            else wall
            for wall in self.walls
        ]

    # ------------------------------------------------------------------------------------------------ the workers

    def _start_worker(self) -> None:
        """Begin to start one more; the caller holds the lock, or is the constructor."""
        uid = self._first_uid + self._started % UIDS
        self._started += 1
        start = self._starter.submit(Worker, self.artefact.path, uid, required=self._required, program=self._program)
        self._fresh.append(start)

    def _take(self, workspace: str) -> Worker:
        """A living worker that served ``workspace`` before, or nobody."""
        while True:
            with self._lock:
                if self._closed:
                    raise SandboxUnavailable("the sandbox is closing")
                waiting = self._idle.get(workspace)
                if waiting:
                    worker = waiting.pop()
                    if not waiting:
                        del self._idle[workspace]
                else:
                    if self._fresh and self._fresh[0].done() and self._fresh[0].exception():
                        self._fresh.popleft()  # how a start failed a while ago says nothing of now
                    if not self._fresh:
                        self._start_worker()
                    future = self._fresh.popleft()
                    self._start_worker()
                    worker = None
            worker = worker or _started(future)
            if worker.is_alive():
                worker.workspace = workspace
                return worker
            worker.kill()

    def _give_back(self, worker: Worker, keep: bool, *, is_dead: bool) -> None:
        spare: list[Worker] = [] if keep or is_dead else [worker]
        with self._lock:
            if keep and not self._closed:
                self._idle.setdefault(worker.workspace, []).append(worker)
                self._idle.move_to_end(worker.workspace)
                if sum(map(len, self._idle.values())) > self.size:
                    spare.append(self._longest_unused())
            elif keep:
                spare.append(worker)
        for each in spare:
            each.kill()

    def _longest_unused(self) -> Worker:
        workspace, workers = next(iter(self._idle.items()))
        worker = workers.pop(0)
        if not workers:
            del self._idle[workspace]
        return worker


def _started(start: Future[Worker]) -> Worker:
    """The worker, once it stands. Raises SandboxUnavailable, also where the host has no process or descriptor left."""
    try:
        return start.result()
    except OSError as error:
        raise SandboxUnavailable(f"no worker could be started: {error.strerror}") from error
