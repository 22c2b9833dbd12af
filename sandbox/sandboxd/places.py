"""Who runs next: so many places at a time, and no workspace that sends many runs keeps the others waiting for long."""

import threading
from collections import Counter
from dataclasses import dataclass


@dataclass(eq=False)
class _Waiting:
    workspace: str


class Places:
    """``size`` of them. A free one goes to the workspace that holds the fewest, then to whoever has waited longest."""

    def __init__(self, size: int):
        self._size = size
        self._changed = threading.Condition()
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []  # the longest first

    def take(self, workspace: str, seconds: float) -> bool:
        """Take a place, and give it back with ``free``; False where none became free in time."""
        mine = _Waiting(workspace)
        with self._changed:
            self._waiting.append(mine)
            taken = self._changed.wait_for(lambda: self._is_next(mine), seconds)
            self._waiting.remove(mine)
            self._held[workspace] += taken
            self._changed.notify_all()
        return taken

    def free(self, workspace: str) -> None:
        with self._changed:
            self._held[workspace] -= 1
            self._held = +self._held  # without those that hold none
            self._changed.notify_all()

    def _is_next(self, mine: _Waiting) -> bool:
        if self._held.total() >= self._size:
            return False
        return min(self._waiting, key=lambda one: self._held[one.workspace]) is mine
