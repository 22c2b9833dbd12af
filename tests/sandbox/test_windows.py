"""Moving windows at the server: a peer never counts more than the budget in any window, whatever the delay."""

import threading
import time
import uuid

import pytest

from sandbox.valkey import client
from sandbox.windows import Room, Window, ended, look, take, take_once, window


@pytest.fixture
def key():
    key = f"test:window:{uuid.uuid4().hex}"
    yield key
    client().delete(key)


def counted(window, n, under_way_ms=0):
    return [take([window], f"{uuid.uuid4().hex}", under_way_ms)[0] for _ in range(n)]


def test_what_is_beyond_the_budget_is_told_how_long_to_wait(key):
    one = Window(key, 3, 60_000)
    waits = counted(one, 4)
    assert waits[:3] == [0, 0, 0]
    assert 59_000 < waits[3] <= 60_025


def test_a_request_counts_one_window_from_its_end_not_from_its_beginning(key):
    one = Window(key, 1, 400)
    assert take([one], "slow", 30_000) == (0, 0)
    time.sleep(0.45)
    assert take([one], "next", 30_000)[0] > 20_000, "still under way, so it may arrive at any moment"
    ended([one], "slow")
    assert 300 < take([one], "next", 30_000)[0] <= 425
    time.sleep(0.43)
    assert take([one], "next", 30_000) == (0, 0)


def test_one_that_never_left_gives_its_place_back(key):
    one = Window(key, 1, 60_000)
    assert take([one], "a", 1_000) == (0, 0)
    ended([one], "a", has_left=False)
    assert take([one], "b", 1_000) == (0, 0)


def test_a_full_window_charges_none_of_the_others(key):
    wide, tight = Window(f"{key}:w", 10, 60_000), Window(f"{key}:t", 1, 60_000)
    assert take([wide, tight], "a", 0) == (0, 0)
    wait_ms, position = take([wide, tight], "b", 0)
    assert (wait_ms > 0, position) == (True, 1)
    assert [room.used for room in look([wide, tight])] == [1, 1]
    client().delete(wide.key, tight.key)


def test_a_day_is_counted_in_steps_and_frees_them_one_by_one(key):
    day = window(key, "per_day", 5)
    assert counted(day, 5) == [0] * 5
    room = look([day])[0]
    assert room.used == 5
    assert 24 * 3600_000 < room.wait_ms <= 24 * 3600_000 + 2 * day.step_ms + 25
    step = int(client().time()[0] * 1000 // day.step_ms)
    client().hset(key, mapping={step - 99: 3, step: 2})  # yesterday's, and two of now
    assert look([day]) == [Room(2, 0)]
    assert not client().hexists(key, step - 99)


def test_no_window_of_the_peers_own_clock_ever_holds_more(key):
    """Eight callers in a hurry, each request arriving at a random moment of its way."""
    one, arrivals, lock = Window(key, 12, 300), [], threading.Lock()
    until = time.monotonic() + 2.4

    def call(seed):
        number = 0
        while time.monotonic() < until:
            number += 1
            token = f"{seed}.{number}"
            wait_ms, _ = take([one], token, 5_000)
            if wait_ms:
                time.sleep(min(wait_ms, 20) / 1000)
                continue
            delay = ((seed * 37 + number * 53) % 60) / 1000
            time.sleep(delay)
            with lock:
                arrivals.append(time.monotonic())
            time.sleep(0.06 - delay)
            ended([one], token)

    callers = [threading.Thread(target=call, args=(seed,)) for seed in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    arrivals.sort()
    most = max(sum(1 for other in arrivals if at <= other < at + 0.3) for at in arrivals)
    assert len(arrivals) > 40, "it let through what the budget has room for"
    assert most <= 12


def test_the_same_token_counts_once_however_often_it_comes(key):
    one = Window(key, 2, 60_000)
    assert [take_once([one], token) for token in ("a", "a", "b", "a", "b")] == [(0, 0)] * 5
    assert 59_000 < take_once([one], "c")[0] <= 60_025
    assert take_once([one], "a") == (0, 0), "it has its place, full or not"
    assert look([one]) == [Room(2, pytest.approx(60_000, abs=1_000))]


def test_what_counts_once_is_counted_in_all_windows_or_in_none(key):
    wide, tight = Window(f"{key}:w", 10, 60_000), Window(f"{key}:t", 1, 60_000)
    assert take_once([wide, tight], "a") == (0, 0)
    wait_ms, position = take_once([wide, tight], "b")
    assert (wait_ms > 0, position) == (True, 1)
    assert [room.used for room in look([wide, tight])] == [1, 1]
    client().delete(wide.key, tight.key)
