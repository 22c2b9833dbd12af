"""Celery workers as processes of their own, on the test database and on this test process's queue."""

import signal
import subprocess
import sys

from django.conf import settings

from tests.processes import ROOT, environment

LEASE_S = 3


class Workers:
    """Celery worker processes on the test database, with a queue of their own; all ended at the end."""

    def __init__(self):
        self.env = environment(
            CELERY_BROKER_URL=settings.CELERY_BROKER_URL,
            GALAXY_QUEUE_PREFIX=settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"],
            GALAXY_RUN_LEASE_S=str(LEASE_S),
        )
        self.running: list[subprocess.Popen] = []

    def start(self) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "celery", "-q", "-A", "galaxy", "worker", "--pool", "solo",
             "--without-gossip", "--without-mingle", "--loglevel", "ERROR"],
            cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.running.append(process)
        return process

    def kill(self, process: subprocess.Popen) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                self.kill(process)
