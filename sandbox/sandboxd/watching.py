"""Ends what is under way of a version that was stopped: one thread asks for all of it, while there is any."""

import contextlib
import threading
from collections.abc import Iterator
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError

from galaxy.core.egress.halting import Halt, halted_by
from registry.reach import stopped_among
from sandbox.sandboxd.under_way import briefly

log = structlog.get_logger(__name__)
EVERY_S = 1.0  # a stop is felt within this and what ending takes; everywhere within five seconds is asked for


class Watch:
    """Work that may be stopped is done within ``over``. Used by many threads."""

    def __init__(self, every_s: float = EVERY_S):
        self._every_s = every_s
        self._lock = threading.Lock()
        self._under_way: dict[Halt, tuple[UUID, str]] = {}
        self._is_watching = False

    @contextlib.contextmanager
    def over(self, workspace: UUID, digest: str) -> Iterator[Halt]:
        """While the block runs, it is stopped when the version called ``digest`` may not run in ``workspace``."""
        with halted_by(Halt()) as halt:
            with self._lock:
                self._under_way[halt] = (workspace, digest)
                begins, self._is_watching = not self._is_watching, True
            if begins:
                threading.Thread(target=self._watch, name="sandboxd-watch", daemon=True).start()
            try:
                yield halt
            finally:
                with self._lock:
                    del self._under_way[halt]

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self._every_s)
            with self._lock:
                asked = dict(self._under_way)
                if not asked:
                    self._is_watching = False
                    return
            for halt, pair in self._stopped(asked).items():
                log.warning("stopped what was under way", workspace=str(pair[0]), digest=pair[1][:12])
                halt.stop()

    def _stopped(self, asked: dict[Halt, tuple[UUID, str]]) -> dict[Halt, tuple[UUID, str]]:
        try:
            with briefly():
                found = stopped_among(asked.values())
        except (DatabaseError, InterfaceError) as error:  # asked again in a moment
            log.warning("could not ask what is stopped", error=type(error).__name__)
            return {}
        return {halt: pair for halt, pair in asked.items() if pair in found}
