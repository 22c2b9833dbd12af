"""Packs while their workers are killed at random, against a system that counts what is done to it (issue 8).

Real parts throughout: PostgreSQL, Valkey, sandboxd, Celery workers as processes, TLS to a peer. The long form is

    GALAXY_CHAOS_RUNS=1000 .venv/bin/python -m galaxy.embedded run .venv/bin/python -m pytest -s \
        tests/sandbox/live/test_pack_chaos.py
"""

import json
import os
import random
import threading
import time
from collections import Counter

import pytest

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from registry.models import Connection
from sandbox.models import Outcome, Run, RunPayload
from sandbox.services import invoke, reconcile
from tests.core.egress.peers import Peer, answer
from tests.extensions import installed
from tests.forked_workers import ForkedWorkers
from tests.sandboxd import Sandboxd

RUNS = int(os.environ.get("GALAXY_CHAOS_RUNS", "30"))
WORKERS = 3
UNDER_WAY = 24
BETWEEN_KILLS_S = (1.5, 4.0)
RECONCILING_S = 1.0  # how often it is looked for what nobody works on; beat does so every few seconds
SEED = 8
HOST = "api.ledger.example"
FIXTURES = """
      happy: { status: 200, body: { id: x1 } }
      "401": { status: 401 }
      "429": { status: 429 }
      "5xx": { status: 502 }
"""


def _action(name: str, *more: str) -> str:
    lines = "".join(f"\n    {line}" for line in more)
    return f"""
  - id: {name}
    method: POST
    path: /{name}
    inputs: {{ key: string }}
    outputs: {{ id: string }}
    scopes: [entries.write]{lines}
    simulation: {{ answer: {{ id: "'s'" }} }}
    fixtures: {FIXTURES}"""


# What is done once by its key may be asked again after a kill; what is not is asked once, and in doubt is not known.
LEDGER = f"""
connector: ledger
version: 1.0.0
name: Ledger
summary: A made-up system that books.
auth: {{ type: none }}
base_url: https://{HOST}
egress: [{{ host: {HOST} }}]
permissions: {{ required: [entries.write] }}
retry: {{ strategy: none }}
actions:
{_action("book", "idempotent: true", "idempotency_header: Idempotency-Key")}
{_action("post")}
"""
PACK = """
pack: ledger.close
version: 1.0.0
name: Close
summary: A made-up pack that books one by one.
requires: { ledger: ^1.0 }
inputs: { name: string, lines: "string[]" }
steps:
  - { id: open, use: ledger.book, with: { key: "join('/', [inputs.name, 'open'])" } }
  - { id: lines, each: inputs.lines, most: 5, use: ledger.book, with: { key: "join('/', [inputs.name, item])" } }
  - { id: post, use: ledger.post, with: { key: "join('/', [inputs.name, 'post'])" } }
  - { id: end, use: ledger.book, with: { key: "join('/', [inputs.name, 'end'])" } }
outcome: { name: closed, success: steps.end.id, signal: downstream_state }
sample: { inputs: { name: A, lines: [] } }
"""
EFFECTS = ("open", "one", "two", "post", "end")  # of one run


class Books:
    """The system's side: what was booked by key of the request, and what was posted as often as it was asked for."""

    def __init__(self):
        self.booked: dict[str, str] = {}  # by idempotency key, what
        self.effects: Counter[str] = Counter()
        self.replays = 0
        self._lock = threading.Lock()
        self._rng = random.Random(SEED)

    def __call__(self, request: bytes, send) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        name = json.loads(body)["key"]
        given = [line for line in head.split(b"\r\n") if line.lower().startswith(b"idempotency-key:")]
        with self._lock:
            key = given[0].decode() if given else ""
            if key and key in self.booked:
                self.replays += 1
            else:
                self.effects[name] += 1
                self.booked |= {key: name} if key else {}
            delay = self._rng.random() * 0.03
        time.sleep(delay)
        send(answer(json.dumps({"id": name}), 200, Content_Type="application/json"))


