"""Calls as agents make them: so many a second, each under a key of its own, asked again by that key until accepted."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

KINDS = {"look": 2, "post": 6, "put": 4, "pack": 3, "pay": 2, "tidy": 1}  # of 18 calls
TARGETS = {"pack": "ledger.close", "tidy": "ledger.tidy"}
THREADS = 24
TIMEOUT_S = 20.0
AGAIN = frozenset({0, 429, 500, 502, 503, 504})
MOST_WAITING = 60  # accepted calls whose effect has not arrived; more than that is held back


@dataclass
class Call:
    """One call of the driver. ``number`` says what it is, by the seed; times are of the wall clock."""

    number: int
    kind: str
    key: str
    sent_at: float = 0.0
    accepted_at: float = 0.0
    run: str = ""
    tries: int = 0
    status: int = 0
    door: int = -1  # which web process it is made at first (-1: any), and then which accepted it
    refusals: list[tuple[float, int]] = field(default_factory=list)  # (when, status); 0 where nobody answered

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def body(self) -> dict[str, Any]:
        inputs: dict[str, Any] = {"key": self.key}
        if self.kind == "pack":
            inputs["lines"] = ["one", "two"]
        if self.kind == "tidy":
            inputs = {"name": self.key, "on": "2026-01-02"}
        return {"target": TARGETS.get(self.kind, f"ledger.{self.kind}"), "inputs": inputs, "mode": "live"}


def call_of(seed: int, number: int) -> Call:
    """The same call for the same seed and number."""
    kind = random.Random(f"{seed}:call:{number}").choices([*KINDS], [*KINDS.values()])[0]  # noqa: S311
    return Call(number, kind, f"s{seed}-{number}-{kind}")


class Door:
    """A connection to one web process, made anew whenever it broke. For one thread."""

    def __init__(self, url: str, headers: dict[str, str]):
        self._host = urlsplit(url).netloc
        self._headers = headers
        self._link: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """(status, JSON or text); status 0 where there was no answer."""
        try:
            if self._link is None:
                self._link = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
            data = None if body is None else json.dumps(body)
            sent = self._headers | ({"Content-Type": "application/json"} if data else {}) | headers
            self._link.request(method, path, data, sent)
            response = self._link.getresponse()
            said = response.read()
            if "json" in response.headers.get("Content-Type", ""):
                return response.status, json.loads(said)
            return response.status, said.decode(errors="replace")
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return 0, None

    def close(self) -> None:
        if self._link:
            self._link.close()
            self._link = None


class Traffic:
    """``rate`` calls a second from THREADS senders, numbered from ``first``. ``done`` says how many calls have shown
    that they are over, so that no more pile up than the machine works off; ``held_back`` counts seconds of that."""

    def __init__(
        self,
        urls: Sequence[str],
        headers: dict[str, str],
        tokens: Sequence[str],
        *,
        workspace: str,
        seed: int,
        rate: float,
        waiting: Callable[[], int],
        first: int = 0,
    ):
        self._urls, self._headers, self._tokens = urls, headers, tokens
        self._path = f"/api/v1/workspaces/{workspace}/runs/"
        self.seed, self.rate, self._waiting = seed, rate, waiting
        self.calls: list[Call] = []
        self._next = first
        self._knocks: list[int] = []
        self._due = time.monotonic()
        self._lock = threading.Lock()
        self._stopped, self._given_up = threading.Event(), threading.Event()
        self.held_back_s = 0.0
        self._threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(THREADS)]
        self._threads += [threading.Thread(target=one, daemon=True) for one in (self._hold, self._call)]
        self._holding = threading.Event()
        self._wake = threading.Semaphore(0)

    def start(self) -> None:
        self._due = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Begin no more calls, and let those that are under way be accepted."""
        self._stopped.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._given_up.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S + 5)

    def knock(self, door: int) -> None:
        """Make one more call at once, at ``door``, even while calls are held back: it shows that the door is back."""
        with self._lock:
            self._knocks.append(door)

    def _take(self) -> Call | None:
        """The next call, once it is due."""
        with self._lock:
            if self._knocks:
                return self._begun(self._knocks.pop(0))
            now = time.monotonic()
            if self._due > now or self._holding.is_set():
                return None
            self._due = max(self._due + 1 / self.rate, now - 1.0)  # what was missed for longer is not made up for
            return self._begun()

    def _begun(self, door: int = -1) -> Call:
        call = call_of(self.seed, self._next)
        call.door = door
        self._next += 1
        self.calls.append(call)
        return call

    def _hold(self) -> None:
        while not self._stopped.wait(0.5):
            if self._waiting() > MOST_WAITING:
                self._holding.set()
                self.held_back_s += 0.5
            else:
                self._holding.clear()

    def _call(self) -> None:
        """Wake one sender at a time while a call is due; whether it still is, that one sees."""
        while not self._stopped.wait(0.01):
            if self._knocks or (self._due <= time.monotonic() and not self._holding.is_set()):
                self._wake.release()

    def _send(self, number: int) -> None:
        rng = random.Random(f"{self.seed}:sender:{number}")  # noqa: S311
        token = self._tokens[number % len(self._tokens)]
        doors = [Door(url, self._headers | {"Authorization": f"Bearer {token}"}) for url in self._urls]
        while not self._stopped.is_set():
            call = self._take() if self._wake.acquire(timeout=0.2) else None
            if call:
                self._make(call, doors, rng)
        for door in doors:
            door.close()

    def _make(self, call: Call, doors: list[Door], rng: random.Random) -> None:
        call.sent_at = time.time()
        at = call.door if call.door >= 0 else rng.randrange(len(doors))
        while not self._given_up.is_set():
            call.tries += 1
            status, said = doors[at].ask("POST", self._path, call.body, **{"Idempotency-Key": call.key})
            if status == 201:
                call.accepted_at, call.run, call.status, call.door = time.time(), said["id"], status, at
                return
            call.refusals.append((time.time(), status))
            if status not in AGAIN:
                call.status = status
                return
            at = (at + 1) % len(doors)
            time.sleep(min(2.0, 0.1 * 2 ** min(call.tries, 5)) * rng.random())
