"""Row 10: a run of Python through the sealed pool, against bare wasmtime in one process.

    python -m bench pool

Both take turns with the same trivial file, each in a fresh WebAssembly instance. The bare call is made by the
worker's own code without a process, a channel or a wall round it.
"""

import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench._rows import WALL, compared, row
from sandbox.pool import Job, Limits, Pool
from sandbox.pool.artefact import Artefact
from sandbox.pool.build import ensure
from sandbox.pool.channel import WorkerEnd
from sandbox.pool.worker import WARM_UP, Guest

TRIVIAL = "def run(inputs, ctx):\n    return 1\n"
SPIN = "def run(inputs, ctx):\n    while True: pass\n"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS, RUNS_A_ROUND = 9, 60
THROUGHPUT_S = 3.0
OVERRUNS, OVERRUN_MS = 40, 100
SOAK_RUNS = 10_000
RESTING_S = 0.2  # in which a worker gives back the memory of the run before
MOST_RATIO, LEAST_SPEED_UP, MOST_OVERSHOOT_MS, MOST_GROWTH_MB = 1.4, 1.8, 15, 4
_row = partial(row, "10")


class Nobody:
    """A broker for runs that ask for nothing."""

    def fetch(self, request: dict[str, Any], seconds_left: float) -> dict[str, Any]:
        raise AssertionError("nothing here calls out")

    def sign(self, name: str, alg: str, data: bytes) -> str:
        raise AssertionError("nothing here signs")


def job(code: str, workspace: str = "bench", wall_ms: int = 5000) -> Job:
    return Job(workspace, code, {}, seed=1, now=NOW, limits=Limits(wall_ms=wall_ms, cpu_ms=min(wall_ms, 5000)))


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}."""
    artefact = ensure()
    with Pool(1, artefact=artefact) as pool:
        theirs, ours, through = in_turns(artefact, pool)
        overshoot = overshoots(pool)
    one, two = (throughput(artefact, workers) for workers in (1, 2))
    growth, lost = soak(artefact)
    what = "a trivial run through the pool, p50 by round, beside a bare instantiate and call"
    return [
        compared("10", what, ours, theirs, "ms", clock=WALL, most=MOST_RATIO),
        _row("through the pool, p95", statistics.quantiles(through, n=20)[-1] * 1e3, "ms"),
        _row("one worker", one, "/s"),
        _row("two workers", two, "/s"),
        _row("speed-up by the second", two / one, "", f">= {LEAST_SPEED_UP}", two / one >= LEAST_SPEED_UP),
        _row(
            "beyond a limit of 100 ms, p95", overshoot, "ms", f"<= {MOST_OVERSHOOT_MS}", overshoot <= MOST_OVERSHOOT_MS
        ),
        _row(f"memory gained over {SOAK_RUNS} runs", growth, "MB", f"<= {MOST_GROWTH_MB}", growth <= MOST_GROWTH_MB),
        _row(f"workers lost in {SOAK_RUNS} runs", lost, "", "0", lost == 0),
    ]


def in_turns(artefact: Artefact, pool: Pool) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of the bare calls and of runs through the pool, medians by round; seconds of every run through."""
    guest = Guest(str(artefact.path), WorkerEnd(-1))
    guest.deadline.start_thread()
    frame = {**WARM_UP, "code": TRIVIAL}
    bare, ours_ms, through = [], [], []
    for _ in range(ROUNDS):
        ours, theirs = [], []
        for _ in range(RUNS_A_ROUND):
            theirs.append(_seconds(lambda: guest.perform(frame, finish=lambda result: None)))
            ours.append(_seconds(lambda: pool.run(job(TRIVIAL), Nobody())))
        bare.append(statistics.median(theirs) * 1e3)
        ours_ms.append(statistics.median(ours) * 1e3)
        through += ours
    return bare, ours_ms, through


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def throughput(artefact: Artefact, workers: int) -> float:
    """Runs a second, with as many threads as workers."""
    done = [0] * workers
    with Pool(workers, artefact=artefact) as pool:
        for _ in range(workers):
            pool.run(job(TRIVIAL), Nobody())
        until = time.monotonic() + THROUGHPUT_S

        def work(number: int) -> None:
            while time.monotonic() < until:
                done[number] += pool.run(job(TRIVIAL), Nobody()).output == 1

        threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(done) / THROUGHPUT_S


def overshoots(pool: Pool) -> float:
    """Milliseconds by which a run that never ends outlives its limit, p95."""
    ran = [pool.run(job(SPIN, wall_ms=OVERRUN_MS), Nobody()) for _ in range(OVERRUNS)]
    if any(outcome.error is None or outcome.error["code"] not in ("time_limit", "cpu_limit") for outcome in ran):
        raise AssertionError("a run that never ends did not end at its limit")
    return statistics.quantiles([outcome.measured["wall_ms"] for outcome in ran], n=20)[-1] - OVERRUN_MS


def soak(artefact: Artefact) -> tuple[float, int]:
    """Megabytes that a worker gained from its 1,000th run to its last one, and how many workers came and went.

    Of each hundred runs one ends at a limit of time, and one for want of memory.
    """
    pids, sizes = set(), []
    with Pool(1, artefact=artefact, runs_per_worker=SOAK_RUNS + 1) as pool:
        for number in range(SOAK_RUNS):
            if number % 100 == 99:
                pool.run(job(SPIN, wall_ms=10), Nobody())
            elif number % 50 == 49:
                pool.run(job("def run(inputs, ctx):\n    return len(bytearray(1 << 30))\n"), Nobody())
            elif pool.run(job(TRIVIAL), Nobody()).output != 1:
                raise AssertionError(f"run {number} gave something else")
            (worker,) = (worker for workers in pool.idle().values() for worker in workers)
            pids.add(worker)
            if number % 1000 == 999:
                time.sleep(RESTING_S)
                sizes.append(_resident_mb(worker))
    return max(sizes[1:]) - sizes[0], len(pids) - 1


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
