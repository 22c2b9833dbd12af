"""Results of transforms, kept in memory by (workspace, version, input): equal input and version give equal bytes.

They stay in this one process, and each workspace has its own, so that nobody learns from a quick answer what another
workspace has asked. Kept as bytes: whoever takes one out cannot change what the next one gets.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from uuid import UUID

MOST_RESULTS = 2_048
MOST_BYTES = 32 * 1024 * 1024


class Remembering:
    """The least recently used result goes first, by number and by size. Safe for many threads."""

    def __init__(self, most: int = MOST_RESULTS, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def answer(
        self, workspace: UUID, digest: str, inputs: dict[str, Any], work: Callable[[], dict[str, Any]]
    ) -> tuple[dict[str, Any], bool]:
        """What ``work`` gives for these inputs, and whether it was remembered. What raises is never kept."""
        try:
            key = _key(workspace, digest, inputs)
        except (ValueError, TypeError):  # an input that JSON cannot say, which the transform refuses in its own words
            return work(), False
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
        if known is not None:
            return json.loads(known), True
        outputs = work()
        self._keep(key, json.dumps(outputs, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        return outputs, False

    def _keep(self, key: bytes, result: bytes) -> None:
        if len(result) > self._most_bytes // 8:  # one large result must not push out all the others
            return
        with self._lock:
            self._bytes += len(result) - len(self._kept.pop(key, b""))
            self._kept[key] = result
            while len(self._kept) > self._most or self._bytes > self._most_bytes:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone)


def _key(workspace: UUID, digest: str, inputs: dict[str, Any]) -> bytes:
    """Not of the canonical form, for which 1 and 1.0 are one number: written into a text they are two."""
    text = json.dumps([str(workspace), digest, inputs], sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
