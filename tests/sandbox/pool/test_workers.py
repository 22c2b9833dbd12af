"""Workers come and go: never two workspaces, gone after their time, and none of it loses a run that was done."""

import contextlib
import errno
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from sandbox.pool import Pool, SandboxUnavailable, process
from sandbox.pool import pool as pool_module
from sandbox.pool.build import ensure
from tests.sandbox.pool.conftest import Peer
from tests.sandbox.pool.jobs import job


@pytest.fixture
def own_pool():
    with Pool(2, artefact=ensure()) as pool:
        yield pool


@pytest.fixture
def who(monkeypatch):
    """Lists the process of each run, in order."""
    pids = []
    perform = pool_module.Worker.perform

    def noted(self, *arguments):
        pids.append(self.pid)
        return perform(self, *arguments)

    monkeypatch.setattr(pool_module.Worker, "perform", noted)
    return pids


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.asvs("15.4.4")
def test_a_worker_never_serves_two_workspaces(own_pool, peer, who):
    for name in ("a", "b", "a", "b", "a"):
        assert own_pool.run(job("return 1", workspace=name), peer).output == 1
    assert who[0] == who[2] == who[4] != who[1] == who[3]


def test_the_longest_unused_goes_first(own_pool, peer, who):
    for name in ("a", "b", "c", "b", "a"):
        own_pool.run(job("return 1", workspace=name), peer)
    a, b, c, b_again, a_again = who
    assert b == b_again
    assert a != a_again and not is_running(a)
    assert not is_running(c)
    assert own_pool.idle() == {"b": [b], "a": [a_again]}


def test_a_worker_goes_after_its_runs(peer, who):
    with Pool(1, artefact=ensure(), runs_per_worker=2) as pool:
        for _ in range(4):
            pool.run(job("return 1"), peer)
    assert who[0] == who[1] != who[2] == who[3]
    assert not is_running(who[0])


def test_a_worker_that_died_while_idle_is_found_before_a_run_is_given_to_it(own_pool, peer, who):
    own_pool.run(job("return 1"), peer)
    os.kill(who[0], signal.SIGKILL)
    (worker,) = own_pool._idle["a"]
    wait_for(lambda: not worker.is_alive(), seconds=5)  # its first thread may be gone before the others are
    assert own_pool.run(job("return 2"), peer).output == 2
    assert who[0] != who[1]


def test_a_run_whose_worker_is_killed_says_so_and_whether_anything_left(own_pool, who):
    def killing(request):
        os.kill(who[-1], signal.SIGKILL)
        return {"status": 200, "headers": {}, "body": ""}

    silent = threading.Timer(0.3, lambda: os.kill(who[-1], signal.SIGKILL))
    silent.start()
    outcome = own_pool.run(job("while True: pass"), Peer())
    assert (outcome.error["code"], outcome.error["category"], outcome.sent) == ("worker_lost", "transient", False)
    outcome = own_pool.run(job("ctx.http.get('https://a.test/')"), Peer(killing))
    assert (outcome.error["code"], outcome.sent) == ("worker_lost", True)
    assert own_pool.run(job("return 1"), Peer()).output == 1


def test_killing_workers_under_load_loses_no_run(own_pool, peer, who):
    """Each run comes back: with its own answer, or as lost with nothing sent, so that it may be done again."""
    total, kills, answers, lost = 60, 4, {}, []

    def work(numbers):
        for number in numbers:
            while number not in answers:
                outcome = own_pool.run(job(f"return {number} + 0 * sum(range(100_000))"), peer)
                if outcome.status == "ok":
                    answers[number] = outcome.output
                else:
                    assert (outcome.error["code"], outcome.sent) == ("worker_lost", False)
                    lost.append(number)

    threads = [threading.Thread(target=work, args=(range(start, total, 3),)) for start in range(3)]
    for thread in threads:
        thread.start()
    while len(lost) < kills and any(thread.is_alive() for thread in threads):
        before = len(lost)
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(who[-1], signal.SIGKILL)
        wait_for(lambda before=before: len(lost) > before, seconds=0.5)
    for thread in threads:
        thread.join()
    assert answers == {number: number for number in range(total)}
    assert lost


