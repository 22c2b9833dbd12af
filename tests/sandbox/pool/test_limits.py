"""Each limit holds, has its own code, and ends the run in time."""

import time

import pytest

from sandbox.pool import Limits
from tests.sandbox.pool.conftest import Peer
from tests.sandbox.pool.jobs import job

SPIN = "while True: pass"


def test_a_manifest_may_lower_a_limit_and_raise_none():
    assert Limits(wall_ms=5000).cpu_ms == 5000
    for wrong in (
        {"wall_ms": 10_001},
        {"wall_ms": 0},
        {"cpu_ms": 2.5},
        {"output_bytes": 1 << 21},
        {"memory_bytes": 1 << 20},
    ):
        with pytest.raises(ValueError, match="must be"):
            Limits(**wrong)


@pytest.mark.asvs("15.2.2")
@pytest.mark.parametrize(
    "body",
    [
        SPIN,
        "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')",
        "sum(range(10 ** 12))",
        "import time\n    while True: time.sleep(1)",
        "try: 1 / 0\n    finally:\n        while True: pass",
    ],
)
def test_a_run_that_does_not_end_is_ended(pool, peer, body):
    began = time.monotonic()
    outcome = pool.run(job(f"def run(inputs, ctx):\n    {body}\n", limits={"wall_ms": 300, "cpu_ms": 5000}), peer)
    assert outcome.error["code"] == "time_limit"
    assert outcome.error["sentence"] == "The run took longer than its 300 ms."
    assert 0.3 <= time.monotonic() - began < 3


def test_cpu_time_has_a_limit_of_its_own(pool, peer):
    outcome = pool.run(job(SPIN, limits={"wall_ms": 10_000, "cpu_ms": 200}), peer)
    assert outcome.error["code"] == "cpu_limit"
    assert outcome.error["sentence"] == "The run computed for longer than its 200 ms."
    assert 200 <= outcome.measured["cpu_ms"] < 900


def test_waiting_for_a_reply_is_no_computing(pool):
    def slowly(request):
        time.sleep(0.4)
        return {"status": 200, "headers": {}, "body": ""}

    outcome = pool.run(job("return ctx.http.get('https://a.test/').status", limits={"cpu_ms": 150}), Peer(slowly))
    assert outcome.output == 200
    assert outcome.measured["wall_ms"] > 400 > outcome.measured["cpu_ms"]


def test_the_broker_is_told_what_time_is_left(pool, peer):
    pool.run(job("ctx.http.get('https://a.test/', timeout=2)", limits={"wall_ms": 800}), peer)
    ((request, seconds_left),) = peer.asked
    assert request == {"method": "GET", "url": "https://a.test/", "headers": {}, "timeout_ms": 2000}
    assert 0 < seconds_left <= 0.8


@pytest.mark.asvs("1.4.3", "15.2.2")
@pytest.mark.parametrize(
    "body", ["bytearray(1 << 30)", "x = [0]\n    while True: x += x", "x = 'x'\n    while True: x += x"]
)
def test_memory_has_an_end(pool, peer, body):
    outcome = pool.run(job(f"def run(inputs, ctx):\n    {body}\n", limits={"wall_ms": 10_000}), peer)
    assert outcome.error["code"] in ("memory_limit", "crashed")  # one way of running out breaks CPython itself
    assert outcome.measured["memory_bytes"] < 352 << 20


def test_memory_may_be_lowered(pool, peer):
    lower = {"memory_bytes": 48 << 20}
    assert pool.run(job("return len(bytearray(100 << 20))", limits=lower), peer).error["code"] == "memory_limit"
    assert pool.run(job("return len(bytearray(100 << 20))"), peer).output == 100 << 20


def test_memory_is_measured(pool, peer):
    small, large = (pool.run(job(f"x = b'x' * ({size} << 20)"), peer).measured for size in (1, 60))
    assert 55 << 20 < large["memory_bytes"] - small["memory_bytes"] < 65 << 20


def test_logs_end_and_what_is_lost_is_counted(pool, peer):
    outcome = pool.run(job("for n in range(3000): ctx.log('x' * 100)"), peer)
    kept = sum(len(line["text"]) for line in outcome.logs)
    assert (outcome.status, len(outcome.logs) + outcome.lost_logs) == ("ok", 3000)
    assert kept <= 64 << 10
    assert pool.run(job("print('z' * 10 ** 6)", limits={"log_bytes": 100}), peer).logs == [
        {"level": "print", "text": "z" * 100}
    ]


def test_calls_end(pool, peer):
    outcome = pool.run(job("for n in range(30): ctx.http.get('https://a.test/')", limits={"http_calls": 3}), peer)
    assert (outcome.error["code"], outcome.error["category"]) == ("http_calls_limit", "quota")
    assert outcome.error["sentence"] == "Line 2: The run made more than its 3 HTTP calls."
    assert (outcome.http_calls, len(peer.asked), outcome.sent) == (3, 3, True)


def test_bytes_end(pool):
    large = Peer({"status": 200, "headers": {}, "body": "x" * 400_000})
    outcome = pool.run(job("for n in range(9): ctx.http.get('https://a.test/')", limits={"http_bytes": 1 << 20}), large)
    assert (outcome.error["code"], outcome.http_calls) == ("http_bytes_limit", 3)


def test_an_output_may_be_as_large_as_it_says(pool, peer):
    assert len(pool.run(job("return 'x' * (2 ** 20 - 2)"), peer).output) == 2**20 - 2
    assert pool.run(job("return 'x' * (2 ** 20 - 1)"), peer).error["code"] == "output_too_large"
    assert pool.run(job("return '\"' * (2 ** 19 - 1)"), peer).output.count('"') == 2**19 - 1
    assert pool.run(job("return 'é' * (2 ** 19)"), peer).error["code"] == "output_too_large"


def test_a_deadline_of_one_run_never_hits_the_next(pool, peer):
    for _ in range(10):
        assert pool.run(job(SPIN, limits={"wall_ms": 20}), peer).error["code"] == "time_limit"
        assert pool.run(job("return 1", limits={"wall_ms": 2000}), peer).output == 1
