"""Results of Python transforms, kept in memory by (version, inputs): equal input and version give equal bytes.

They stay in this one process, and each workspace has its own, so that nobody learns from a quick answer what another
workspace has asked. What may be remembered the order says, and it goes after minutes (sandbox.remembering).
"""

import hashlib
import json
from typing import Any

from sandbox.remembering import MOST_S, Kept
from sandbox.sandboxd.execution import Result
from sandbox.sandboxd.orders import RunOrder

MOST_RESULTS = 512
MOST_BYTES = 64 * 1024 * 1024


def memo_key(order: RunOrder) -> bytes:
    """Names all that a transform's result depends on."""
    parts: list[Any] = [
        str(order.workspace),
        order.digest,
        order.target,
        str(order.seed),
        order.now.isoformat(),
        order.inputs,
    ]
    # As the guest is given them: RFC 8785 would take 1 and 1.0 for one.
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


class Memo:
    def __init__(self, most: int = MOST_RESULTS, most_bytes: int = MOST_BYTES, most_s: float = MOST_S):
        self._kept: Kept[Result] = Kept(most, most_bytes, most_s)

    def get(self, key: bytes) -> Result | None:
        return self._kept.get(key)

    def put(self, key: bytes, result: Result) -> None:
        self._kept.put(key, result, len(json.dumps([result.outcome.as_dict(), result.recording], default=str)))
