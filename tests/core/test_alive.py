"""Signs of life on disk, by which a probe tells a process that goes on from one that only is there."""

import os
import subprocess
import time

import pytest
from celery.signals import heartbeat_sent

from galaxy.core.ops import alive
from galaxy.core.ops.beat import Scheduler

PROBE = "find {} -mmin -1 2>/dev/null | grep -q ."  # as docs/deployment.md has it


@pytest.fixture(autouse=True)
def here(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(alive, "_marked", {})


def is_alive(name: str) -> bool:
    return subprocess.run(["sh", "-c", PROBE.format(alive.place(name))], check=False).returncode == 0


def test_a_probe_tells_who_goes_on_from_who_does_not():
    assert not is_alive("worker"), "before the first sign"
    alive.mark("worker")
    assert is_alive("worker") and not is_alive("beat")
    os.utime(alive.place("worker"), (time.time() - 120, time.time() - 120))
    assert not is_alive("worker"), "two minutes of silence"


def test_a_loop_may_say_it_as_often_as_it_likes(monkeypatch):
    alive.mark("worker")
    os.utime(alive.place("worker"), (0, 0))
    alive.mark("worker")
    assert alive.place("worker").stat().st_mtime == 0, "nothing is written within five seconds"
    monkeypatch.setitem(alive._marked, "worker", time.monotonic() - alive.EVERY_S)
    alive.mark("worker")
    assert is_alive("worker")


def test_a_disk_that_takes_nothing_ends_no_process(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.DATA_DIR = tmp_path / "file"
    alive.mark("sequencer")
    assert not is_alive("sequencer")


def test_a_worker_says_it_with_its_heartbeat_to_the_broker():
    heartbeat_sent.send(sender=None)
    assert is_alive("worker")


def test_beat_says_it_at_each_turn(tmp_path):
    from galaxy.celery import app

    scheduler = Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    scheduler.schedule.clear()  # so that the turn rings nobody
    try:
        scheduler.tick()
    finally:
        scheduler.close()
    assert is_alive("beat")
    assert app.conf.beat_scheduler == "galaxy.core.ops.beat.Scheduler"
