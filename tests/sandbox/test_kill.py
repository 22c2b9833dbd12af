"""A worker killed in the middle of a pack: another one finishes the pack, and nothing is done twice.

Real parts: PostgreSQL, Valkey, and Celery workers as processes of their own.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections

from galaxy.celery import app
from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from sandbox.models import Outcome, Run, RunPayload
from sandbox.services import invoke, reconcile
from tests.extensions import PACK, PROBE, TIDY, installed

ROOT = Path(__file__).resolve().parents[2]
LEASE_S = 3
DEADLINE_S = 60

# The same pack, slow enough to be hit in the middle.
SLOW_PROBE = PROBE.replace("simulation: { answer:", "simulation: { latency_ms: 900, answer:")


class Workers:
    """Celery worker processes on the test database, with a queue of their own; all ended at the end."""

    def __init__(self):
        database = connections["default"].settings_dict
        host = (database["OPTIONS"].get("host") or database["HOST"]).replace("/", "%2F")
        self.env = os.environ | {
            "DJANGO_SETTINGS_MODULE": "galaxy.settings",
            "DATABASE_URL": f"postgresql://{database['USER']}@{host}/{database['NAME']}",
            "REDIS_URL": settings.REDIS_URL,
            "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
            "GALAXY_QUEUE_PREFIX": settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"],
            "GALAXY_RUN_LEASE_S": str(LEASE_S),
            "PYTHONPATH": str(ROOT),
        }
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


@pytest.fixture
def workers(transactional_db):
    """Workers on this test process's queue, which nobody else shares (tests/settings.py)."""
    app.control.purge()
    found = Workers()
    yield found
    found.stop()


def until(condition, *, reconciling: bool = False) -> None:
    """Wait until ``condition()`` holds; ``reconciling`` does what beat does every few seconds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        if reconciling:
            reconcile()
        time.sleep(0.2)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_pack_whose_worker_is_killed_finishes_once(cast, workers):
    workspace = cast["meridian"]
    with workspace_scope([workspace.pk]):
        installed(workspace, cast["admin"], SLOW_PROBE, TIDY, PACK)
        victim = workers.start()
        run = invoke(workspace, actor=cast["admin"], target="probe.flow", inputs={"name": "Ada", "on": "3 March 2026"})
        until(lambda: run.steps.filter(step_id="make", state="running").exists())
        time.sleep(0.3)  # in the middle of the step's answer
        workers.kill(victim)
        run.refresh_from_db()
        assert (run.state, run.attempt) == ("running", 1)

        workers.start()
        until(lambda: Run.objects.get(pk=run.pk).is_final, reconciling=True)

        run.refresh_from_db()
        assert (run.state, run.attempt) == ("succeeded", 2)
        steps = {step.step_id: step for step in run.steps.all()}
        assert {step_id: step.state for step_id, step in steps.items()} == {
            "tidy": "succeeded", "make": "succeeded", "look": "succeeded",
        }  # fmt: skip
        assert (steps["tidy"].attempt, steps["make"].attempt) == (1, 2)
        assert Outcome.objects.filter(run=run).count() == 1
        ended = AuditEvent.objects.filter(action="run.succeeded")
        assert sorted(ended.values_list("target_id", flat=True)) == sorted(
            str(one.pk) for one in [run, *steps.values()]
        )
        assert not RunPayload.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_lost_message_is_rung_again(cast, workers):
    workspace = cast["meridian"]
    with workspace_scope([workspace.pk]):
        installed(workspace, cast["admin"], PROBE)
        run = invoke(workspace, actor=cast["admin"], target="probe.look_up", inputs={"key": "a"})
        assert app.control.purge() >= 1
        workers.start()
        until(lambda: Run.objects.get(pk=run.pk).is_final, reconciling=True)
        assert Run.objects.get(pk=run.pk).state == "succeeded"
