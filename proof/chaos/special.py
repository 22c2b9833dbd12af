"""Special cases: the broker emptied, the disk full, the clock moved. Each fails closed, and ends by itself."""

import socket
import time
from collections.abc import Callable
from typing import Any

from proof.chaos.town import Town
from proof.disks import SmallDisk

Say = Callable[[str], None]
ROOM_MIB = 192
FULL_S = 60.0  # at most; less as soon as a few were refused
AGAIN_S = 120.0
WORK_S = 4.0  # of traffic before and after what happens


def flush(town: Town, say: Say) -> list[dict[str, Any]]:
    """Valkey loses everything at once: messages, windows, breakers, signs of life."""
    town.begin()
    time.sleep(WORK_S)
    path = town.stack.env["REDIS_URL"].removeprefix("unix://").partition("?")[0]
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        link.sendall(b"FLUSHALL\r\n")
        said = link.recv(64)
    say(f"FLUSHALL: {said.decode().strip()}")
    time.sleep(WORK_S)
    town.end()
    settled_s = town.settle()
    return [_row("Valkey emptied: until nothing was under way, s", round(settled_s, 1))]


def disk(town: Town, say: Say) -> list[dict[str, Any]]:
    """PostgreSQL's disk is full for a while: nothing is accepted that is not stored, and room is all that it takes."""
    small = town.keep(SmallDisk(town.stack.postgres, ROOM_MIB))
    town.stack.postgres.wait_ready()
    town.begin()
    time.sleep(WORK_S)
    filled = small.fill()
    say(f"the disk is full ({filled} MiB taken)")
    full_at = time.time()
    _wait(lambda: _refused(town, full_at) >= 5, FULL_S)
    refused = _refused(town, full_at)
    small.free()
    free_at = time.time()
    say(f"the disk has room again; {refused} answers were no while it was full")
    again_s = _works_since(town, free_at)
    town.end()
    settled_s = town.settle()
    return [
        _row("disk full: tries that were refused meanwhile", refused, int(refused == 0)),
        _row("disk full: until calls went through after there was room, s", again_s, int(again_s == "never")),
        _row("disk full: until nothing was under way, s", round(settled_s, 1)),
    ]


def clock(town: Town, say: Say) -> list[dict[str, Any]]:
    """The clock of all, PostgreSQL's and Valkey's included, an hour ahead, an hour behind, and right again."""
    if town.clock is None:
        return [_row("clock moved: left out, for there is no C compiler", "apt install gcc", 1)]
    rows = []
    town.begin()
    time.sleep(WORK_S)
    for hours in (1, -1, 0):
        town.clock.move(hours * 3600)
        moved_at = time.time()
        say(f"the clock is {hours:+d} h")
        again_s = _works_since(town, moved_at)
        rows.append(_row(f"clock at {hours:+d} h: until calls went through, s", again_s, int(again_s == "never")))
        time.sleep(WORK_S)
    town.end()
    settled_s = town.settle()
    return [*rows, _row("clock moved: until nothing was under way, s", round(settled_s, 1))]


def _refused(town: Town, since: float) -> int:
    """Tries of calls that were answered with a no, or not at all."""
    return sum(1 for at, status in town.refusals() if at > since and status != 429)


def _works_since(town: Town, since: float, timeout_s: float = AGAIN_S) -> float | str:
    """Seconds until a call that was sent after ``since`` had arrived at the other side; "never" after ``timeout_s``."""

    def is_through() -> bool:
        effects = town.peer.effects()
        return any(call.run and call.sent_at > since and call.key in effects for call in town.all_calls())

    return round(time.time() - since, 1) if _wait(is_through, timeout_s) else "never"


def _wait(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not (done := condition()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return done


def _row(what: str, count: object, bad: int | None = None) -> dict[str, Any]:
    return {"what": what, "count": count, "bad": bad, "some": []}
