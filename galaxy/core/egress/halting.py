"""Ending what is under way: whoever does something long in a thread may be told from another to let go of it.

A context variable holds the halt of the thread that works; what waits for a peer or a process attaches how it is woken.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar


class Halt:
    """One piece of work. ``stop`` may come from any thread, once or more often, and wakes whatever is attached."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], object]] = []
        self._is_stopped = False

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    @contextlib.contextmanager
    def attached(self, wake: Callable[[], object]) -> Iterator[None]:
        """While the block runs, ``wake`` is called by ``stop``; at once where it was stopped before."""
        with self._lock:
            self._wakers.append(wake)
            was_stopped = self._is_stopped
        try:
            if was_stopped:
                wake()
            yield
        finally:
            with self._lock:
                self._wakers.remove(wake)


_current: ContextVar[Halt | None] = ContextVar("galaxy_halt", default=None)


def current() -> Halt:
    """The halt of the work that this thread does; one that nobody stops where none was begun."""
    return _current.get() or Halt()


@contextlib.contextmanager
def halted_by(halt: Halt) -> Iterator[Halt]:
    token = _current.set(halt)
    try:
        yield halt
    finally:
        _current.reset(token)
