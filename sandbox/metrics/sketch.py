"""Sketches: histograms with buckets that grow by 2 %, so that a percentile read from one is off by 1 % at most.

Two of them merge into one by adding up their buckets, exactly as if it had been made of all numbers at once (DDSketch,
arXiv 1908.10693, section 2.1, with a relative accuracy of 0.01). One is kept as a few bytes: a head and a counter for
each bucket from the first that has numbers to the last, as wide as the largest counter needs. Many are merged as whole
numbers of thousands of bits, one addition for each sketch, which is what makes a week of 500 actions readable at once.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from math import ceil, log

GROWTH = 1.02
LEAST_MS = 0.001  # what took less is counted as this
MOST_MS = 2e10  # eight months; what took longer is counted as this
_LOG = log(GROWTH)
_LANE = 64  # bits of a counter while sketches are merged
_WIDTHS = ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))
_HEAD = 3  # bytes: the width of a counter, and the first bucket


def bucket_of(ms: float) -> int:
    """The number of the bucket that takes ``ms``: above GROWTH ** (number - 1), up to GROWTH ** number."""
    return ceil(log(min(max(ms, LEAST_MS), MOST_MS)) / _LOG - 1e-9)


def middle_of(bucket: int) -> float:
    """The number that is off by the same share from either end of the bucket."""
    return 2 * GROWTH**bucket / (GROWTH + 1)


class Sketch:
    """Durations in ms, as counts by bucket. Numbers can be taken out again, which were put in before."""

    __slots__ = ("counts",)

    def __init__(self, counts: dict[int, int] | None = None):
        self.counts = counts if counts is not None else {}

    def add(self, ms: float, times: int = 1) -> None:
        bucket = bucket_of(ms)
        self.counts[bucket] = self.counts.get(bucket, 0) + times

    def merge(self, other: "Sketch") -> None:
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    @property
    def total(self) -> int:
        return sum(count for count in self.counts.values() if count > 0)

    def quantile(self, share: float) -> float | None:
        """The ms that ``share`` of the numbers keep within, to 1 %, as percentile_disc counts them; None of none."""
        buckets = sorted(bucket for bucket, count in self.counts.items() if count > 0)
        return _quantile(buckets, [self.counts[bucket] for bucket in buckets], share)

    def pack(self) -> bytes:
        """As it is kept; b"" without numbers."""
        kept = {bucket: count for bucket, count in self.counts.items() if count > 0}
        if not kept:
            return b""
        first, last, most = min(kept), max(kept), max(kept.values())
        width, code = next(one for one in _WIDTHS if most < 1 << (8 * one[0]))
        counters = array(code, bytes(width * (last - first + 1)))
        for bucket, count in kept.items():
            counters[bucket - first] = count
        head = bytes([width]) + first.to_bytes(2, "little", signed=True)
        return head + b"".join(count.to_bytes(width, "little") for count in counters)


def unpack(data: bytes) -> Sketch:
    """The sketch that ``pack`` wrote. Raises ValueError for bytes that are none."""
    first, counters = _read(data)
    return Sketch({first + at: count for at, count in enumerate(counters) if count})


def merged(packed: Iterable[bytes]) -> "Merged":
    """Several sketches, as they are kept, as one."""
    parts = [_lanes(data) for data in packed if data]
    if not parts:
        return Merged(0, [])
    first = min(begins for begins, _ in parts)
    whole = sum(lanes << (_LANE * (begins - first)) for begins, lanes in parts)
    size = -(-whole.bit_length() // _LANE)
    counters = array("Q")
    counters.frombytes(whole.to_bytes(8 * size, "little"))
    return Merged(first, list(accumulate(_in_order(counters))))


class Merged:
    """Several sketches to read percentiles from: the counts up to each bucket, from ``first`` on."""

    __slots__ = ("_seen", "first")

    def __init__(self, first: int, seen: list[int]):
        self.first = first
        self._seen = seen

    @property
    def total(self) -> int:
        return self._seen[-1] if self._seen else 0

    def quantile(self, share: float) -> float | None:
        if not self.total:
            return None
        return middle_of(self.first + bisect_left(self._seen, _rank(share, self.total)))


def _rank(share: float, total: int) -> int:
    """Which number in order is meant; 95 % of 20 are 19 and not, by how machines count, 19.000000000000004."""
    return max(ceil(share * total - 1e-9), 1)


def _quantile(buckets: list[int], counts: list[int], share: float) -> float | None:
    seen = list(accumulate(counts))
    if not seen:
        return None
    return middle_of(buckets[bisect_left(seen, _rank(share, seen[-1]))])


def _lanes(data: bytes) -> tuple[int, int]:
    """The first bucket, and all counters as one whole number with a lane for each."""
    width, body = data[0], data[_HEAD:]
    wide = bytearray(8 * (len(body) // width))
    for at in range(width):
        wide[at::8] = body[at::width]
    return int.from_bytes(data[1:_HEAD], "little", signed=True), int.from_bytes(wide, "little")


def _read(data: bytes) -> tuple[int, list[int]]:
    if not data:
        return 0, []
    width = data[0]
    if width not in {1, 2, 4, 8} or len(data) < _HEAD or (len(data) - _HEAD) % width:
        raise ValueError("these bytes are no sketch")
    body = data[_HEAD:]
    counters = [int.from_bytes(body[at : at + width], "little") for at in range(0, len(body), width)]
    return int.from_bytes(data[1:_HEAD], "little", signed=True), counters


def _in_order(counters: array) -> array:
    """As this machine reads whole numbers of eight bytes."""
    if memoryview(b"\x01\0\0\0\0\0\0\0").cast("Q")[0] != 1:
        counters.byteswap()
    return counters