def told(name: str, value: object) -> None:
    print(f"  {name:<44} {value}")  # noqa: T201  (the table is what the long form is run for)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_what_packs_do_is_done_once_whatever_is_killed(cast, workers, authority, capsys):
    books, rng = Books(), random.Random(SEED)
    peer = Peer(authority.context(HOST), books)
    sandboxd = Sandboxd({HOST: peer.port}, authority.pem)
    sandboxd.start("--size", "1")
    forked = ForkedWorkers(workers.env | {"SANDBOXD_SOCKET": str(sandboxd.socket)})
    since = time.monotonic()
    try:
        for _ in range(WORKERS):
            forked.start()
        with workspace_scope([cast["meridian"].pk]):
            installed(cast["meridian"], cast["admin"], LEDGER, PACK)
            Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
            _work_off(cast, forked, rng)
            took_s = time.monotonic() - since
            with capsys.disabled():
                _judge(books, forked, took_s)
    finally:
        forked.stop()
        sandboxd.close()
        peer.close()


def _work_off(cast, forked: ForkedWorkers, rng: random.Random) -> None:
    """Ask for all runs, a few at a time, and kill one worker after another until all are over."""
    asked, deadline = 0, time.monotonic() + 60 + RUNS * 4
    next_kill = next_look = time.monotonic() + 1
    while True:
        open_ones = Run.objects.filter(parent=None, finished_at=None).count()
        while asked < RUNS and open_ones < UNDER_WAY:
            inputs = {"name": f"run-{asked}", "lines": ["one", "two"]}
            invoke(cast["meridian"], actor=cast["admin"], target="ledger.close", inputs=inputs)
            asked, open_ones = asked + 1, open_ones + 1
        if asked == RUNS and open_ones == 0:
            return
        assert time.monotonic() < deadline, f"{open_ones} runs are not over in time"
        if time.monotonic() >= next_kill and open_ones > WORKERS:
            forked.kill_one(rng)
            next_kill = time.monotonic() + rng.uniform(*BETWEEN_KILLS_S)
        if time.monotonic() >= next_look:
            reconcile()
            next_look = time.monotonic() + RECONCILING_S
        time.sleep(0.1)


def _judge(books: Books, forked: ForkedWorkers, took_s: float) -> None:
    runs = list(Run.objects.filter(parent=None))
    states = Counter(run.state for run in runs)
    calls = list(Run.objects.exclude(parent=None).select_related("parent"))
    wrong = [name for name, count in books.effects.items() if count > 1]
    lost, unexplained, without = [], [], dict(books.effects)
    for call in calls:
        item = {0: call.step_id, 1: "one", 2: "two"}[call.item]
        name = f"{call.parent.inputs['name']}/{item}"
        done = books.effects[name]
        without.pop(name, None)
        if call.state == "succeeded" and done != 1:
            lost.append(name)
        if call.state not in ("succeeded", "unknown") or (call.state == "unknown" and call.step_id != "post"):
            unexplained.append((name, call.state, call.error))
    ended = AuditEvent.objects.filter(action__in=["run.succeeded", "run.unknown", "run.failed"])
    told("form", f"1 pack run = {len(EFFECTS)} effects; seed {SEED}, {WORKERS} workers, {took_s:.0f} s")
    told("pack runs", len(runs))
    told("workers killed (SIGKILL)", forked.kills)
    told("runs that were taken over", sum(run.attempt > 1 for run in runs))
    told("runs succeeded", states["succeeded"])
    told("runs unknown: killed in a call not to repeat", states["unknown"])
    told("runs in any other state", len(runs) - states["succeeded"] - states["unknown"])
    told("effects, each once", sum(1 for count in books.effects.values() if count == 1))
    told("effects twice", len(wrong))
    told("calls that succeeded without their effect", len(lost))
    told("effects that no call tells of", len(without))
    told("calls repeated under their own key", books.replays)
    told("ends in the trail, one each", f"{ended.count()} of {len(runs) + len(calls)}")
    assert (wrong, lost, without, unexplained) == ([], [], {}, [])
    assert states["succeeded"] + states["unknown"] == RUNS
    assert states["succeeded"] > RUNS * 0.7
    assert forked.kills >= RUNS // 15
    assert Outcome.objects.filter(is_success=True).count() == states["succeeded"]
    assert sum(books.effects.values()) >= states["succeeded"] * len(EFFECTS)
    assert sorted(ended.values_list("target_id", flat=True)) == sorted(str(run.pk) for run in [*runs, *calls])
    assert not RunPayload.objects.exclude(keep_until=None).filter(run__state="succeeded", run__parent=None).exists()
    assert not Run.objects.filter(lease_until__isnull=False).exists()
