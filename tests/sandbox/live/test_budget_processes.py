"""Four worker processes share one budget and one breaker, counted where it matters: at the other side. The full minute
is a measurement, ``make bench ONLY=budget``."""

import time
from collections import Counter as Counts
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from registry.models import Connection
from sandbox.models import Breaker, Run
from tests.budget_race import HOST, WORKERS, Counter, ask, connector, work_off
from tests.core.egress.peers import Peer
from tests.extensions import installed
from tests.sandboxd import Sandboxd

PER_SECOND = 6


@pytest.mark.asvs("2.3.2", "2.4.1", "15.4.1")
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_four_processes_send_no_more_than_one_budget_and_one_trial(cast, workers, authority):
    counter = Counter()
    peer = Peer(authority.context(HOST), counter)
    sandboxd = Sandboxd({HOST: peer.port}, authority.pem)
    sandboxd.start("--size", "1")
    try:
        workers.env["SANDBOXD_SOCKET"] = str(sandboxd.socket)
        for _ in range(WORKERS):
            workers.start()
        with workspace_scope([cast["meridian"].pk]):
            installed(cast["meridian"], cast["admin"], connector(f"rps: {PER_SECOND}"))
            Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
            runs = work_off(cast["meridian"], cast["admin"], 20, counter, arrivals=20, deadline_s=60)
            assert {run.state for run in runs} <= {"succeeded", "running"}
            assert 2 <= counter.most_within(1.0) <= PER_SECOND
            assert _one_trial(cast["meridian"], cast["admin"], counter) == {"circuit_open": 7, "http_503": 1}
    finally:
        sandboxd.close()
        peer.close()


def _one_trial(workspace, admin, counter: Counter) -> Counts:
    """The errors of eight runs that come when an open breaker lets one of them try, and it fails."""
    _wait_for([run.pk for run in Run.objects.all()])  # one that is still answered would take the 503, and try
    counter.status = 503
    so_far = len(counter.arrivals)
    Breaker.objects.create(
        workspace=workspace,
        connection=Connection.objects.get(),
        action="look_up",
        state=Breaker.State.OPEN,
        until=timezone.now() - timedelta(seconds=1),
    )
    asked = ask(workspace, admin, 8)
    _wait_for(asked)
    assert len(counter.arrivals) == so_far + 1
    return Counts(run.error["error_code"] for run in Run.objects.filter(pk__in=asked))


def _wait_for(runs: list[UUID]) -> None:
    deadline = time.monotonic() + 30
    while Run.objects.filter(pk__in=runs, finished_at=None).exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
