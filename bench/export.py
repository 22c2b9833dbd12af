"""Row 2b: exporting the trail, and verifying a pack, beside what bounds each.

A plain CSV and a plain NDJSON come out of the page itself, as a browser gets them. The ceilings are one COPY each of
the same columns of the same rows in the same order, read by the same driver: without safe cells, without parts, without
Django. The verifier's ceiling is a loop over the same bytes that does nothing but hash them: the lines, two HMAC blocks
and a commitment for each field, leaves and inner nodes, all prepared beforehand. That loop is one process; verify.py is
as many as it takes by itself on this machine, and one alone is told as well. What takes turns is compared by the round;
memory is the highest that this process had during an export, above what it had before it.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench._database import fresh_database
from bench._events import fill
from bench._rows import WALL, compared, row

EVENTS, VERIFIED = 100_000, 20_000
ROUNDS = 5
LEAST_RATIO, LEAST_VERIFIER, MOST_MB, MOST_MS = 0.8, 0.5, 32, 50
_row = partial(row, "2b")
_FROM = """
FROM core_auditleaf l
JOIN core_auditevent e ON e.workspace_id = l.workspace_id AND e.id = l.event_id
JOIN core_auditdetail d ON d.workspace_id = l.workspace_id AND d.event_id = l.event_id
WHERE l.workspace_id = %(workspace)s ORDER BY l.position
"""
_SHEET = """
l.position, e.id, e.occurred_at, e.action, e.actor_kind, e.actor_id, d.actor_label, e.target_kind, e.target_id,
d.target_label, e.request_id, e.simulated, d.fields
"""
_LINE = """
l.position, e.id, e.occurred_at, e.action, e.actor_kind, e.actor_id, e.target_kind, e.target_id, e.request_id,
e.simulated, e.workspace_id, e.epoch, e.xid::text, l.hash::text, e.commitments, d.salt::text, d.fields
"""
_CSV = "COPY (SELECT {columns} {source}) TO STDOUT (FORMAT csv)"
_JSON = """
COPY (SELECT to_json(line) FROM (SELECT {columns} {source}) AS line)
TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
"""


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database(), tempfile.TemporaryDirectory() as folder:
        from galaxy.core.scope import workspace_scope

        workspace, owner = _house(Path(folder))
        with workspace_scope([workspace.pk]):
            return [*_streams(workspace, owner), *_packs(workspace, Path(folder))]


def _house(folder: Path) -> tuple[Any, Any]:
    """A workspace with EVENTS events, all of them sealed."""
    from django.db import connections

    from galaxy.core.accounts import create_account
    from galaxy.core.audit.anchors import Anchors
    from galaxy.core.audit.sequencer import Sequencer
    from galaxy.core.members import create_workspace
    from galaxy.core.scope import workspace_scope
    from galaxy.core.vault.signing import SigningKeys, make_signing_keys

    owner = create_account("bench@example.test", password=uuid4().hex, name="Bench")
    workspace = create_workspace(name="Bench", slug="bench", owner=owner)
    with workspace_scope([workspace.pk]):
        fill(workspace, {str(owner.pk): "Bench"}, {f"agent-{n}": f"Agent {n}" for n in range(20)}, EVENTS)
    keys = folder / "signing-keys.json"
    make_signing_keys(keys)
    sequencer = Sequencer(SigningKeys(keys), Anchors(folder / "checkpoints"))
    sequencer.start()
    while sequencer.turn().sealed:
        pass
    with connections["owner"].cursor() as cursor:
        for table in ("core_auditevent", "core_auditdetail", "core_auditleaf"):
            cursor.execute(f"VACUUM ANALYZE {table}")
    return workspace, owner


def _streams(workspace: Any, owner: Any) -> list[dict[str, Any]]:
    from django.test import Client
    from django.urls import reverse

    client = Client()
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    url = reverse("core:export-stream", args=[workspace.slug])
    first_ms: list[float] = []

    def product(form: str) -> int:
        began = time.perf_counter()
        chunks = iter(client.post(url, {"form": form}).streaming_content)
        next(chunks)
        first_ms.append((time.perf_counter() - began) * 1000)
        return sum(chunk.count(b"\n") for chunk in chunks)

    found = []
    csv, lines = _CSV.format(columns=_SHEET, source=_FROM), _JSON.format(columns=_LINE, source=_FROM)
    for form, name, statement in (("csv", "CSV", csv), ("ndjson", "NDJSON", lines)):
        before = _peak_mb(reset=True)
        product(form)
        above = _peak_mb() - before
        first_ms.clear()
        bare, ours = _turns(partial(_copied, workspace, statement), partial(product, form))
        first = statistics.median(first_ms)
        found += [
            compared(
                "2b",
                f"plain {name} of {EVENTS:,} events from the page, beside one bare COPY",
                [EVENTS / took for took in ours],
                [EVENTS / took for took in bare],
                "ev/s",
                clock=WALL,
                least=LEAST_RATIO,
            ),
            _row(f"memory above the start, {name}", above, "MB", f"<= {MOST_MB}", above <= MOST_MB),
            _row(f"until the first byte, {name}, median", first, "ms", f"<= {MOST_MS}", first <= MOST_MS),
        ]
    return found


def _copied(workspace: Any, statement: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        with cursor.copy(cursor.mogrify(statement, {"workspace": workspace.pk})) as copy:
            return sum(1 for _ in copy)


def _packs(workspace: Any, folder: Path) -> list[dict[str, Any]]:
    from galaxy.core.audit.packs import verify
    from galaxy.core.audit.packs.selection import Selection, sealed_size

    size = sealed_size(workspace)
    began = time.perf_counter()
    _made(workspace, folder / "whole", Selection(size))
    took = time.perf_counter() - began
    part = Selection(size, array("q", range(size - VERIFIED, size)))
    plain = _made(workspace, folder / "plain", part, with_sheet=False)
    sheet = _made(workspace, folder / "sheet", part)
    hashed = _bare(plain)
    count = os.cpu_count() or 1
    bare, alone, ours, both = _turns(
        hashed,
        lambda: verify.Pack(plain).verify(),
        partial(_verified, plain),
        partial(_verified, sheet),
    )
    return [
        _row(f"a whole pack of {size:,}, NDJSON, CSV and proofs", size / took, "ev/s"),
        _row("verify.py, by one process, which is running", VERIFIED / min(alone), "ev/s"),
        compared(
            "2b",
            f"verify.py as it is run, by {count} processes, beside a loop that hashes the same bytes",
            [VERIFIED / took for took in ours],
            [VERIFIED / took for took in bare],
            "ev/s",
            clock=WALL,
            least=LEAST_VERIFIER,
        ),
        _row("verify.py, with the CSV beside it", VERIFIED / min(both), "ev/s"),
    ]


def _made(workspace: Any, folder: Path, chosen: Any, *, with_sheet: bool = True) -> Path:
    from galaxy.core.audit.packs import making

    folder.mkdir()
    order = making.Order(workspace, "bench", datetime.now(UTC), with_sheet=with_sheet)
    for _ in making.write_events(folder, order, chosen):
        pass
    making.complete(folder, order, chosen)
    return folder


def _verified(pack: Path) -> None:
    """By the program itself, its start included: this process is too large to be doubled for each that helps it."""
    from galaxy.core.audit.packs import verify

    program = [sys.executable, str(verify.__file__), str(pack)]
    subprocess.run(program, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  (our own, over our own pack)


def _bare(pack: Path) -> Callable[[], object]:
    """The hashes that verifying ``pack`` computes, with everything that goes into them made beforehand."""
    from galaxy.core.audit.packs import verify

    prepared = []
    for raw in (pack / verify.EVENTS).read_bytes().splitlines(keepends=True):
        line = json.loads(raw)
        salt = bytes.fromhex(line["salt"]).ljust(64, b"\0")
        inner, outer = (bytes(byte ^ pad for byte in salt) for pad in (0x36, 0x5C))
        fields = [
            (name.encode(), f"[{verify.canonical(name)},{verify.canonical(value)}]".encode())
            for name, value in line["fields"].items()
        ]
        data = {name: line[name] for name in verify.IN_LEAF} | {"id": str(line["id"]), "v": 1}
        data["occurred_at"] = verify.moment(line["occurred_at"])
        prepared.append((raw, inner, outer, fields, b"\x00" + verify.canonical(data).encode()))

    def hashed() -> bytes:
        sha256 = hashlib.sha256
        file, leaves = sha256(), []
        for raw, inner, outer, fields, data in prepared:
            file.update(raw)
            for name, text in fields:
                sha256(sha256(outer + sha256(inner + name).digest()).digest() + text).hexdigest()
            leaves.append(sha256(data).digest())
        while len(leaves) > 1:
            leaves = [sha256(b"\x01" + b"".join(leaves[at : at + 2])).digest() for at in range(0, len(leaves), 2)]
        return leaves[0]

    return hashed


def _turns(*works: Callable[[], object]) -> list[list[float]]:
    """Seconds of each of ``works`` in each round."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for number, work in enumerate(works):
            began = time.perf_counter()
            work()
            found[number].append(time.perf_counter() - began)
    return found


def _peak_mb(*, reset: bool = False) -> float:
    """The most memory this process had since the last reset, as Linux counts it (proc(5), clear_refs)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
