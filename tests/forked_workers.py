"""Celery workers that begin at once, to be killed at random: forked from a process that has loaded everything.

As a program it forks one for each line that it reads, and answers with its pid.
"""

import os
import random
import signal
import subprocess
import sys
from importlib import import_module

from tests.processes import ROOT

# What a worker would load with its first task, and Celery as it begins.
LOADED = (
    "celery.bin.celery", "celery.apps.worker", "celery.worker.consumer", "kombu.transport.redis", "sandbox.services",
    "sandbox.runners.live", "sandbox.runners.simulated", "sandbox.runners.transform", "sandbox.sandboxd.client",
)  # fmt: skip


class ForkedWorkers:
    """Workers on the queue and the database of ``env``; ``kills`` counts those that were killed. ``prefix`` comes
    before the command, where they are to run on another host (tests.hosts.network)."""

    def __init__(self, env: dict[str, str], prefix: tuple[str, ...] = ()):
        self._nursery = subprocess.Popen(
            [*prefix, sys.executable, "-W", "ignore", "-m", "tests.forked_workers"],
            cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._running: list[int] = []
        self.kills = 0

    def start(self) -> int:
        """Its process id."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write("\n")
        self._nursery.stdin.flush()
        self._running.append(int(self._nursery.stdout.readline()))
        return self._running[-1]

    def kill_all(self) -> None:
        while self._running:
            os.kill(self._running.pop(), signal.SIGKILL)
            self.kills += 1

    def kill_one(self, rng: random.Random) -> None:
        """Kill any of them, and start another in its place."""
        os.kill(self._running.pop(rng.randrange(len(self._running))), signal.SIGKILL)
        self.kills += 1
        self.start()

    def stop(self) -> None:
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
        with self._nursery as nursery:  # closes what was said through
            nursery.kill()


def main() -> None:
    from galaxy.celery import app

    app.loader.import_default_modules()
    for name in LOADED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever is killed is not waited for
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            quiet = os.open(os.devnull, os.O_RDWR)
            os.dup2(quiet, 0)
            os.dup2(quiet, 1)
            random.seed()
            options = ["--pool", "solo", "--without-gossip", "--without-mingle", "--loglevel", "CRITICAL"]
            app.worker_main(
                ["-q", "worker", *options, "--prefetch-multiplier", "1", "-n", f"forked-{os.getpid()}@here"]
            )
            os._exit(0)
        print(pid, flush=True)  # noqa: T201  (the answer)


if __name__ == "__main__":
    main()
