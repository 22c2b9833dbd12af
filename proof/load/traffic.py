"""Who comes when, and what they ask for. Arrivals do not wait for answers, and time is counted from when one was due.

A driver that waits for an answer before it sends the next one hides just the seconds in which nobody was answered
(coordinated omission). Here each request is due at a time drawn beforehand; what it takes is counted from then.
"""

import asyncio
import itertools
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from proof.load.wire import Answer, Wire

THINK_S = 20.0  # between two pages of one person, on average
LOOK_EVERY_S = 5.0  # an approver's glance at the queue
MOST_OPEN = 3_000  # requests under way; more than that are counted as not sent
# Of a hundred pages: as people use them, who look for what they run far more often than for who did what.
PAGES = {
    "overview": 12, "marketplace": 10, "search": 10, "extension": 12, "installed": 8, "runs": 14, "run": 10,
    "run partial": 8, "approvals": 5, "audit trail": 3, "audit partial": 2, "dashboard": 4, "installation": 2,
}  # fmt: skip
CALLS = {"look": 50, "put": 28, "post": 20, "pay": 2}  # of a hundred
# What only some roles see is asked for by them alone.
ONLY = dict.fromkeys(
    ("audit trail", "audit partial", "dashboard", "approvals", "run", "run partial"), ("admin", "auditor")
)


