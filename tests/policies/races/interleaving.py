"""Several acts at once, each on a connection of its own, taken step by step in an order that a seed decides.

An act stops before each of its statements and before its commit; one of those that stand ready is then let go on. One
that does not come back soon waits for a lock, so another goes on meanwhile. So every order of statements that a
database lets happen can be met, the same seed meets the same one wherever no lock decides, and thousands take minutes.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from django.db import connection, connections

BLOCKED_S = 0.01  # a statement of ours takes a tenth of that, unless it waits for somebody's lock
STUCK_S = 30  # longer than PostgreSQL needs to find a deadlock


@dataclass
class Played:
    """What became of one act: what it returned, or the exception it raised; times are time.monotonic()."""

    name: str
    began: float = 0.0
    ended: float = 0.0
    value: Any = None
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.error is None


class Interleaver:
    """A pool of threads that play acts together; use as a context."""

    def __init__(self, size: int, around: Callable[[], Any]):
        """``around()`` makes the context manager that each act runs in, such as a row-level scope."""
        self._around = around
        # One lock, and a bell for whoever waits behind it: were all woken at each step, most would only wait on.
        self._turn = threading.Lock()
        self._director = threading.Condition(self._turn)
        self._bells = [threading.Condition(self._turn) for _ in range(size)]  # by place in the play
        self._states: dict[int, str] = {}  # place in the play: running, ready, over
        self._work: SimpleQueue = SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(size)]

    def __enter__(self) -> "Interleaver":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(STUCK_S)

    def play(self, acts: Sequence[tuple[str, Callable[[], Any]]], rng: random.Random) -> list[Played]:
        """Play all of ``acts`` (name, what to do) at once; returns what became of each, in their order."""
        played = [Played(name) for name, _ in acts]
        # Some hurry and some dawdle: were all alike, none would ever be over before another begins.
        weights = [2 ** rng.uniform(-5, 5) for _ in acts]
        self._states = dict.fromkeys(range(len(acts)), "running")
        for place, (_, act) in enumerate(acts):
            self._work.put((place, act, played[place]))
        deadline = time.monotonic() + STUCK_S
        with self._turn:
            self._director.wait_for(lambda: "running" not in self._states.values(), STUCK_S)
            while any(state != "over" for state in self._states.values()):
                ready = [place for place, state in self._states.items() if state == "ready"]
                if not ready:
                    if not self._director.wait_for(self._may_go_on, max(0.0, deadline - time.monotonic())):
                        raise TimeoutError("Acts wait for each other, and nobody found out.")
                    continue
                chosen = rng.choices(ready, [weights[place] for place in ready])[0]
                self._states[chosen] = "running"
                self._bells[chosen].notify()
                self._director.wait_for(lambda: self._states[chosen] != "running", BLOCKED_S)  # noqa: B023
        return played

    def _may_go_on(self) -> bool:
        return "ready" in self._states.values() or set(self._states.values()) == {"over"}

    def _serve(self) -> None:
        connection.ensure_connection()
        while (work := self._work.get()) is not None:
            place, act, played = work
            with self._stepping(place):
                self._pause(place)
                played.began = time.monotonic()
                try:
                    with self._around():
                        played.value = act()
                except Exception as error:
                    played.error = error
                played.ended = time.monotonic()
            with self._turn:
                self._states[place] = "over"
                self._director.notify()
        connections.close_all()

    @contextmanager
    def _stepping(self, place: int):
        """Stop before each statement and each commit of this thread's connection."""

        def step(execute, *statement):
            self._pause(place)
            return execute(*statement)

        commit = connection.commit

        def stepping_commit():
            self._pause(place)
            commit()

        connection.commit = stepping_commit
        try:
            with connection.execute_wrapper(step):
                yield
        finally:
            del connection.commit

    def _pause(self, place: int) -> None:
        with self._turn:
            self._states[place] = "ready"
            self._director.notify()
            self._bells[place].wait_for(lambda: self._states[place] != "ready", STUCK_S)
