"""RabbitMQ as broker, really: killed workers, a killed broker, tasks that wait, beat. ``make rabbitmq`` runs these."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest
from amqp.exceptions import NotFound
from kombu.exceptions import OperationalError

from galaxy.celery import app
from galaxy.core.ops import readiness
from galaxy.core.ops.conditions import BAD, GOOD
from galaxy.core.scope import workspace_scope
from galaxy.core.tasks import note_heartbeat
from galaxy.queue import Queue, queue_at
from sandbox.models import OutboxMessage, Run
from sandbox.services import invoke, reconcile
from tests.deploy.rabbitmq import PROGRAM, RabbitMQ
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.hosts.network import Forward
from tests.processes import ROOT
from tests.workers import Workers

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("GALAXY_TRY_RABBITMQ") != "1" or not PROGRAM.exists(),
        reason="RabbitMQ takes Erlang and half a minute: make rabbitmq installs it and runs these",
    ),
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
]
DEADLINE_S = 120
PREFIX = f"test-{os.getpid()}-"
SLOW_PROBE = PROBE.replace("simulation: { answer:", "simulation: { latency_ms: 2500, answer:")


@pytest.fixture(scope="module")
def rabbit():
    found = RabbitMQ()
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.fixture
def ringing(rabbit):
    """This process rings at RabbitMQ, as a web process with that broker does."""
    with _at(rabbit.url, queue_at(rabbit.url, prefix=PREFIX)):
        with app.connection_for_write() as link, suppress(NotFound):
            link.default_channel.queue_purge(f"{PREFIX}celery")
        yield rabbit


@contextmanager
def _at(url: str, queue: Queue):
    before = {name: app.conf[name] for name in _of(url, queue)}
    _use(_of(url, queue))
    try:
        yield
    finally:
        _use(before)


def _of(url: str, queue: Queue) -> dict:
    return {
        "broker_url": url,
        "broker_transport_options": queue.options,
        "broker_heartbeat": queue.heartbeat_s,
        "task_default_queue": queue.name,
        "task_default_queue_type": queue.kind,
        "task_default_exchange_type": queue.exchange_kind,
    }


def _use(conf: dict) -> None:
    app.conf.update(conf)
    app._pool = None
    app.__dict__.pop("amqp", None)  # made anew from the settings when it is next asked for


@pytest.fixture
def staff(ringing):
    """Workers and beat at RabbitMQ."""
    found = Workers()
    found.env |= {"CELERY_BROKER_URL": ringing.url, "GALAXY_QUEUE_PREFIX": PREFIX}
    yield found
    found.stop()


def waiting() -> int:
    """Messages that no worker holds."""
    with app.connection_for_write() as link:
        return link.default_channel.queue_declare(f"{PREFIX}celery", passive=True).message_count


def until(condition, *, reconciling: bool = False) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        if reconciling:
            reconcile()
        time.sleep(0.2)


def look_up(workspace, actor, key: str) -> Run:
    return invoke(workspace, actor=actor, target="probe.look_up", inputs={"key": key})


def test_a_killed_worker_gives_its_task_back_at_once_and_another_finishes_it(cast, staff):
    workspace = cast["meridian"]
    with workspace_scope([workspace.pk]):
        installed(workspace, cast["admin"], SLOW_PROBE, TIDY, PACK)
        victim = staff.start()
        run = invoke(workspace, actor=cast["admin"], target="probe.flow", inputs={"name": "Ada", "on": "3 March 2026"})
        until(lambda: run.steps.filter(step_id="make", state="running").exists())
        assert waiting() == 0, "the worker holds it, unacknowledged"
        staff.kill(victim)
        until(lambda: waiting() == 1)

        staff.start()
        until(lambda: Run.objects.get(pk=run.pk).is_final, reconciling=True)
        run.refresh_from_db()
        assert (run.state, run.attempt) == ("succeeded", 2)
        until(lambda: waiting() == 0)


def test_a_broker_that_is_killed_loses_nothing(cast, staff, ringing):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        installed(workspace, admin, PROBE)
        before = [look_up(workspace, admin, key) for key in "abc"]
        assert waiting() == 3
        ringing.kill()
        assert readiness.look([("broker", readiness.broker)])[0].state == BAD
        during = [look_up(workspace, admin, key) for key in "de"]  # the row is the truth: nobody is told of an error
        assert {run.state for run in during} == {"queued"}
        assert OutboxMessage.objects.count() == 5

        ringing.start()
        assert readiness.broker().state == GOOD
        until(lambda: waiting() == 3)  # what was confirmed is kept
        after = [look_up(workspace, admin, key) for key in "fgh"]
        until(
            lambda: waiting() >= 3 + len(after) - 1
        )  # links that broke are made anew, by the second ring at the latest
        staff.start()
        until(lambda: not Run.objects.exclude(state="succeeded").exists(), reconciling=True)
        assert Run.objects.count() == len(before + during + after)
        assert not OutboxMessage.objects.exists()


def test_workers_come_back_to_a_broker_that_was_away(cast, staff, ringing):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        installed(workspace, admin, PROBE)
        worker = staff.start()
        first = look_up(workspace, admin, "a")
        until(lambda: Run.objects.get(pk=first.pk).is_final)
        ringing.kill()
        second = look_up(workspace, admin, "b")
        ringing.start()
        until(lambda: Run.objects.get(pk=second.pk).is_final, reconciling=True)
        assert Run.objects.get(pk=second.pk).state == "succeeded"
        assert worker.poll() is None, "the same worker"


@pytest.fixture
def way(rabbit):
    """A way to RabbitMQ that can forget who came by it, as a firewall does: no end of a connection is told."""
    forward = Forward(
        socket.create_server(("127.0.0.1", 0)), lambda: socket.create_connection(("127.0.0.1", rabbit.port))
    )
    yield forward
    forward.close()


def test_whoever_rings_at_one_that_is_gone_without_a_word_is_told(ringing, way):
    with app.connection_for_write(ringing.url_by(way.port)) as link:
        note_heartbeat.apply_async(retry=False, connection=link)
        until(lambda: waiting() == 1)
        way.forget()
        with pytest.raises(OperationalError):
            note_heartbeat.apply_async(retry=False, connection=link)


def test_a_worker_whose_broker_is_gone_without_a_word_comes_back(cast, staff, ringing, way):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        installed(workspace, admin, PROBE)
        staff.env["CELERY_BROKER_URL"] = ringing.url_by(way.port)
        worker = staff.start()
        first = look_up(workspace, admin, "a")
        until(lambda: Run.objects.get(pk=first.pk).is_final)
        way.forget()
        second = look_up(workspace, admin, "b")
        until(lambda: Run.objects.get(pk=second.pk).is_final, reconciling=True)
        assert Run.objects.get(pk=second.pk).state == "succeeded"
        assert worker.poll() is None, "the same worker"


def test_tasks_that_wait_and_those_of_beat_arrive(cast, staff, tmp_path):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        installed(workspace, admin, PROBE)
        first = staff.start()
        until(lambda: app.control.ping(timeout=2))
        staff.kill(first)  # it has declared what tasks wait in, which outlives it
        app.control.purge()
        note_heartbeat.apply_async(countdown=4)
        assert waiting() == 0, "RabbitMQ holds it, and no worker"
        until(lambda: waiting() == 1)

        run = look_up(workspace, admin, "a")
        assert app.control.purge() == 2, "nobody will hear of that run"
        staff.start()
        beat = subprocess.Popen(
            [sys.executable, "-m", "celery", "-q", "-A", "galaxy", "beat", "--schedule", str(tmp_path / "schedule")],
            cwd=ROOT, env=staff.env | {"GALAXY_DATA_DIR": str(tmp_path)}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until(lambda: Run.objects.get(pk=run.pk).is_final)
            assert Run.objects.get(pk=run.pk).state == "succeeded"
            assert (tmp_path / "alive" / "beat").exists() and beat.poll() is None
        finally:
            beat.terminate()
            beat.wait()
