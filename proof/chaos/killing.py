"""Whom to kill, when and how: a schedule by seed, and what came of each kill."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from proof.parts import ALL, CHILD, MAIN, Part
from proof.stack import Stack

PAUSE_S = (1.0, 5.0)
UNDER_REPAIR = 3  # kills whose part is not back; with more the next one waits, so that something is left to kill
WATCH_EVERY_S = 0.1
GIVE_UP_S = 300.0
WEIGHTS = {"web": 4, "worker": 5, "beat": 1, "sequencer": 2, "sandboxd": 3, "valkey": 2, "postgres": 3}
WAYS = {MAIN: 5, ALL: 3, CHILD: 2}


@dataclass(frozen=True)
class Planned:
    pause_s: float
    part: str
    how: str


@dataclass
class Kill:
    """One that found somebody. ``ready_at`` is when the part itself said that it works again; 0 while it does not."""

    part: str
    how: str
    at: float
    pids: list[int] = field(default_factory=list)
    ready_at: float = 0.0


def schedule(seed: int, names: list[str]) -> Iterator[Planned]:
    """Endless; the same for the same seed and parts."""
    rng = random.Random(f"{seed}:kills")  # noqa: S311  (a schedule, no secret)
    weights = [WEIGHTS[name.partition("-")[0]] / sum(_kind(one) == _kind(name) for one in names) for name in names]
    while True:
        name = rng.choices(names, weights)[0]
        how = rng.choices([*WAYS], [*WAYS.values()])[0]
        yield Planned(rng.uniform(*PAUSE_S), name, how)


def _kind(name: str) -> str:
    return name.partition("-")[0]


class Killer:
    """``told`` is called with each part that was killed, once it says that it works again."""

    def __init__(self, stack: Stack, seed: int, kills: int, told: Callable[[Part], None] = lambda part: None):
        self._stack, self._wanted, self._told = stack, kills, told
        self._plan = schedule(seed, [part.name for part in stack.parts])
        self._rng = random.Random(f"{seed}:children")  # noqa: S311
        self.kills: list[Kill] = []
        self.missed = 0  # planned ones that found nobody
        self._watching: list[threading.Thread] = []

    def work(self, say=lambda text: None) -> None:
        """Until as many were killed as were wanted."""
        while len(self.kills) < self._wanted:
            planned = next(self._plan)
            time.sleep(planned.pause_s)
            while sum(not kill.ready_at for kill in self.kills) >= UNDER_REPAIR:
                time.sleep(WATCH_EVERY_S)
            self._kill(self._stack.part(planned.part), planned.how)
            if len(self.kills) % 25 == 0:
                say(f"{len(self.kills)} kills")

    def wait(self) -> None:
        for thread in self._watching:
            thread.join()

    def _kill(self, part: Part, how: str) -> None:
        kill = Kill(part.name, how, time.time())
        kill.pids = part.kill(how, self._rng)
        if not kill.pids:
            self.missed += 1
            return
        self.kills.append(kill)
        watching = threading.Thread(target=self._watch, args=(part, kill), daemon=True)
        watching.start()
        self._watching.append(watching)

    def _watch(self, part: Part, kill: Kill) -> None:
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            if part.is_ready():
                kill.ready_at = time.time()
                self._told(part)
                return
            time.sleep(WATCH_EVERY_S)
        kill.ready_at = float("inf")