def wait_for(condition, seconds):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)


def test_a_worker_that_keeps_no_time_is_ended_by_the_parent(own_pool, who):
    def freezing(request):
        os.kill(who[-1], signal.SIGSTOP)
        return {"status": 200, "headers": {}, "body": ""}

    began = time.monotonic()
    outcome = own_pool.run(job("ctx.http.get('https://a.test/')", limits={"wall_ms": 200}), Peer(freezing))
    assert outcome.error["code"] == "time_limit"
    assert 0.6 < time.monotonic() - began < 2
    assert not is_running(who[0])


def test_what_a_broker_raises_ends_the_worker_and_goes_on(own_pool, who):
    def broken(request):
        raise LookupError("a fault of ours")

    with pytest.raises(LookupError, match="a fault of ours"):
        own_pool.run(job("ctx.http.get('https://a.test/')"), Peer(broken))
    assert not is_running(who[0])
    assert own_pool.run(job("return 1"), Peer()).output == 1


@pytest.mark.asvs("15.4.1")
def test_runs_go_side_by_side_up_to_the_size_of_the_pool(own_pool):
    inside, most, both = [], [], threading.Barrier(2)

    def together(request):
        inside.append(1)
        both.wait(timeout=8)
        most.append(len(inside))
        both.wait(timeout=8)
        inside.pop()
        return {"status": 200, "headers": {}, "body": ""}

    one = job("return ctx.http.get('https://a.test/').status")
    runs = [threading.Thread(target=own_pool.run, args=(one, Peer(together))) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert most == [2, 2, 2, 2]


def test_a_host_without_room_for_a_worker_says_so_and_once_there_is_room_all_is_well(own_pool, peer, monkeypatch):
    own_pool.run(job("return 1", workspace="a"), peer)
    own_pool._fresh[0].result()

    def none_left(*arguments, **options):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    with monkeypatch.context() as crowded:
        crowded.setattr(process.subprocess, "Popen", none_left)
        assert own_pool.run(job("return 2", workspace="b"), peer).output == 2  # by the one that stood ready
        with pytest.raises(SandboxUnavailable, match="no worker could be started: Resource temporarily"):
            own_pool.run(job("return 3", workspace="c"), peer)
        wait_for(own_pool._fresh[0].done, seconds=5)
    assert own_pool.run(job("return 3", workspace="c"), peer).output == 3


@pytest.mark.asvs("1.4.3")
def test_a_closed_pool_leaves_nothing_and_takes_nothing(who, peer):
    pool = Pool(1, artefact=ensure())
    pool.run(job("return 1"), peer)
    pool.close()
    assert not is_running(who[0])
    with pytest.raises(SandboxUnavailable, match="closing"):
        pool.run(job("return 1"), peer)


def test_workers_get_users_of_their_own_where_the_parent_is_root(own_pool, peer, who):
    for name in ("a", "b"):
        own_pool.run(job("return 1", workspace=name), peer)
    users = {_user(pid) for pid in who}
    assert 0 not in users
    assert len(users) == (2 if os.geteuid() == 0 else 1)


def _user(pid):
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("Uid:")).split()[1])


def test_what_a_run_says_of_itself_in_the_wrong_shape_is_no_failure_of_the_parent(pool, peer):
    """The code reaches the guest's own classes, so it can say anything in the place of a word."""
    for code in ("[1]", "{}", "None", "'worker_lost'"):
        outcome = pool.run(
            job(f"import inspect; raise inspect.sys.modules['sandbox.guest.running'].Failed(code={code})"), peer
        )
        assert outcome.error["code"] == "protocol_violation", code
    assert pool.run(job("return {'n': 1}"), peer).output == {"n": 1}
