"""Celery's own beat, which says at each turn that it is alive, and does not wait for a clock that was set back."""

import time

import structlog
from celery.beat import PersistentScheduler

from galaxy.core.ops import alive

log = structlog.get_logger(__name__)


class Scheduler(PersistentScheduler):
    _seen_at = 0.0  # the latest time that the wall clock has shown here

    def setup_schedule(self) -> None:
        super().setup_schedule()
        self._bring_back()  # what is kept in the file may be from before the clock was set back

    def tick(self, *args, **kwargs) -> float:
        alive.mark(alive.BEAT)
        now = time.time()
        if now < self._seen_at:
            self._bring_back()
        self._seen_at = now
        return super().tick(*args, **kwargs)

    def _bring_back(self) -> None:
        """What was done at a time that is still to come counts as done now. Otherwise nothing would be due until the
        clock is there again: for an hour, where it was set back by one."""
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > entry.default_now()]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            self._heap = None  # it is made anew by the next turn
            log.warning("the clock was set back", entries=len(ahead))
