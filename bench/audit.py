"""Row 2: appending to the sealed trail, beside appending alone.

Sixteen clients in four processes commit one event each time, into four workspaces, for a few seconds; taking turns,
the sequencer is at work meanwhile or is not there at all. What it costs those who append is the ratio of the two. Then
it is killed with SIGKILL in the middle of another round, another one is started, and every event has to be in its tree
once, with everything as it was signed and copied. (The clients write one event's values over and over, with other
times, so those are not held to their commitments.)

How long an event waits for its seal is measured from the database's clock at the INSERT to the time that is signed.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench._appending import PROCESSES, THREADS, append_for
from bench._database import fresh_database
from bench._rows import WALL, compared, row

ROUNDS, SECONDS, WORKSPACES = 5, 3.0, 4
LEAST_RATIO, MOST_MS = 0.9, 500
DEADLINE_S = 60
_row = partial(row, "2")
_WAITS = """
SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM c.signed_at - e.occurred_at) * 1000)
FROM core_auditleaf l
JOIN core_auditevent e ON e.workspace_id = l.workspace_id AND e.id = l.event_id
CROSS JOIN LATERAL (
    SELECT signed_at FROM core_auditcheckpoint
    WHERE workspace_id = l.workspace_id AND size > l.position ORDER BY size LIMIT 1
) AS c
WHERE e.action = 'box.opened' AND e.occurred_at >= %s AND e.occurred_at < %s
"""


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database(), tempfile.TemporaryDirectory() as folder:
        from galaxy.core.scope import workspace_scope

        workspaces = _workspaces()
        sequencer = _Process(Path(folder))
        with workspace_scope([one.pk for one in workspaces]):
            events = [_event(one) for one in workspaces]
            try:
                return [*_rounds(sequencer, events), *_killed(sequencer, workspaces, events)]
            finally:
                sequencer.stop()


class _Process:
    """The sequencer as run_all starts it, on this database."""

    def __init__(self, folder: Path):
        from galaxy.core.vault.signing import make_signing_keys
        from tests.processes import environment

        self.copies = folder / "checkpoints"
        make_signing_keys(folder / "keys.json")
        self._env = environment(
            GALAXY_SIGNING_KEYS=str(folder / "keys.json"), GALAXY_CHECKPOINTS_DIR=str(self.copies), LOG_LEVEL="ERROR"
        )
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start one, and return when it is at work and nothing waits any more."""
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "sequencer"], env=self._env, stdout=subprocess.PIPE, text=True
        )
        while self._process.stdout and self._process.stdout.readline() != "The sequencer is at work.\n":
            if self._process.poll() is not None:
                raise RuntimeError("The sequencer ended at its start.")
        _wait_until_sealed()

    def cpu_s(self) -> float:
        """CPU seconds that it has used; 0 where the system does not tell."""
        pid = self._process.pid if self._process else 0
        try:
            words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.communicate()


def _workspaces() -> list[Any]:
    from galaxy.core.accounts import create_account
    from galaxy.core.members import create_workspace

    owner = create_account("bench@example.test", password=uuid4().hex, name="Bench")
    return [create_workspace(name=f"Bench {n}", slug=f"bench-{n}", owner=owner) for n in range(WORKSPACES)]


def _event(workspace: Any) -> dict[str, Any]:
    """The values of an event that ``record`` wrote, ready to be written again."""
    import json

    from django.db import transaction

    from galaxy.core import audit
    from galaxy.core.models import AuditDetail

    with transaction.atomic():
        event = audit.record(
            "box.opened",
            actor=None,
            target=workspace,
            before={"state": "waiting", "attempts": 0},
            after={"state": "approved", "attempts": 1},
            reason="Client is on the signed contract",
        )
    detail = AuditDetail.objects.get(event_id=event.pk)
    return {
        "workspace": str(workspace.pk),
        "actor": event.actor_id,
        "commitments": json.dumps(event.commitments),
        "fields": json.dumps(detail.fields),
        "salt": bytes(detail.salt),
    }


def _place() -> dict[str, Any]:
    """Where clients connect to, as the application's role."""
    from django.db import connections

    settings = connections["default"].settings_dict
    host = settings["OPTIONS"].get("host") or settings["HOST"]
    named = {"host": host, "port": settings["PORT"], "user": settings["USER"], "password": settings["PASSWORD"]}
    return {name: value for name, value in named.items() if value} | {"dbname": settings["NAME"]}


def _rounds(sequencer: _Process, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    place, alone, sealed, waits, cpu = _place(), [], [], [], []
    append_for(1.0, place, events)  # so that no first round finds everything cold
    for _ in range(ROUNDS):
        alone.append(append_for(SECONDS, place, events) / SECONDS)
        sequencer.start()
        since, used = _now(), sequencer.cpu_s()
        sealed.append(append_for(SECONDS, place, events) / SECONDS)
        until = _now()
        cpu.append((sequencer.cpu_s() - used) / SECONDS)
        _wait_until_sealed()
        waits.append(_waits(since, until))
        sequencer.stop()
    p99 = statistics.median(wait[1] for wait in waits)
    clients = PROCESSES * THREADS
    return [
        compared(
            "2",
            f"events appended by {clients} clients while the sequencer seals, beside a plain INSERT",
            sealed,
            alone,
            "/s",
            clock=WALL,
            least=LEAST_RATIO,
        ),
        _row("from append to signed checkpoint, p50", statistics.median(wait[0] for wait in waits), "ms"),
        _row("from append to signed checkpoint, p99", p99, "ms", f"<= {MOST_MS}", p99 <= MOST_MS),
        _row("  worst p99 of the rounds", max(wait[1] for wait in waits), "ms"),
        _row("the sequencer's share of a core meanwhile", statistics.median(cpu), ""),
    ]


def _killed(sequencer: _Process, workspaces: list[Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A round in which it is killed and followed by another; then everything is counted and verified."""
    from galaxy.core.audit.verifying import verify

    sequencer.start()
    killer = threading.Timer(SECONDS / 2, sequencer.stop, [signal.SIGKILL])
    killer.start()
    append_for(SECONDS, _place(), events)
    killer.join()
    sequencer.start()
    began = time.perf_counter()
    reports = [verify(one, sequencer.copies) for one in workspaces]
    seconds = time.perf_counter() - began
    written, leaves = _counts()
    findings = sum(one.kind != "value" for report in reports for one in report.findings)
    return [
        _row(
            f"events without a place of {written:,}, a kill -9 included", written - leaves, "", "0", written == leaves
        ),
        _row("findings when all of it is verified", findings, "", "0", findings == 0),
        _row("events verified with their values", leaves / seconds, "/s"),
    ]


def _wait_until_sealed() -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (counts := _counts())[0] != counts[1]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{counts[0] - counts[1]} events are not sealed after {DEADLINE_S} s.")
        time.sleep(0.1)


def _counts() -> tuple[int, int]:
    """Events, and leaves."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM core_auditevent), (SELECT count(*) FROM core_auditleaf)")
        return cursor.fetchone()


def _now() -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def _waits(since: Any, until: Any) -> tuple[float, float]:
    """Median and p99 in milliseconds, of events that were appended within.

    Statistics are gathered first, as autovacuum does in its own time: without them the question takes minutes.
    """
    from django.db import connection, connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE core_auditevent, core_auditleaf, core_auditcheckpoint")
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, [since, until])
        p50, p99 = cursor.fetchone()[0]
        return float(p50), float(p99)
