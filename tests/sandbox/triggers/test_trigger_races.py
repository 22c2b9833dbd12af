"""Many senders and workers at once, on connections of their own with real commits: each event starts one run.

The last test has every part real: sandboxd and a Celery worker as processes, and the official library as the sender.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connections

from galaxy.core.scope import workspace_scope
from sandbox import tasks
from sandbox.models import Run, TriggerDelivery, TriggerFiring
from sandbox.triggers.counting import counted
from sandbox.triggers.firing import tend
from sandbox.triggers.services import create_trigger, switch_on
from tests.extensions import PROBE, installed
from tests.sandbox.triggers.conftest import WEBHOOK
from tests.sandbox.triggers.sending import post, signed
from tests.sandboxd import Sandboxd

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
DEADLINE_S = 60
SENDERS = 8


@pytest.fixture
def no_bell(monkeypatch):
    """Nobody else works: the threads of each test do."""
    monkeypatch.setattr(tasks.perform_run, "apply_async", lambda *args, **options: None)
    monkeypatch.setattr(tasks.tend_trigger, "apply_async", lambda *args, **options: None)


@pytest.fixture
def hook(workspace, admin):
    def make(**values):
        installed(workspace, admin, PROBE)
        trigger, key = create_trigger(workspace, actor=admin, kind="webhook", values=WEBHOOK | values)
        return switch_on(trigger, actor=admin), key

    return make


def at_once(calls) -> list:
    def one(call):
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(SENDERS) as pool:
        return list(pool.map(one, calls))


def figures(trigger) -> dict[str, int]:
    found = counted(trigger, datetime(2020, 1, 1, tzinfo=UTC))
    return {name: number for name, number in found.items() if number}


def test_a_hundred_of_one_delivery_at_once_are_one_run(workspace, vault, hook, no_bell):
    trigger, key = hook()
    body = json.dumps({"id": "o-1"})
    headers = signed(key, body, id="msg_1")
    words = at_once([lambda: post(trigger.address, body, headers).json()["status"]] * 100)
    assert sorted(words) == ["accepted"] + ["repeated"] * 99
    assert TriggerDelivery.objects.count() == TriggerFiring.objects.count() == 1
    assert figures(trigger) == {"accepted": 1, "repeated": 99}

    def work():
        with workspace_scope([workspace.pk]):
            return tend(trigger.pk)

    assert sum(at_once([work] * SENDERS)) == 1
    assert Run.objects.filter(trigger=trigger).count() == 1


def test_two_beats_at_once_fire_a_time_once(workspace, admin, no_bell):
    installed(workspace, admin, PROBE)
    values = {
        "name": "Every minute", "slug": "every-minute", "target": "probe.look_up", "inputs": {"key": "'a'"},
        "scopes": ["things.read"], "cron": "* * * * *", "zone": "UTC",
    }  # fmt: skip
    trigger, _ = create_trigger(workspace, actor=admin, kind="schedule", values=values)
    trigger = switch_on(trigger, actor=admin)

    def work():
        with workspace_scope([workspace.pk]):
            return tend(trigger.pk, now=trigger.next_at)

    at_once([work] * SENDERS)
    assert Run.objects.filter(trigger=trigger).count() == 1


def test_what_the_official_library_sends_is_verified_in_sandboxd_and_run_by_a_worker(
    workspace, hook, settings, workers
):
    sandboxd = Sandboxd()
    try:
        sandboxd.start()
        settings.GALAXY_KMS, settings.SANDBOXD_SOCKET = "", sandboxd.socket
        trigger, key = hook()
        workers.start()
        body = json.dumps({"id": "o-1"})
        assert post(trigger.address, body, signed(key, body + " ")).status_code == 401
        assert post(trigger.address, body, signed(key, body)).json()["status"] == "accepted"
        deadline = time.monotonic() + DEADLINE_S
        while not Run.objects.filter(trigger=trigger, state="succeeded").exists():
            assert time.monotonic() < deadline, "not in time"
            tasks.tend_triggers()  # what beat does every few seconds
            time.sleep(0.2)
        assert Run.objects.get(trigger=trigger).inputs == {"key": "o-1"}
        assert key not in sandboxd.log.read_text(encoding="utf-8")
    finally:
        sandboxd.close()
