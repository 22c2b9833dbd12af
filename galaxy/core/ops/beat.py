"""Celery's own beat, which says at each turn that it is alive."""

from celery.beat import PersistentScheduler

from galaxy.core.ops import alive


class Scheduler(PersistentScheduler):
    def tick(self, *args, **kwargs) -> float:
        alive.mark(alive.BEAT)
        return super().tick(*args, **kwargs)
