"""A trail of many events, written as ``audit.record`` writes each: values, salts and true commitments."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

ACTIONS = [  # of which the first are frequent; each has what it tells of
    ("run.requested", "run", ("mode", "version", "state", "effect")),
    ("run.succeeded", "run", ("state", "attempts")),
    ("secret.used", "secret", ("version", "run")),
    ("approval.approved", "approval", ("status", "note")),
    ("audit.viewed", "workspace", ("filters",)),
    ("run.failed", "run", ("state", "error")),
    ("run.blocked", "run", ("state", "reasons")),
    ("pin.moved", "installation", ("version",)),
    ("connection.refreshed", "connection", ("generation",)),
    ("approval.rejected", "approval", ("status", "note")),
    ("membership.changed", "membership", ("role",)),
    ("agent.created", "agent", ("scopes",)),
]
WEIGHTS = [300, 280, 150, 80, 60, 50, 30, 20, 15, 10, 4, 1]
RARE = "vault.closed"  # the oldest events alone, so that a search from the newest end would read everything
WORDS = ["Send", "Share", "Update", "Contact", "Lead", "Report", "Renewal", "Digest", "Ticket", "Invoice", "HubSpot"]
_MOVE = """
INSERT INTO core_auditevent (id, workspace_id, occurred_at, action, actor_kind, actor_id, target_kind, target_id,
    request_id, simulated, commitments)
SELECT id, workspace_id, occurred_at, action, actor_kind, actor_id, target_kind, target_id, request_id, simulated,
    commitments FROM filling ORDER BY id;
INSERT INTO core_auditdetail (event_id, workspace_id, occurred_at, actor_label, target_label, fields, salt)
SELECT id, workspace_id, occurred_at, actor_label, target_label, fields, salt FROM filling ORDER BY id;
TRUNCATE filling
"""
_TABLE = """
CREATE TEMP TABLE filling (id bigint, workspace_id uuid, occurred_at timestamptz, action text, actor_kind text,
    actor_id text, target_kind text, target_id text, request_id text, simulated boolean, commitments jsonb,
    actor_label text, target_label text, fields jsonb, salt bytea)
"""
_AGAIN = """
WITH source AS MATERIALIZED (
    SELECT nextval('core_auditevent_id_seq') AS id, e.workspace_id, e.occurred_at - %(earlier)s::interval AS at,
        e.action, e.actor_kind, e.actor_id, e.target_kind, e.target_id, e.request_id, e.simulated, e.commitments,
        d.actor_label, d.target_label, d.fields, d.salt
    FROM core_auditevent e JOIN core_auditdetail d ON d.workspace_id = e.workspace_id AND d.event_id = e.id
    WHERE e.workspace_id = %(workspace)s AND e.id >= %(first)s AND e.id < %(last)s
), event AS (
    INSERT INTO core_auditevent (id, workspace_id, occurred_at, action, actor_kind, actor_id, target_kind, target_id,
        request_id, simulated, commitments)
    SELECT id, workspace_id, at, action, actor_kind, actor_id, target_kind, target_id, request_id, simulated,
        commitments FROM source
)
INSERT INTO core_auditdetail (event_id, workspace_id, occurred_at, actor_label, target_label, fields, salt)
SELECT id, workspace_id, at, actor_label, target_label, fields, salt FROM source
"""
BATCH = 5_000  # rows of a statement: one of the application may take half a minute, on a busy machine as well


def fill(workspace: Any, people: dict[str, str], agents: dict[str, str], count: int) -> int:
    """Write ``count`` events of the last three weeks; ``people`` and ``agents`` map ids to names. Returns the first id.

    The first hundred are RARE, and the only simulated ones. COPY goes to a table of this session's own, since it may
    not write behind a wall.
    """
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TABLE)
        cursor.execute("SELECT min(nextval('core_auditevent_id_seq')) FROM generate_series(1, %s)", [count])
        first = cursor.fetchone()[0]
        rows = _rows(workspace.pk, people, agents, first, count)
        for begin in range(0, count, BATCH):
            with cursor.copy("COPY filling FROM STDIN") as copy:
                for _ in range(min(BATCH, count - begin)):
                    copy.write_row(next(rows))
            cursor.execute(_MOVE)
        cursor.execute("DROP TABLE filling")
    return first


def repeat(workspace: Any, count: int) -> None:
    """Write what ``fill`` wrote once more, each time somewhat earlier and with ids of its own, until there are
    ``count``: PostgreSQL does that ten times as fast as commitments are made. What is rare stays so.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), min(id), max(id) FROM core_auditevent WHERE action <> %s", [RARE])
        once, first, last = cursor.fetchone()
        for turn in range(1, count // once + 1):
            values = {"workspace": workspace.pk, "earlier": f"{turn * 1.5} seconds"}
            for begin in range(first, last + 1, BATCH):
                cursor.execute(_AGAIN, values | {"first": begin, "last": min(begin + BATCH, last + 1)})


def _rows(workspace: UUID, people: dict, agents: dict, first: int, count: int) -> Iterator[tuple]:
    from galaxy.core.audit import commitment
    from galaxy.core.audit.values import plain

    source = random.Random(2)  # noqa: S311  (the same trail each time)
    start = datetime.now(UTC) - timedelta(days=21)
    step = timedelta(days=21) / (count + 1)
    kinds = [("agent", *one) for one in agents.items()] + [("person", *one) for one in people.items()]
    owner = next(iter(people.items()))
    for number in range(count):
        at = (start + number * step).replace(microsecond=source.randrange(1_000_000))
        rare = number < 100
        action, kind, names = (RARE, "vault", ("why",)) if rare else source.choices(ACTIONS, WEIGHTS)[0]
        actor_kind, actor, name = ("system", "galaxy", "Galaxy") if source.random() < 0.1 else source.choice(kinds)
        chain = [{"kind": actor_kind, "id": actor, "label": name}]
        if actor_kind == "agent":
            chain = [{"kind": "person", "id": owner[0], "label": owner[1]}, *chain]
            chain.append({"kind": "version", "id": "9f" * 16, "label": "HubSpot 1.4.2"})
        target = str(UUID(int=source.getrandbits(128), version=4))
        label = f"{source.choice(WORDS)} {source.choice(WORDS).lower()} {number}"
        request = f"{source.getrandbits(128):032x}"
        fields = {
            "action": action,
            "occurred_at": plain(at),
            "workspace": str(workspace),
            "actor.chain": chain,
            "target.kind": kind,
            "target.id": target,
            "target.label": label,
            "request_id": request,
            "simulated": rare,
        } | {f"after.{one}": f"{one} {source.choice(WORDS)} {source.randrange(99)}" for one in names}
        salt = source.randbytes(32)
        commitments = {one: commitment(salt, one, value) for one, value in fields.items()}
        yield (
            first + number, workspace, at, action, actor_kind, actor, kind, target, request, rare,
            json.dumps(commitments), name, label, json.dumps(fields), salt,
        )  # fmt: skip
