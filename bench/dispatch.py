"""Row 5: what it costs to hand a run to a worker, beside a bare Celery task that writes the same rows; and kills.

Both write a run, its doorbell and an event, ring, and have one worker process take the run and write spans, call record
and event with its end. The bare task does so statement by statement; the product through its own functions (lease,
fencing, guarded last write, commitments), which write in as few statements as they can. What its gate does
between is rows 1 and 11. Both take turns. How soon a run starts is measured one run at a time.

    BENCH_KILLS=1000 python -m bench dispatch     as many kill -9 of workers as that, 40 otherwise
"""

import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench._database import fresh_database
from bench._rows import WALL, compared, row

ROUNDS, EACH, STARTS = 21, 60, 200
LEAST_RATIO, MOST_START_MS, LONGEST_S = 0.9, 5.0, 180
KILLS = int(os.environ.get("BENCH_KILLS", "40"))
BETWEEN_KILLS_S = 0.25
_row = partial(row, "5")


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database():
        from galaxy.celery import app
        from galaxy.core.scope import workspace_scope
        from tests.extensions import PROBE, installed
        from tests.factories import make_user, make_workspace

        admin = make_user("Admin")
        workspace = make_workspace("Bench", {"owner": admin})
        app.control.purge()
        try:
            with workspace_scope([workspace.pk]):
                probe = installed(workspace, admin, PROBE)[0]
                return [*_handed_over(workspace, admin, probe), *_killed(workspace, admin, probe)]
        finally:
            app.control.purge()


def _handed_over(workspace: Any, admin: Any, probe: Any) -> list[dict[str, Any]]:
    from bench import _dispatch as ways
    from sandbox.services import doorbells

    worker = _worker("--pool", "solo")
    ring, doorbells.perform_run = doorbells.perform_run, ways.handed_over
    try:
        product = partial(_product, workspace, admin)
        bare = partial(_bare, workspace, admin)
        for way in (product, bare):
            _taken(way, workspace, admin, probe, 20)
        pairs = [tuple(_taken(way, workspace, admin, probe, EACH) for way in (product, bare)) for _ in range(ROUNDS)]
        starts = [tuple(_start(way, workspace, admin, probe) for way in (product, bare)) for _ in range(STARTS)]
    finally:
        doorbells.perform_run = ring
        _stop(worker)
    ours, theirs = ([pair[at] for pair in starts] for at in (0, 1))
    p95 = statistics.quantiles(ours, n=20)[-1]
    return [
        compared(
            "5",
            "runs handed over, beside a bare Celery task with the same rows",
            [EACH / ours for ours, _ in pairs],
            [EACH / theirs for _, theirs in pairs],
            "/s",
            clock=WALL,
            least=LEAST_RATIO,
        ),
        _row("queued until taken, p50", statistics.median(ours), "ms"),
        _row("queued until taken, p95", p95, "ms", f"<= {MOST_START_MS:.0f}", p95 <= MOST_START_MS),
        _row("bare task, p50", statistics.median(theirs), "ms"),
        _row("bare task, p95", statistics.quantiles(theirs, n=20)[-1], "ms"),
    ]


def _taken(way: Callable[[Any], None], workspace: Any, admin: Any, probe: Any, number: int) -> float:
    """Seconds until ``number`` runs are over."""
    from sandbox.models import Run

    runs = [_run(workspace, admin, probe) for _ in range(number)]
    began = time.perf_counter()
    for run in runs:
        way(run)
    left = Run.objects.filter(pk__in=[run.pk for run in runs]).exclude(state="succeeded")
    _until(lambda: not left.exists(), every_s=0.005)
    return time.perf_counter() - began


def _product(workspace: Any, admin: Any, run: Any) -> None:
    from django.db import transaction

    from galaxy.core import audit
    from galaxy.core.db.writing import insert
    from sandbox.services.doorbells import doorbell

    with transaction.atomic():
        event = audit.entry("run.requested", actor=admin, target=run, simulated=True, after={"state": run.state})
        insert(run, event, doorbell(run))


def _bare(workspace: Any, admin: Any, run: Any) -> None:
    from django.db import connection, transaction
    from django.utils import timezone

    from bench import _dispatch as ways
    from galaxy.core.db.writing import columns_of, values_of

    columns, places = columns_of(type(run))
    facts = {f"field.{number}": "0" * 64 for number in range(12)}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {columns} VALUES {places}", values_of(run))  # noqa: S608  (our own columns)
            doorbell = "INSERT INTO sandbox_outboxmessage (id, workspace_id, run_id, ring_at, because)"
            cursor.execute(f"{doorbell} VALUES (%s, %s, %s, %s, '')", [uuid4(), workspace.pk, run.pk, timezone.now()])
        ways.write_event(workspace.pk, run.pk, admin.pk, facts)
        ring = partial(ways.bare.apply_async, args=[str(workspace.pk), str(run.pk), str(admin.pk), facts], retry=False)
        transaction.on_commit(ring)


