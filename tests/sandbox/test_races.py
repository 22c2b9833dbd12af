"""Many workers and people at once, on connections of their own with real commits: each thing happens once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from galaxy.core.scope import workspace_scope
from policies.models import Approval
from policies.services.approvals import AlreadyDecided
from sandbox import tasks
from sandbox.models import CallRecord, Outcome, Run, RunPayload
from sandbox.runners.simulated import SimulatedRunner
from sandbox.services import cancel_run, invoke, perform
from tests.approving import approve
from tests.extensions import PACK, PROBE, TIDY, installed

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
FLOW = {"name": "Ada", "on": "3 March 2026", "remove": True}


@pytest.fixture(autouse=True)
def no_bell(monkeypatch):
    """Nobody else performs: the threads of each test are the workers."""
    monkeypatch.setattr(tasks.perform_run, "apply_async", lambda *args, **options: None)


@pytest.fixture
def together(workspace):
    """``together(*calls)``: all at the same moment, each in a thread; what they returned. An exception is raised."""

    def run(*calls):
        start = Barrier(len(calls))

        def one(call):
            try:
                with workspace_scope([workspace.pk]):
                    start.wait(timeout=20)
                    return call()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(one, calls))

    return run


def test_eight_workers_do_a_write_once(workspace, admin, together, monkeypatch):
    installed(workspace, admin, PROBE)
    sent = []
    attempt = SimulatedRunner.attempt
    monkeypatch.setattr(
        SimulatedRunner,
        "attempt",
        lambda runner, inputs, number: [sent.append(inputs["key"]), attempt(runner, inputs, number)][1],
    )
    for key in ("a", "b", "c"):
        run = invoke(workspace, actor=admin, target="probe.create", inputs={"key": key})
        together(*[lambda run=run: perform(run.pk)] * 8)
    assert sent == ["a", "b", "c"]
    assert CallRecord.objects.count() == 3


def test_eight_senders_of_one_key_get_one_run(workspace, admin, together):
    installed(workspace, admin, PROBE)

    def send():
        return invoke(workspace, actor=admin, target="probe.create", inputs={"key": "a"}, idempotency_key="one")

    assert len({run.pk for run in together(*[send] * 8)}) == Run.objects.count() == 1


def test_a_yes_that_races_with_calling_off_runs_nothing(workspace, admin, approver, together):
    installed(workspace, admin, PROBE)
    for _ in range(3):
        run = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "a"})

        def say_yes(run=run):
            try:
                approve(run.approval, approver)
            except AlreadyDecided as late:
                return late

        together(
            say_yes,
            lambda run=run: cancel_run(Run.objects.get(pk=run.pk), actor=admin),
            lambda run=run: perform(run.pk),
        )
        run.refresh_from_db()
        assert (run.state, perform(run.pk)) == ("cancelled", None)
    assert not RunPayload.objects.exists()
    assert not Approval.objects.exclude(consumed_at=None).exists()


def test_a_hasty_yes_leaves_no_pack_waiting(workspace, admin, approver, together):
    installed(workspace, admin, PROBE, TIDY, PACK)

    def approve_at_once():
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if found := Approval.objects.waiting().first():
                return approve(found, approver)
        return None

    for _ in range(3):
        run = invoke(workspace, actor=admin, target="probe.flow", inputs=FLOW)
        together(lambda run=run: perform(run.pk), approve_at_once)
        run.refresh_from_db()
        assert run.state == "queued"
        assert perform(run.pk).state == "succeeded"
    assert Outcome.objects.count() == 3
