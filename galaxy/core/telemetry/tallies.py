"""Counts of what was lost on the way, of all processes together: kept in the cache, since losing them costs nothing."""

import structlog
from django.core.cache import cache

log = structlog.get_logger(__name__)
SPANS_LOST = "spans-lost"  # not stored
SPANS_DROPPED = "spans-dropped"  # stored, and not sent on, since too many waited for a collector that was away
BATCHES_FAILED = "batches-failed"  # tries to send that failed; what was in them waits
NAMES = (SPANS_LOST, SPANS_DROPPED, BATCHES_FAILED)
_KEPT_S = 60 * 60 * 24 * 400


def note(name: str, number: int = 1) -> None:
    """Count ``number`` more. Never fails: whoever counts losses has trouble enough."""
    if not number:
        return
    try:
        if cache.add(_key(name), number, _KEPT_S):
            return
        cache.incr(_key(name), number)
    except Exception as error:
        log.warning("a loss could not be counted", name=name, number=number, error=type(error).__name__)


def tallies() -> dict[str, int]:
    """By name, 0 where nothing was lost, or nobody knows any more."""
    found = cache.get_many([_key(name) for name in NAMES])
    return {name: found.get(_key(name), 0) for name in NAMES}


def _key(name: str) -> str:
    return f"galaxy:tally:{name}"
