"""Sketches: a percentile is off by 1 % at most, and parts merge into the whole."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.metrics.sketch import GROWTH, Sketch, bucket_of, merged, middle_of, unpack

times = st.floats(min_value=0.001, max_value=1e10)
SHARES = (0.01, 0.5, 0.95, 0.99, 1.0)


def sketch_of(numbers) -> Sketch:
    found = Sketch()
    for number in numbers:
        found.add(number)
    return found


@given(times)
def test_a_bucket_holds_its_number_and_its_middle_is_within_one_per_cent(ms):
    bucket = bucket_of(ms)
    assert GROWTH ** (bucket - 1) * (1 - 1e-9) <= ms <= GROWTH**bucket * (1 + 1e-9)
    assert abs(middle_of(bucket) - ms) <= 0.01 * ms


@given(st.lists(times, min_size=1), st.sampled_from(SHARES))
def test_a_percentile_is_that_of_the_sorted_numbers_to_one_per_cent(numbers, share):
    exact = sorted(numbers)[max(ceil(share * len(numbers) - 1e-9), 1) - 1]
    assert sketch_of(numbers).quantile(share) == pytest.approx(exact, rel=0.01)


@given(st.lists(st.lists(times), max_size=6), st.sampled_from(SHARES))
def test_parts_merge_into_the_whole_whichever_way(parts, share):
    whole = sketch_of(number for part in parts for number in part)
    packed = [sketch_of(part).pack() for part in parts]
    together = Sketch()
    for data in packed:
        together.merge(unpack(data))
    assert together.counts == whole.counts and together.pack() == whole.pack()
    quick = merged(packed)
    assert quick.total == whole.total and quick.quantile(share) == whole.quantile(share)


@given(st.lists(times), st.lists(times))
def test_what_is_taken_out_again_leaves_no_trace(kept, gone):
    found = sketch_of([*kept, *gone])
    for number in gone:
        found.add(number, -1)
    assert found.pack() == sketch_of(kept).pack()


@pytest.mark.parametrize("times_each", [1, 255, 256, 65_535, 65_536, 2**32])
def test_counters_are_as_wide_as_they_need(times_each):
    found = Sketch()
    found.add(3, times_each)
    found.add(9)
    assert unpack(found.pack()).counts == found.counts
    assert merged([found.pack(), found.pack()]).total == 2 * (times_each + 1)


def test_ends_of_the_scale_and_nothing():
    assert bucket_of(0) == bucket_of(0.0001) and bucket_of(1e15) == bucket_of(2e10)
    assert Sketch().pack() == b"" and unpack(b"").quantile(0.5) is None
    assert merged([]).quantile(0.5) is None and merged([b""]).total == 0
    for broken in (b"\x03\0\0\0", b"\x01\0", b"\x02\0\0\x01"):
        with pytest.raises(ValueError):
            unpack(broken)
