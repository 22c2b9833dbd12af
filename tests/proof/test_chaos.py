"""The short form of `make chaos`: a few kills and the special cases, on a whole Galaxy of its own (docs/chaos.md)."""

import hashlib
import shutil
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from django.conf import settings

from proof.chaos.killing import Kill, schedule
from proof.chaos.recovery import percentile, recoveries
from proof.chaos.setting import LEDGER, PACK, TIDY
from proof.chaos.table import line_of
from proof.chaos.town import only_times
from proof.chaos.traffic import Traffic, call_of
from proof.chaos.trial import CASES, run_trial
from tests.template import digest

SEED, KILLS = 9, 8
PARTS = ["postgres", "valkey", "sandboxd", "sequencer", "worker-1", "worker-2", "beat", "web-1", "web-2"]


def test_whatever_is_killed_everything_holds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chaos")
    said = hashlib.sha256("".join([digest(), LEDGER, TIDY, PACK, _setting()]).encode()).hexdigest()[:16]
    cases = [name for name in CASES if name != "clock" or shutil.which("cc")]
    rows = run_trial(
        folder, seed=SEED, kills=KILLS, rate=5, cases=cases, durable=False, web=1, workers=1,
        template=settings.DATA_DIR / f"chaos-{said}",
    )  # fmt: skip
    broken = [line_of(row) for row in rows if row["bad"]]
    assert broken == []
    found = {row["what"]: row["count"] for row in rows}
    assert sum(found["kills (SIGKILL), by part"].values()) == KILLS
    assert found["calls accepted (201)"] > 20
    assert found["effects that arrived (POST)"] > 10
    assert sum(row["bad"] is not None for row in rows) > 20, "most rows are held to something"


def _setting() -> str:
    from proof import ledger
    from proof.chaos import setting

    return "".join(Path(one.__file__).read_text(encoding="utf-8") for one in (setting, ledger))


def test_a_seed_says_what_is_killed_and_what_is_called():
    def first(seed: int) -> list:
        plan = schedule(seed, PARTS)
        return [next(plan) for _ in range(200)]

    assert first(1) == first(1) != first(2)
    assert {one.part for one in first(1)} == set(PARTS)
    assert {one.how for one in first(1)} == {"main", "all", "child"}
    assert [call_of(1, n).body for n in range(50)] == [call_of(1, n).body for n in range(50)]
    assert set(Counter(call_of(1, n).kind for n in range(200))) == {"look", "post", "put", "pack", "pay", "tidy"}


def test_times_alone_are_no_break_where_the_clock_was_moved():
    head = """meridian: 9 events under 2 checkpoints, 2 of them copied: NOT INTACT.
  9 open their commitments; signed by c0550ca875fe.
  position  what               in words
"""
    late = (
        "  7         Time does not fit  It says 2026-11-28 01:34, and was written after the seal of 2026-11-28 02:34.\n"
    )
    cut = "  8 to 9    End cut off        Checkpoint 2 in the copy, over 9 events, was signed.\n"
    assert only_times(head + late)
    assert not only_times(head + late + cut)
    assert not only_times(head + late + "  and 3 more.\n")
    assert not only_times("meridian: nobody answered.\n")


class Accepting(BaseHTTPRequestHandler):
    """A web process that accepts whatever it is called for."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        said = b'{"id": "one"}'
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def test_a_web_process_that_is_back_is_called_though_callers_pause():
    with ThreadingHTTPServer(("127.0.0.1", 0), Accepting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        urls = [f"http://127.0.0.1:{server.server_port}"] * 2
        traffic = Traffic(urls, {}, ["token"], workspace="w", seed=1, rate=1e-3, waiting=lambda: 1_000)
        traffic._holding.set()
        traffic.start()
        traffic.knock(1)
        traffic.knock(0)
        deadline = time.monotonic() + 30
        while sum(call.run == "one" for call in traffic.calls) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        traffic.stop(10)
        server.shutdown()
    assert [(call.number, call.door, call.run) for call in traffic.calls] == [(0, 1, "one"), (1, 0, "one")]


def test_recovery_is_the_part_and_then_the_work_that_goes_through_it():
    call = call_of(1, 0)
    call.door, call.accepted_at = 1, 104.0
    arrived = [{"key": "a", "at": 101.0}, {"key": "b", "at": 106.0}]

    def took(part: str, ready_at: float) -> float:
        (found,) = recoveries([Kill(part, "main", 100.0, [1], ready_at)], [call], arrived).values()
        return found[0]

    assert took("web-2", 103.0) == 4.0, "a call by this door"
    assert took("web-1", 103.0) == 3.0, "none came by this one"
    assert took("worker-1", 102.0) == 6.0, "what arrived before it was back says nothing"
    assert took("beat", 102.0) == 2.0
    assert [percentile(range(1, 101), part) for part in (0.5, 0.99)] == [51, 100]
    assert percentile([], 0.99) == 0