class Tally:
    """What came of each door: seconds from when each was due, errors by kind."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[tuple[str, str]] = Counter()
        self.sizes: dict[str, list[int]] = defaultdict(list)
        self.late_s: list[float] = []  # by how much the driver itself was late: what it cannot be blamed on Galaxy

    def add(self, door: str, due: float, answer: Answer, good: Sequence[int]) -> None:
        self.seconds[door].append(time.monotonic() - due)
        self.sizes[door].append(answer.size)
        if answer.status not in good:
            self.errors[door, answer.kind or str(answer.status)] += 1


class Traffic:
    """``setting`` is what proof.load.setting made; ``scale`` makes all rates smaller alike."""

    def __init__(
        self,
        urls: Sequence[str],
        headers: dict[str, str],
        setting: dict[str, Any],
        *,
        calls_per_s: float,
        scale: float = 1.0,
        seed: int = 1,
    ):
        self._wires = [Wire(url, headers) for url in urls]
        self._turn = itertools.cycle(self._wires)
        self._setting, self._rng = setting, random.Random(seed)  # noqa: S311  (a schedule, no secret)
        everybody = [(role, cookie) for role, cookies in setting["people"].items() for cookie in cookies]
        count = max(4, round(len(everybody) * scale))
        step = len(everybody) / count
        self.people = [everybody[int(number * step)] for number in range(count)]  # every role, in its share
        self.approvers = setting["approvers"][: max(1, round(len(setting["approvers"]) * scale))]
        self.pages_per_s = len(self.people) / THINK_S
        self.calls_per_s = calls_per_s * scale
        self.decided: Counter[str] = Counter()
        self.accepted = 0
        self.tally = Tally()
        self._runs: list[str] = []
        self._key = itertools.count()
        self._mark = f"{seed}-{time.time_ns()}"
        self._open: set[asyncio.Task] = set()
        self._api = f"/api/v1/workspaces/{setting['workspace']}"

    async def go(self, seconds: float) -> None:
        """Let everybody come for so long, and wait for the last answers."""
        until = time.monotonic() + seconds
        arrivals: list[tuple[float, Callable[[float], Coroutine]]] = [
            (self.pages_per_s, self._browse),
            (self.calls_per_s, self._call),
        ]
        sources = [self._arrive(rate, act, until) for rate, act in arrivals]
        sources += [self._clear(cookies, number, until) for number, cookies in enumerate(self.approvers)]
        await asyncio.gather(*sources)
        if self._open:
            await asyncio.wait(self._open)
        for wire in self._wires:
            await wire.close()

    async def _arrive(self, rate: float, act: Callable[[float], Coroutine], until: float) -> None:
        """``rate`` a second on average, each at a time of its own (a Poisson process)."""
        due = time.monotonic()
        while (due := due + self._rng.expovariate(rate)) < until:
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self.tally.late_s.append(max(0.0, time.monotonic() - due))
            if len(self._open) >= MOST_OPEN:
                self.tally.errors["everything", f"not sent: {MOST_OPEN} were under way"] += 1
                continue
            task = asyncio.create_task(act(due))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    # --- people who browse -------------------------------------------------------------------------------------

    async def _browse(self, due: float) -> None:
        role, cookies = self._rng.choice(self.people)
        door = self._door(role)
        headers = {"Cookie": cookies, "Accept-Encoding": "gzip", "Accept": "text/html"}
        if door.endswith("partial"):
            headers["HX-Request"] = "true"
        answer = await next(self._turn).ask("GET", self._address(door), headers)
        self.tally.add(f"page: {door}", due, answer, (200, 286))  # 286 ends the polling of htmx

    def _door(self, role: str) -> str:
        while True:
            door = self._rng.choices([*PAGES], [*PAGES.values()])[0]
            if role in ONLY.get(door, (role,)) and (self._runs or door not in ("run", "run partial")):
                return door

    def _address(self, door: str) -> str:
        if door in ("run", "run partial"):
            return f"/w/{self._setting['workspace']}/runs/{self._rng.choice(self._runs)}/"
        return self._rng.choice(self._setting["pages"][door])

    # --- agents that call --------------------------------------------------------------------------------------

    async def _call(self, due: float) -> None:
        kind = self._rng.choices([*CALLS], [*CALLS.values()])[0]
        key = f"{self._mark}-{next(self._key)}-{kind}"
        body = json.dumps({"target": f"ledger.{kind}", "inputs": {"key": key}, "mode": "live"}).encode()
        answer = await next(self._turn).ask("POST", f"{self._api}/runs/", self._token(), body)
        self.tally.add("call: start a run", due, answer, (201,))
        if answer.status == 201:
            self.accepted += 1
            self._runs.append(json.loads(answer.body)["id"])
            del self._runs[:-500]  # people look at what is new

    def _token(self) -> dict[str, str]:
        token = self._rng.choice(self._setting["tokens"])
        key = f"{self._mark}-{next(self._key)}"
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}

    # --- approvers who clear the queue -------------------------------------------------------------------------

    async def _clear(self, cookies: str, number: int, until: float) -> None:
        """One person: looks at the queue, then decides what falls to them, one after the other, as people do."""
        await asyncio.sleep(self._rng.random() * LOOK_EVERY_S)
        while (due := time.monotonic()) < until:
            page = f"/w/{self._setting['workspace']}/approvals/"
            answer = await next(self._turn).ask("GET", page, {"Cookie": cookies, "Accept-Encoding": "gzip"})
            self.tally.add("approver: the queue", due, answer, (200,))
            for row in await self._waiting():
                if int(row["id"].replace("-", ""), 16) % len(self.approvers) == number and time.monotonic() < until:
                    await self._decide(cookies, row)
            await asyncio.sleep(max(0.0, due + LOOK_EVERY_S * (0.5 + self._rng.random()) - time.monotonic()))

    async def _waiting(self) -> Iterator[dict]:
        """What waits, with the digests that a page would have shown; told by the API, which is quicker to read."""
        headers = {"Authorization": f"Bearer {self._setting['watcher']}"}
        due = time.monotonic()
        answer = await next(self._turn).ask("GET", f"{self._api}/approvals/?status=pending&limit=50", headers)
        self.tally.add("approver: what waits", due, answer, (200,))
        return json.loads(answer.body)["results"] if answer.status == 200 else []

    async def _decide(self, cookies: str, row: dict) -> None:
        csrf = self._setting["csrf"]
        decision = "approved" if self._rng.random() < 0.9 else "rejected"
        page = f"/w/{self._setting['workspace']}/approvals/{row['id']}/decision/"
        headers = {"Cookie": cookies, "X-CSRFToken": csrf, "Content-Type": "application/x-www-form-urlencoded"}
        body = f"decision={decision}&digest={row['digest']}&note=As+agreed.".encode()
        due = time.monotonic()
        answer = await next(self._turn).ask("POST", page, headers, body)
        self.tally.add("approver: decide", due, answer, (302,))
        self.decided[decision if answer.status == 302 else f"refused {answer.status}"] += 1
