"""Places of the sandbox are shared out by workspace, so that nobody is kept out by one that asks for many."""

import queue
import threading
import time

from sandbox.sandboxd.places import Places


def waiting(places, *workspaces) -> queue.SimpleQueue:
    """One thread for each that waits, in this order; the queue gives the workspaces as they get their places."""
    served: queue.SimpleQueue = queue.SimpleQueue()

    def wait(workspace):
        if places.take(workspace, 10):
            served.put(workspace)

    for count, workspace in enumerate(workspaces, 1):
        threading.Thread(target=wait, args=(workspace,), daemon=True).start()
        until(lambda count=count: len(places._waiting) == count)
    return served


def until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.001)


def test_a_workspace_with_many_runs_lets_the_other_in_at_the_first_free_place():
    places = Places(2)
    assert places.take("many", 0) and places.take("many", 0)
    served = waiting(places, "many", "many", "few")
    places.free("many")
    assert served.get(timeout=10) == "few"
    places.free("many")
    assert served.get(timeout=10) == "many"
    assert served.empty()


def test_among_equals_the_longest_waiting_comes_first():
    places = Places(1)
    assert places.take("a", 0)
    served = waiting(places, "b", "c")
    for expected in ("b", "c"):
        places.free("a" if expected == "b" else "b")
        assert served.get(timeout=10) == expected


def test_whoever_gives_up_waiting_leaves_the_line():
    places = Places(1)
    assert places.take("a", 0)
    assert not places.take("b", 0.01)
    places.free("a")
    assert places.take("c", 0)
