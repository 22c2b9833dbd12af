"""Row 11: one manifest action, live, against a peer on this machine, beside a bare httpx2 call to the same peer.

The product is asked for as a person asks for it and done as a worker does it, in this process, with everything on:
decision, idempotency key, sealed credential, sandboxd and its broker, trace, redaction, call record and audit. The bare
call is a GET over a TLS connection of its own, as the product's is. Both take turns. CPU time is that of this process
and of sandboxd; the peer and PostgreSQL have processes of their own. Overhead is product less bare call, by rounds.
"""

import json
import os
import ssl
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench._database import fresh_database
from bench._peer import Served, peer
from bench._rows import compared, row

HOST = "api.live.example"
TOKEN = "bench-token-0123456789"  # noqa: S105  (opens nothing)
BODY = {"id": "x1", "owner": "ada@example.test", "title": "Plan", "tags": ["a", "b"]}
ROUNDS, EACH, WARM = 9, 30, 20
TRANSFORMS = 300
MOST_CPU_MS, MOST_WALL_MS, MOST_TRANSFORM_MS = 12, 25, 20
_row = partial(row, "11")
CONNECTOR = f"""
connector: live
version: 1.0.0
name: Live
summary: A made-up system.
auth: {{ type: bearer }}
base_url: https://{HOST}
egress: [{{ host: {HOST} }}]
permissions: {{ required: [things.read] }}
actions:
  - id: look_up
    method: GET
    path: /things/{{key}}
    inputs: {{ key: string, fields: "string[]?" }}
    query: {{ fields: inputs.fields }}
    outputs: {{ id: string, owner: email?, title: string?, tags: "string[]?" }}
    scopes: [things.read]
    simulation: {{ answer: {{ id: "'s'" }} }}
    fixtures:
      happy: {{ status: 200, body: {{ id: x1 }} }}
      "401": {{ status: 401 }}
      "429": {{ status: 429 }}
      "5xx": {{ status: 502 }}
"""


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with peer(HOST, json.dumps(BODY)) as served, fresh_database():
        from tests.sandboxd import Sandboxd

        sandboxd = Sandboxd({HOST: served.port}, served.authority)
        sandboxd.env |= {"GALAXY_TESTING": "0", "LOG_LEVEL": "WARNING"}  # with a pool of connections, as where it works
        sandboxd.start("--size", "1")
        try:
            return _measure(served, sandboxd)
        finally:
            sandboxd.close()


def _measure(served: Served, sandboxd: Any) -> list[dict[str, Any]]:
    from django.test.utils import override_settings

    from galaxy.celery import app
    from galaxy.core.scope import workspace_scope

    with override_settings(SANDBOXD_SOCKET=sandboxd.socket, GALAXY_KMS=f"local:{sandboxd.key_file}"):
        workspace, admin = _house()
        with workspace_scope([workspace.pk]):
            live, transform = partial(_live, workspace, admin), partial(_transform, workspace, admin)
            bare = _bare(served)
            try:
                rows = _compared(live, bare, sandboxd.process.pid)
                rows += _transformed(transform)
            finally:
                app.control.purge()
    return rows


