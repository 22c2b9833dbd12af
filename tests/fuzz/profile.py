"""How much is tried: a little and always the same in the suite, much and each time something else by ``make fuzz``.

``GALAXY_FUZZ=20`` in the environment tries twenty times as much as the suite does, at random.
"""

import os
import time
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings

Answer = TypeVar("Answer")
TIMES = int(os.environ.get("GALAXY_FUZZ", "0"))
MOST_CPU_S = 5.0  # of this thread, for one text: a safety deadline, far above what any of them takes


def examples(count: int) -> Callable:
    return settings(
        max_examples=count * (TIMES or 1),
        derandomize=not TIMES,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        print_blob=bool(TIMES),
        suppress_health_check=list(HealthCheck),
    )


def soon(ask: Callable[..., Answer], *args: object, **named: object) -> Answer:
    """What ``ask`` returns, in bounded time of this thread's own."""
    began = time.thread_time()
    answer = ask(*args, **named)
    assert time.thread_time() - began < MOST_CPU_S
    return answer
