"""Results of transforms, kept in memory by (workspace, version, input): equal input and version give equal bytes.

They stay in this one process, and each workspace has its own, so that nobody learns from a quick answer what another
workspace has asked. They outlive the values of their runs, so they are few, go after minutes, and none of them is of an
input that holds anything personal.
"""

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from uuid import UUID

MOST_RESULTS = 2_048
MOST_BYTES = 32 * 1024 * 1024
MOST_S = 300.0
T = TypeVar("T")


class Kept(Generic[T]):
    """Values by their keys, bounded by number, by size in bytes and by age in seconds; the oldest goes first. One that
    is too old goes by itself, whether or not anybody asks. Safe for many threads."""

    def __init__(
        self,
        most: int = MOST_RESULTS,
        most_bytes: int = MOST_BYTES,
        most_s: float = MOST_S,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._most, self._most_bytes, self._most_s, self._clock = most, most_bytes, most_s, clock
        self._kept: OrderedDict[bytes, tuple[T, int, float]] = OrderedDict()  # by when they were made
        self._bytes = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> T | None:
        self.forget_old()
        with self._lock:
            found = self._kept.get(key)
        return found[0] if found else None

    def put(self, key: bytes, value: T, size: int) -> None:
        if size > self._most_bytes // 8:  # one large result must not push out all the others
            return
        self.forget_old()
        with self._lock:
            self._drop(key)
            self._kept[key] = (value, size, self._clock())
            self._bytes += size
            while len(self._kept) > self._most or self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))
            self._watch()

    def forget_old(self) -> None:
        with self._lock:
            before = self._clock() - self._most_s
            while self._kept:
                key, (_, _, made) = next(iter(self._kept.items()))
                if made > before:
                    break
                self._drop(key)

    def _watch(self) -> None:
        """With the lock held: come back once the oldest is too old."""
        if self._timer is None and self._kept:
            self._timer = threading.Timer(self._most_s, self._comes_back)
            self._timer.daemon = True
            self._timer.start()

    def _comes_back(self) -> None:
        self.forget_old()
        with self._lock:
            self._timer = None
            self._watch()

    def _drop(self, key: bytes) -> None:
        _, size, _ = self._kept.pop(key, (None, 0, 0.0))
        self._bytes -= size


class Remembering:
    """Kept as bytes: whoever takes one out cannot change what the next one gets."""

    def __init__(self, kept: Kept[bytes] | None = None) -> None:
        self._kept = Kept() if kept is None else kept

    def answer(
        self, workspace: UUID, digest: str, inputs: dict[str, Any], work: Callable[[], dict[str, Any]]
    ) -> tuple[dict[str, Any], bool]:
        """What ``work`` gives for these inputs, and whether it was remembered. What raises is never kept."""
        try:
            key = _key(workspace, digest, inputs)
        except (ValueError, TypeError):  # an input that JSON cannot say, which the transform refuses in its own words
            return work(), False
        known = self._kept.get(key)
        if known is not None:
            return json.loads(known), True
        outputs = work()
        result = json.dumps(outputs, ensure_ascii=False).encode("utf-8", "surrogatepass")
        self._kept.put(key, result, len(result))
        return outputs, False


def _key(workspace: UUID, digest: str, inputs: dict[str, Any]) -> bytes:
    """Not of the canonical form, for which 1 and 1.0 are one number: written into a text they are two."""
    text = json.dumps([str(workspace), digest, inputs], sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
