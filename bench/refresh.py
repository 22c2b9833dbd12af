"""Row 7: fifty callers whose token is over, at a provider whose refresh tokens are taken once.

    python -m bench refresh            # provider latencies of 0.1, 1 and 8 s, and kill -9 of the holder
    REFRESH_LONG=1 python -m bench refresh   # 30 s too

Two processes of sandboxd share the database; each caller is a run under way whose call goes through one of them. What
others do stands beside it in the same run: everybody refreshing alone, and a lock in Valkey that ends by itself (as in
Nango: 10 s there, a twentieth of that here, at a provider twice as slow as the lock is long), both without sandboxd.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench._database import fresh_database
from bench._rows import row

CALLERS = 50
LATENCIES = (0.1, 1.0, 8.0)
KILLED_AT_S = 2.0  # the provider's latency where the holder is killed
LOCK_S = 0.5
_row = partial(row, "7")


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database(), tempfile.TemporaryDirectory() as folder, _vendor(Path(folder)) as (vendor, authority):
        return [*_others(vendor), *_ours(vendor, authority)]


@contextmanager
def _vendor(folder: Path) -> Iterator[tuple[Any, str]]:
    from tests.core.egress.peers import Authority
    from tests.refresh_race import HOSTS
    from tests.token_endpoint import RotatingVendor

    authority = Authority(folder)
    found = RotatingVendor(authority.context(*HOSTS))
    try:
        yield found, authority.pem
    finally:
        found.close()


def _ours(vendor: Any, authority: str) -> list[dict[str, Any]]:
    from django.test.utils import override_settings

    from galaxy.core.accounts import create_account
    from galaxy.core.members import create_workspace
    from galaxy.core.scope import workspace_scope
    from sandbox import tasks
    from tests.refresh_race import TwoHosts, connected, end_token, race, runs_under_way

    tasks.perform_run.apply_async = lambda *args, **options: None  # the callers are the workers
    owner = create_account("bench@example.test", password=uuid4().hex, name="Bench")
    workspace = create_workspace(name="Bench", slug="bench", owner=owner)
    hosts = TwoHosts(vendor.port, authority)
    try:
        with workspace_scope([workspace.pk]), override_settings(GALAXY_KMS=f"local:{hosts.key_file}"):
            hosts.start()
            connection = connected(workspace, owner)
            end_token(connection)
            runs = runs_under_way(workspace, owner, CALLERS)
            rows = []
            latencies = (*LATENCIES, 30.0) if os.environ.get("REFRESH_LONG") else LATENCIES
            for latency in latencies:
                rows += _measured(
                    vendor, partial(race, hosts, vendor, runs, seconds=90.0), latency, connection, end_token
                )
            killed = partial(race, hosts, vendor, runs, kill=True, seconds=90.0)
            rows += _measured(vendor, killed, KILLED_AT_S, connection, end_token, "holder killed (kill -9)")
            return rows
    finally:
        hosts.close()
        del tasks.perform_run.apply_async  # Celery's own again: later paths of this process ring by it


def _measured(
    vendor: Any,
    run: Callable[[], dict[str, Any]],
    latency: float,
    connection: Any,
    end_token: Callable[[Any], None],
    what: str = "",
) -> list[dict[str, Any]]:
    vendor.reset()
    vendor.latency_s = latency
    end_token(connection)
    found = run()
    name = f"provider {latency:g} s" + (f", {what}" if what else "")
    refreshes, ok = vendor.given + vendor.refused, found["ok"]
    return [
        _row(f"{name}: refreshes", refreshes, "", "1", refreshes == 1),
        _row(f"{name}: callers with an answer, of {CALLERS}", ok, "", str(CALLERS), ok == CALLERS),
        _row(f"{name}: until the last one", found["took_s"], "s"),
    ]


class _Store:
    """A token as one row: what a caller reads before it asks, and writes after."""

    def __init__(self, refresh_token: str):
        self.refresh_token, self.generation, self.lock = refresh_token, 0, threading.Lock()

    def save(self, token: str) -> None:
        with self.lock:
            self.refresh_token, self.generation = token, self.generation + 1


def _others(vendor: Any) -> list[dict[str, Any]]:
    from tests.token_endpoint import FIRST

    rows = []
    ways = (
        ("everybody alone", _alone, 0.2),
        ("a lock of 0.5 s", _locked, 0.2),
        ("a lock of 0.5 s", _locked, 2 * LOCK_S),
    )
    for name, way, latency in ways:
        vendor.reset()
        store, start, key = _Store(FIRST), threading.Barrier(CALLERS), f"bench-{uuid4().hex}"
        with ThreadPoolExecutor(CALLERS) as threads:
            work = partial(way, vendor, store, start, latency, key)
            ok = sum(threads.map(lambda _: work(), range(CALLERS)))  # noqa: B023  (finished before the next round)
        rows += [
            _row(f"{name}, provider {latency:g} s: requests for a token", vendor.given + vendor.refused, ""),
            _row(f"{name}, provider {latency:g} s: callers with an answer, of {CALLERS}", ok, ""),
        ]
    return rows


def _alone(vendor: Any, store: _Store, start: threading.Barrier, latency: float, key: str) -> bool:
    token = store.refresh_token
    start.wait()
    return _asked(vendor, store, token, latency)


def _locked(vendor: Any, store: _Store, start: threading.Barrier, latency: float, key: str) -> bool:
    """The lock ends by itself, and whoever has it reads again; the others wait a little longer than it lasts."""
    import redis
    from django.conf import settings

    server = redis.Redis.from_url(settings.REDIS_URL)
    seen = store.generation
    start.wait()
    until = time.monotonic() + LOCK_S * 1.2
    while time.monotonic() < until:
        if store.generation != seen:
            return True
        if server.set(key, "1", nx=True, px=int(LOCK_S * 1000)):
            if store.generation != seen:
                return True
            found = _asked(vendor, store, store.refresh_token, latency)
            server.delete(key)  # whoever's it is by now
            return found
        time.sleep(0.01)
    return store.generation != seen


def _asked(vendor: Any, store: _Store, token: str, latency: float) -> bool:
    time.sleep(latency)
    answer = vendor.exchange(token)
    if "error" in answer:
        return False
    store.save(answer["refresh_token"])
    return True
