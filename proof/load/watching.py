"""What each process of a stack takes while the load is on: memory, processor, connections, what waits in the queue."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
from kombu import Connection

from proof.parts import offspring
from proof.stack import Stack

_TICK = os.sysconf("SC_CLK_TCK")
CLIENT = "the driver"


class Watch:
    """A thread that looks every so many seconds; ``rows`` are what it saw: {at, memory, processor, connections,
    waiting}, memory in bytes of what is resident, processor in seconds since the start, by part."""

    def __init__(self, stack: Stack, every_s: float):
        self._stack, self._every_s = stack, every_s
        self.rows: list[dict[str, Any]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._began = time.monotonic()

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()
        self.rows.append(self._look())

    def _work(self) -> None:
        while True:
            self.rows.append(self._look())
            if self._stopped.wait(self._every_s):
                return

    def _look(self) -> dict[str, Any]:
        memory, processor = {CLIENT: _memory(os.getpid())}, {CLIENT: time.process_time()}
        for part in self._stack.parts:
            pids = [part.pid, *offspring(part.pid)] if part.pid else []
            memory[part.name] = sum(map(_memory, pids))
            processor[part.name] = sum(map(_seconds, pids))
        return {
            "at": time.monotonic() - self._began,
            "memory": memory,
            "processor": processor,
            "connections": self._connections(),
            "waiting": waiting(self._stack),
        }

    def _connections(self) -> int:
        with psycopg.connect(self._stack.operator_env["DATABASE_OWNER_URL"], autocommit=True) as link:
            found = link.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()").fetchone()
        return found[0] - 1 if found else 0


def waiting(stack: Stack) -> int:
    """Tasks in the queue that no worker has taken yet."""
    with Connection(stack.env["CELERY_BROKER_URL"]) as broker:
        queue = broker.default_channel.client
        return sum(queue.llen(key) for key in queue.scan_iter("*celery*", _type="list"))


def slope(rows: list[dict[str, Any]], part: str) -> float:
    """Bytes a minute by which the memory of ``part`` grew, by least squares over the last two thirds."""
    points = [(row["at"] / 60, row["memory"][part]) for row in rows[len(rows) // 3 :]]
    middle, level = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    spread = sum((at - middle) ** 2 for at, _ in points)
    return sum((at - middle) * (size - level) for at, size in points) / spread if spread else 0.0


def _memory(pid: int) -> int:
    """Proportional: what several share is counted once among them. 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def _seconds(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / _TICK