def _run(workspace: Any, admin: Any, probe: Any) -> Any:
    from sandbox.models import Run

    version = probe.pin.version
    return Run(
        workspace=workspace,
        installation=probe,
        version=version,
        version_digest=version.digest,
        kind="action",
        target="probe.create",
        mode="simulated",
        requested_by=admin,
        chain=[{"kind": "person", "id": str(admin.pk), "label": "Admin"}],
        input_digest="0" * 64,
        seed=1,
        trace_id="0" * 32,
    )


def _start(way: Callable[[Any], None], workspace: Any, admin: Any, probe: Any) -> float:
    """Milliseconds from before a run is committed to when a worker takes it."""
    from django.utils import timezone

    from sandbox.models import Run

    run = _run(workspace, admin, probe)
    before = timezone.now()
    way(run)
    _until(lambda: Run.objects.filter(pk=run.pk, state="succeeded").exists(), every_s=0.003)
    return (Run.objects.values_list("started_at", flat=True).get(pk=run.pk) - before).total_seconds() * 1e3


def _killed(workspace: Any, admin: Any, probe: Any) -> list[dict[str, Any]]:
    """Workers are killed at random moments while they do live writes that must not be repeated."""
    from bench._dispatch import EFFECTS
    from registry.models import Connection
    from sandbox.models import Run
    from sandbox.services import invoke, reconcile
    from sandbox.valkey import client

    client().delete(EFFECTS)
    Connection.objects.filter(installation=probe).update(status=Connection.Status.AUTHENTICATED)
    worker = _worker("--pool", "prefork", "--concurrency", "2", BENCH_EFFECTS="1", GALAXY_RUN_LEASE_S="2")
    runs, killed = [], 0
    began = time.perf_counter()
    try:
        while killed < KILLS:
            asked = [
                invoke(workspace, actor=admin, target="probe.create", inputs={"key": uuid4().hex}) for _ in range(4)
            ]
            runs += [run.pk for run in asked]
            time.sleep(random.uniform(0, BETWEEN_KILLS_S))  # noqa: S311  (any moment will do)
            killed += _kill_one_of(worker.pid)
            reconcile()
        left = Run.objects.filter(pk__in=runs, state__in=["queued", "running"])
        _drained(left, meanwhile=reconcile)
    finally:
        _stop(worker)
    effects = {name.decode(): int(count) for name, count in client().hgetall(EFFECTS).items()}
    states = {str(pk): state for pk, state in Run.objects.filter(pk__in=runs).values_list("pk", "state")}
    twice = sum(count > 1 for count in effects.values())
    lost = sum(state == "succeeded" and not effects.get(pk) for pk, state in states.items())
    hidden = sum(state not in {"succeeded", "unknown"} and bool(effects.get(pk)) for pk, state in states.items())
    client().delete(EFFECTS)
    return [
        _row("kill -9 of a worker at work", killed, "", f">= {KILLS}", killed >= KILLS),
        _row("runs under way meanwhile", len(runs), ""),
        _row("effects that happened twice", twice, "", "== 0", twice == 0),
        _row("runs that succeeded without an effect", lost, "", "== 0", lost == 0),
        _row("effects of runs said to have failed", hidden, "", "== 0", hidden == 0),
        _row("runs reported as unknown", sum(state == "unknown" for state in states.values()), ""),
        _row("time in all", time.perf_counter() - began, "s"),
    ]


def _kill_one_of(parent: int) -> int:
    """Kill one child that works for the pool; 0 where none is there at this moment."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    if not children:
        return 0
    try:
        os.kill(int(random.choice(children)), signal.SIGKILL)  # noqa: S311
    except ProcessLookupError:
        return 0
    return 1


def _worker(*options: str, **more: str) -> subprocess.Popen[bytes]:
    """A Celery worker on this process's queue, once it answers."""
    from django.conf import settings

    from galaxy.celery import app
    from tests.processes import ROOT, environment

    env = environment(
        GALAXY_TESTING="0",  # with a pool of connections, as workers have
        CELERY_BROKER_URL=settings.CELERY_BROKER_URL,
        GALAXY_QUEUE_PREFIX=settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"],
        **more,
    )
    command = [sys.executable, "-W", "ignore", "-m", "celery", "-q", "-A", "galaxy", "worker", "-I", "bench._dispatch"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "CRITICAL", *options]
    nowhere = subprocess.DEVNULL  # it would tell of every child that is killed
    worker = subprocess.Popen([*command, *quiet], cwd=ROOT, env=env, stdin=nowhere, stdout=nowhere, stderr=nowhere)  # noqa: S603
    _until(lambda: bool(app.control.ping(timeout=1)), every_s=0.1)
    return worker


def _stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    try:
        worker.wait(timeout=20)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _drained(left: Any, *, meanwhile: Callable[[], Any]) -> None:
    """Wait until none of ``left`` is there; AssertionError where ``LONGEST_S`` bring no end nearer."""
    while number := left.count():
        _until(lambda number=number: left.count() < number, every_s=0.2, meanwhile=meanwhile)


def _until(condition: Callable[[], bool], *, every_s: float, meanwhile: Callable[[], Any] | None = None) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("not in time")
        if meanwhile:
            meanwhile()
        time.sleep(every_s)
