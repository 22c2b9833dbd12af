"""Percentiles of many days, from histograms that can be added up.

The buckets are those of sandbox.metrics.sketch from 1 ms on, so that a percentile is off by 1 % at most. PostgreSQL
puts calls into them (marketplace_telemetry), this reads them.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from sandbox.metrics.sketch import middle_of

MOST_BUCKETS = 1_200  # eight months; the last one takes what is longer


Histogram = list[int]  # by bucket, MOST_BUCKETS + 1 of them: a list, since a page adds up 100,000 numbers


def empty() -> Histogram:
    return [0] * (MOST_BUCKETS + 1)


def add_to(found: Histogram, also: Histogram, buckets: Iterable[int], counts: Iterable[int]) -> None:
    """Add one day's calls to two histograms in one pass over them."""
    for bucket, count in zip(buckets, counts, strict=True):
        found[bucket] += count
        also[bucket] += count


def percentile_of(found: Histogram, share: float = 0.95) -> int | None:
    """The time in ms within which ``share`` of the calls ended; None without calls.

    The number is the middle of the bucket of that call in order, as percentile_disc counts them.
    """
    seen = list(accumulate(found))
    if not seen[-1]:
        return None
    bucket = bisect_left(seen, share * seen[-1])
    return round(middle_of(bucket)) if bucket else 1


def percentile(days: Iterable[tuple[Iterable[int], Iterable[int]]], share: float = 0.95) -> int | None:
    """The same by (buckets, counts) of each day."""
    found = empty()
    for buckets, counts in days:
        for bucket, count in zip(buckets, counts, strict=True):
            found[bucket] += count
    return percentile_of(found, share)
