"""Percentiles of many days, from histograms that can be added up.

The buckets grow by 2 %, so that a percentile read from them is off by 1 % at most (DDSketch, arXiv 1908.10693, section
2.1, with a relative accuracy of 0.01). PostgreSQL puts calls into them (marketplace_telemetry), this reads them.
"""

from collections.abc import Iterable

GROWTH = 1.02  # one bucket is so much wider than the one below it; the function of PostgreSQL says the same numbers
MOST_BUCKETS = 1_200  # eight months; the last one takes what is longer


def percentile(days: Iterable[tuple[Iterable[int], Iterable[int]]], share: float = 0.95) -> int | None:
    """The time in ms within which ``share`` of the calls ended, by (buckets, counts) of each day; None without calls.

    The number is the middle of the bucket of that call in order, as percentile_disc counts them.
    """
    found = [0] * (MOST_BUCKETS + 1)  # a list, since a page of 90 days and many versions adds up 100,000 of them
    for buckets, counts in days:
        for bucket, count in zip(buckets, counts, strict=True):
            found[bucket] += count
    wanted, seen = share * sum(found), 0
    for bucket, count in enumerate(found):
        seen += count
        if count and seen >= wanted:
            return round(2 * GROWTH**bucket / (GROWTH + 1)) if bucket else 1
    return None
