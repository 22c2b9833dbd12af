"""What must work before requests are let in. Used by ``/readyz``, ``manage.py doctor`` and the page for staff."""

import time
from datetime import UTC, datetime, timedelta
from threading import Lock

from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from galaxy.celery import app
from galaxy.core.ops.conditions import BAD, GOOD, UNKNOWN, WARN, Check, Condition, look
from galaxy.core.ops.sealing import sequencer
from galaxy.core.ui.words import relative

TIMEOUT_S = 2
KEPT_S = 5  # how old an answer to anybody may be
HEARTBEAT_KEY = "galaxy:worker-heartbeat"
HEARTBEAT_LATE_S = 60
HEARTBEAT_KEPT_S = 60 * 60 * 24

_migrated = False  # once true it stays true: the code of a running process gains no migrations
_answer: tuple[float, list[Condition]] | None = None  # since when (monotonic seconds), and what
_asking = Lock()

_added: list[tuple[str, Check]] = []


def add_check(name: str, check: Check) -> None:
    """Let a higher floor say how a server of its own stands; called once, when its app is ready."""
    if (name, check) not in _added:
        _added.append((name, check))


def readiness() -> list[Condition]:
    return look(
        [
            ("database", database),
            ("migrations", migrations),
            ("partitions", partitions),
            ("cache", cache_server),
            ("broker", broker),
            ("worker", worker),
            ("sequencer", sequencer),
            *_added,
        ]
    )


def recent_readiness() -> list[Condition]:
    """What ``readiness`` said in this process at most ``KEPT_S`` ago: anybody may ask, and asking opens connections."""
    global _answer
    with _asking:  # whoever comes meanwhile waits for that answer instead of asking too
        if _answer is None or time.monotonic() - _answer[0] >= KEPT_S:
            found = readiness()
            _answer = time.monotonic(), found
        return _answer[1]


def is_ready(conditions: list[Condition]) -> bool:
    """A web process without a worker still serves pages, so a late worker (WARN) does not take it out of service."""
    return all(condition.state != BAD for condition in conditions)


def database() -> Condition:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            return Condition(
                "database",
                BAD,
                "The application's role passes row-level security by.",
                "A mistake in one query could show one workspace the rows of another.",
                "Let DATABASE_URL name a role without superuser and BYPASSRLS; DATABASE_OWNER_URL names the owner.",
            )
    return Condition("database", GOOD, "PostgreSQL answers, and the application's role meets row-level security.")


def migrations() -> Condition:
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            return Condition(
                "migrations",
                BAD,
                f"{len(missing)} migrations are not applied.",
                "Pages that need the new tables would fail.",
                "Run manage.py migrate.",
            )
        _migrated = True
    return Condition("migrations", GOOD, "Every migration is applied.")


def partitions() -> Condition:
    month = f"{datetime.now(UTC):%Y_%m}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE to_regclass(relname || '_' || %s) IS NULL) FROM pg_class"
            " WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace",
            [month],
        )
        tables, missing = cursor.fetchone()
    if missing or not tables:
        return Condition(
            "partitions",
            BAD,
            "A table has no partition for this month.",
            "Nothing that belongs into it can be written, and acts that cannot be recorded are refused.",
            "Run manage.py migrate, and keep the beat process running: it makes them months ahead.",
        )
    return Condition("partitions", GOOD, f"{tables} partitioned tables have this month's partition.")


def cache_server() -> Condition:
    cache.get(HEARTBEAT_KEY)
    return Condition("cache", GOOD, "The cache answers.")


def broker() -> Condition:
    with app.connection_for_write(connect_timeout=TIMEOUT_S) as link:
        link.ensure_connection(max_retries=1, timeout=TIMEOUT_S)
        _ = link.default_channel
    return Condition("broker", GOOD, "The queue answers.")


def worker() -> Condition:
    age_s = heartbeat_age_s()
    if age_s is None:
        return Condition(
            "worker",
            UNKNOWN,
            "No worker has given a sign of life within a day.",
            "Runs stay queued, and approvals do not expire on time.",
            "Start a Celery worker and beat; the first sign comes within seconds.",
        )
    if age_s > HEARTBEAT_LATE_S:
        return Condition(
            "worker",
            WARN,
            f"The last sign of life of a worker came {relative(timezone.now() - timedelta(seconds=age_s))}.",
            "Runs wait in the queue for as long as this lasts.",
            "Look whether the worker and beat processes still run, and at how long the queue is.",
        )
    return Condition("worker", GOOD, f"A worker gave a sign of life {age_s:.0f} s ago.")


def note_heartbeat() -> None:
    """Called by a worker, by way of beat and the queue: so it tells of all three."""
    cache.set(HEARTBEAT_KEY, time.time(), HEARTBEAT_KEPT_S)


def heartbeat_age_s() -> float | None:
    at = cache.get(HEARTBEAT_KEY)
    return None if at is None else max(0.0, time.time() - at)
