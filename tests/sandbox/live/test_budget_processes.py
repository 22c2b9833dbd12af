"""Four worker processes share one budget, counted where it matters: at the other side. The full minute is a
measurement, ``make bench ONLY=budget``."""

import pytest

from galaxy.core.scope import workspace_scope
from registry.models import Connection
from tests.budget_race import HOST, WORKERS, Counter, connector, work_off
from tests.core.egress.peers import Peer
from tests.extensions import installed
from tests.sandboxd import Sandboxd

PER_SECOND = 6


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_four_processes_never_send_more_than_one_budget(cast, workers, authority):
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
            assert len({run.mode for run in runs}) == 1
    finally:
        sandboxd.close()
        peer.close()
    assert 2 <= counter.most_within(1.0) <= PER_SECOND
