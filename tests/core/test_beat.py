"""Beat when the clock of its machine is set back: what is due goes on, instead of waiting until the clock is there."""

import time
from datetime import timedelta

import pytest

from galaxy.core.ops import alive
from galaxy.core.ops.beat import Scheduler


@pytest.fixture(autouse=True)
def here(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(alive, "_marked", {})


@pytest.fixture
def begun(tmp_path):
    """``begun()``: a scheduler on the same file each time; what it would send is kept in ``sent``."""
    from galaxy.celery import app

    class Quiet(Scheduler):
        producer = None

        def apply_async(self, entry, **kwargs):
            self.sent.append(entry.name)

    open_ones = []

    def begin() -> Quiet:
        scheduler = Quiet(app, schedule_filename=str(tmp_path / "schedule"))
        scheduler.sent = []
        open_ones.append(scheduler)
        return scheduler

    yield begin
    for scheduler in open_ones:
        scheduler.close()


def ran_an_hour_ahead(scheduler: Scheduler) -> None:
    """Everything was done at a time that is now an hour away."""
    for entry in scheduler.schedule.values():
        entry.last_run_at = entry.default_now() + timedelta(hours=1)


def soonest_s(scheduler: Scheduler) -> float:
    """How long it would be until anything is done. What is due now is done first."""
    while (wait_s := scheduler.tick()) == 0:
        pass
    return wait_s


def test_a_clock_that_is_set_back_under_it_holds_nothing_up(begun):
    scheduler = begun()
    ran_an_hour_ahead(scheduler)
    scheduler._heap = None  # as it would have been planned then
    scheduler._seen_at = time.time() + 3600
    assert soonest_s(scheduler) < 5, "reconciling is due every three seconds"
    assert max(entry.last_run_at for entry in scheduler.schedule.values()) <= scheduler.app.now()


def test_nor_does_one_that_was_set_back_while_it_was_down(begun):
    scheduler = begun()
    ran_an_hour_ahead(scheduler)
    scheduler.close()
    assert soonest_s(begun()) < 5


def test_a_clock_that_goes_on_as_ever_changes_nothing(begun):
    scheduler = begun()
    soonest_s(scheduler)
    heap = scheduler._heap
    before = {name: entry.last_run_at for name, entry in scheduler.schedule.items()}
    scheduler.tick()
    assert scheduler._heap is heap
    assert {name: entry.last_run_at for name, entry in scheduler.schedule.items()} == before
