"""A worker killed in the middle of a pack: another one finishes the pack, and nothing is done twice.

Real parts: PostgreSQL, Valkey, and Celery workers as processes of their own.
"""

import time

import pytest

from galaxy.celery import app
from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from sandbox.models import Outcome, Run, RunPayload
from sandbox.services import invoke, reconcile
from tests.extensions import PACK, PROBE, TIDY, installed

DEADLINE_S = 60

# The same pack, slow enough to be hit in the middle.
SLOW_PROBE = PROBE.replace("simulation: { answer:", "simulation: { latency_ms: 900, answer:")


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
