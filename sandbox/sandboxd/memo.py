"""Results of Python transforms, kept in memory by (version, inputs): equal input and version give equal bytes.

They stay in this one process, and each workspace has its own, so that nobody learns from a quick answer what another
workspace has asked.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from typing import Any

from galaxy.core import jcs
from sandbox.sandboxd.execution import Result
from sandbox.sandboxd.orders import RunOrder

MOST_RESULTS = 512
MOST_BYTES = 64 * 1024 * 1024


def memo_key(order: RunOrder) -> str:
    """Names all that a transform's result depends on."""
    parts: list[Any] = [
        str(order.workspace),
        order.digest,
        order.target,
        str(order.seed),
        order.now.isoformat(),
        order.inputs,
    ]
    return hashlib.sha256(jcs.dumps(parts)).hexdigest()


class Memo:
    """The least recently used result goes first, by number and by size. Safe for many threads."""

    def __init__(self, most: int = MOST_RESULTS, most_bytes: int = MOST_BYTES):
        self._most, self._most_bytes = most, most_bytes
        self._kept: OrderedDict[str, tuple[Result, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Result | None:
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: str, result: Result) -> None:
        size = len(json.dumps([result.outcome.as_dict(), result.recording], default=str))
        if size > self._most_bytes // 8:  # one large result must not push out all the others
            return
        with self._lock:
            self._drop(key)
            self._kept[key] = (result, size)
            self._bytes += size
            while len(self._kept) > self._most or self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        _, size = self._kept.pop(key, (None, 0))
        self._bytes -= size
