"""Four worker processes and one budget: what the other side counts while a queue of live runs is worked off."""

import random
import threading
import time
from collections.abc import Callable
from uuid import UUID

from sandbox.models import Run
from sandbox.services import invoke, reconcile
from tests.core.egress.peers import answer

WORKERS = 4
HOST = "api.metered.example"


def connector(limits: str) -> str:
    return f"""
connector: metered
version: 1.0.0
name: Metered
summary: A made-up system.
auth: {{ type: none }}
base_url: https://{HOST}
egress: [{{ host: {HOST} }}]
permissions: {{ required: [things.read] }}
rate_limits: {{ {limits} }}
actions:
  - id: look_up
    method: GET
    path: /things/{{key}}
    inputs: {{ key: string }}
    outputs: {{ id: string }}
    scopes: [things.read]
    simulation: {{ answer: {{ id: "'s'" }} }}
    fixtures:
      happy: {{ status: 200, body: {{ id: x1 }} }}
      "401": {{ status: 401 }}
      "429": {{ status: 429 }}
      "5xx": {{ status: 502 }}
"""


class Counter:
    """A peer's script: notes when each request arrived, and answers after anything up to ``slowest_s``."""

    def __init__(self, slowest_s: float = 0.2):
        self.arrivals: list[float] = []
        self.status = 200
        self._slowest_s = slowest_s
        self._rng = random.Random(5)
        self._lock = threading.Lock()

    def __call__(self, request: bytes, send: Callable[[bytes], None]) -> None:
        with self._lock:
            self.arrivals.append(time.monotonic())
            delay = self._rng.random() * self._slowest_s
        time.sleep(delay)
        send(answer('{"id": "x1"}', self.status, Content_Type="application/json"))

    def most_within(self, span_s: float) -> int:
        """The most requests that ever arrived within ``span_s``, wherever it begins."""
        times = sorted(self.arrivals)
        return max((sum(1 for at in times if begin <= at < begin + span_s) for begin in times), default=0)


def ask(workspace, admin, runs: int) -> list[UUID]:
    """Ids of ``runs`` live calls that wait for a worker."""
    asked = [
        invoke(workspace, actor=admin, target="metered.look_up", inputs={"key": f"k{number}"}) for number in range(runs)
    ]
    return [run.pk for run in asked]


def work_off(workspace, admin, runs: int, counter: Counter, *, arrivals: int, deadline_s: float) -> list[Run]:
    """Ask for ``runs`` live calls, ring as beat does, and wait until ``arrivals`` requests have come; the runs as they
    stand then."""
    asked = ask(workspace, admin, runs)
    deadline = time.monotonic() + deadline_s
    while len(counter.arrivals) < arrivals:
        assert time.monotonic() < deadline, f"{len(counter.arrivals)} of {arrivals} in {deadline_s} s"
        reconcile()
        time.sleep(0.5)
    return list(Run.objects.in_workspace(workspace).filter(pk__in=asked))
