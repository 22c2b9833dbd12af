"""F4: four worker processes, one budget of 120 calls a minute, counted at the other side for longer than a minute.

    python -m bench budget

Real parts: Celery workers, sandboxd, PostgreSQL, Valkey, and a TLS peer that answers after up to 0.2 s. More runs are
queued than the budget lets through, so that call 121 has to wait for its turn.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from bench._database import fresh_database
from bench._rows import row

PER_MINUTE, QUEUED, WANTED = 120, 220, 180
SPAN_S, DEADLINE_S = 60.0, 150


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database(), tempfile.TemporaryDirectory() as folder:
        from tests.budget_race import HOST, Counter
        from tests.core.egress.peers import Authority, Peer
        from tests.sandboxd import Sandboxd
        from tests.workers import Workers

        authority, counter = Authority(Path(folder)), Counter()
        peer = Peer(authority.context(HOST), counter)
        sandboxd, workers = Sandboxd({HOST: peer.port}, authority.pem), Workers()
        workers.env["SANDBOXD_SOCKET"] = str(sandboxd.socket)
        try:
            sandboxd.start("--size", "1")
            return _measure(counter, workers)
        finally:
            workers.stop()
            sandboxd.close()
            peer.close()


def _measure(counter: Any, workers: Any) -> list[dict[str, Any]]:
    from galaxy.celery import app
    from galaxy.core.scope import workspace_scope
    from registry.models import Connection
    from tests.budget_race import WORKERS, connector, work_off
    from tests.extensions import installed
    from tests.factories import make_user, make_workspace

    admin = make_user("Admin")
    workspace = make_workspace("Bench", {"owner": admin})
    app.control.purge()
    for _ in range(WORKERS):
        workers.start()
    with workspace_scope([workspace.pk]):
        installed(workspace, admin, connector(f"rpm: {PER_MINUTE}"))
        Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
        began = time.monotonic()
        try:
            runs = work_off(workspace, admin, QUEUED, counter, arrivals=WANTED, deadline_s=DEADLINE_S)
        finally:
            app.control.purge()
    most = counter.most_within(SPAN_S)
    first = sorted(counter.arrivals)
    wait_s = first[PER_MINUTE] - first[0]
    failed = sum(1 for run in runs if run.state == "failed")
    return [
        row("F4", f"most in any {SPAN_S:.0f} s, {WORKERS} processes", most, "", "<= 120", most <= PER_MINUTE),
        row("F4", "requests counted at the other side", len(counter.arrivals), ""),
        row("F4", f"call {PER_MINUTE + 1} came after the first one by", wait_s, "s", ">= 60", wait_s >= SPAN_S),
        row("F4", "time in all", time.monotonic() - began, "s"),
        row("F4", "runs that failed", failed, "", "== 0", failed == 0),
    ]