def _compared(live: Callable[[], None], bare: Callable[[], None], pid: int) -> list[dict[str, Any]]:
    for _ in range(WARM):
        live()
        bare()
    ours, theirs, cpu, sandboxd, bares = [], [], [], [], []
    for _ in range(ROUNDS):
        before = _cpu_ms(pid)
        mine = [_taken(live) for _ in range(EACH)]
        there = (_cpu_ms(pid) - before) / EACH
        other = [_taken(bare) for _ in range(EACH)]
        cpu.append(_middle(mine, 1) + there)
        bares.append(_middle(other, 1))
        sandboxd.append(there)
        ours += mine
        theirs += other
    bare_wall = _middle(theirs, 0)
    overhead = statistics.quantiles([wall for wall, _ in ours], n=20)[-1] - bare_wall
    over = [one - other for one, other in zip(cpu, bares, strict=True)]
    middle = statistics.median(over)
    return [
        compared("11", "live action with sandboxd, CPU p50 by round, beside a bare httpx2 call", cpu, bares, "ms"),
        _row("bare httpx2 call, wall p50", bare_wall, "ms"),
        _row("live action, wall p50", _middle(ours, 0), "ms"),
        _row("live action, CPU p50 of the worker", _middle(ours, 1), "ms"),
        _row("live action, CPU of sandboxd, middle of rounds", statistics.median(sandboxd), "ms"),
        _row(
            f"overhead of the gate, CPU p50, middle of {ROUNDS} rounds",
            middle,
            "ms",
            f"<= {MOST_CPU_MS}",
            middle <= MOST_CPU_MS,
            over,
        ),
        _row("overhead of the gate, wall p95", overhead, "ms", f"<= {MOST_WALL_MS}", overhead <= MOST_WALL_MS),
    ]


def _transformed(transform: Callable[[], None]) -> list[dict[str, Any]]:
    for _ in range(WARM):
        transform()
    walls = [_taken(transform)[0] for _ in range(TRANSFORMS)]
    p95 = statistics.quantiles(walls, n=20)[-1]
    return [
        _row("warm transform, wall p50", statistics.median(walls), "ms"),
        _row("warm transform, wall p95", p95, "ms", f"<= {MOST_TRANSFORM_MS}", p95 <= MOST_TRANSFORM_MS),
    ]


def _house() -> tuple[Any, Any]:
    """A workspace with the connector connected and a transform installed, and its admin."""
    from galaxy.core.scope import workspace_scope
    from registry.models import Connection
    from tests.connections import seal_for
    from tests.extensions import TIDY, installed
    from tests.factories import make_user, make_workspace

    admin = make_user("Admin")
    workspace = make_workspace("Bench", {"owner": admin})
    with workspace_scope([workspace.pk]):
        installation, _ = installed(workspace, admin, CONNECTOR, TIDY)
        connection = Connection.objects.select_related("installation__workspace", "workspace")
        seal_for(connection.get(installation=installation), {"token": TOKEN})
    return workspace, admin


def _live(workspace: Any, admin: Any) -> None:
    inputs = {"key": "k1", "fields": ["id", "title"]}
    _run(workspace, admin, "live.look_up", inputs, idempotency_key=str(uuid4()))


def _transform(workspace: Any, admin: Any) -> None:
    _run(workspace, admin, "probe.tidy", {"name": "A", "on": "2026-01-02"})


def _run(workspace: Any, admin: Any, target: str, inputs: dict[str, Any], **options: Any) -> None:
    from sandbox.services import invoke, perform

    run = perform(invoke(workspace, actor=admin, target=target, inputs=inputs, **options).pk)
    if run is None or run.state != "succeeded":
        raise AssertionError(f"{target} did not run: {run and run.error}")


def _bare(served: Served) -> Callable[[], None]:
    import httpx2

    context = ssl.create_default_context(cadata=served.authority)
    client = httpx2.Client(verify=context, trust_env=False)
    url = f"https://127.0.0.1:{served.port}/things/k1?fields=id&fields=title"
    headers = {"Host": HOST, "Authorization": f"Bearer {TOKEN}", "Connection": "close"}

    def call() -> None:
        reply = client.get(url, headers=headers, extensions={"sni_hostname": HOST})
        if reply.json() != BODY:
            raise AssertionError(f"the peer said {reply.status_code}")

    return call


def _taken(work: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds (by the clock, by the processor)."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def _middle(pairs: list[tuple[float, float]], which: int) -> float:
    return statistics.median(pair[which] for pair in pairs)


def _cpu_ms(pid: int) -> float:
    """Processor time of a process so far, all its threads, also those that are over."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e3
