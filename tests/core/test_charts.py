"""Charts: from zero, clean of inline style, with a name, a sentence and the same numbers as a table."""

import re
from itertools import pairwise

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from galaxy.core.ui.charts import Chart, Series, milliseconds, nice, sparkline

LATENCY = Chart(
    "Latency <b>",
    "95 of 100 calls took up to 2.3 s.",
    ["Mon", "Tue", "Wed"],
    [Series("95 %", [1000, None, 2300]), Series("median", [400, None, 500])],
    words=milliseconds,
    limit=2000,
    limit_label="budget 2 s",
    links=["/mon", "", "/wed"],
)


def shown(chart: Chart) -> str:
    return Template("{% load ui %}{% chart one %}").render(Context({"one": chart}))


def test_a_chart_says_its_numbers_in_a_table_and_what_they_come_to_in_a_sentence():
    html = shown(LATENCY)
    assert 'role="img" aria-label="Latency &lt;b&gt;. 95 of 100 calls took up to 2.3 s."' in html
    assert "<figcaption>95 of 100 calls took up to 2.3 s.</figcaption>" in html
    cells = re.findall(r'<td class="n">(.*?)</td>', html)
    assert cells == ["1.00 s", "400 ms", "–", "–", "2.30 s", "500 ms"]
    assert '<a href="/wed">Wed</a>' in html and "budget 2 s" in html
    assert "style=" not in html and "<b>" not in html


def test_the_scale_begins_at_zero_and_holds_the_limit_and_every_number():
    drawing = str(LATENCY.drawing)
    axis = float(re.search(r'class="axis" x1="0" x2="100%" y1="([\d.]+)"', drawing)[1])
    heights = [axis - float(y) for y in re.findall(r'<circle class="dot series-1" cx="[\d.]+%" cy="([\d.]+)"', drawing)]
    assert heights[1] / heights[0] == pytest.approx(2.3, rel=0.01)
    goal = axis - float(re.search(r'class="goal" x1="0" x2="100%" y1="([\d.]+)"', drawing)[1])
    assert goal / heights[0] == pytest.approx(2, rel=0.01)


def test_words_of_the_scale_the_limit_and_the_lines_lie_on_nothing():
    chart = Chart("T", "F", list("abcdefg"), [Series("x", [2000] * 7), Series("y", [1990] * 7)], limit=2000)
    ends = re.findall(r'<text class="(?:name series-\d|goal-words)" x="100%" y="([\d.]+)"', str(chart.drawing))
    heights = sorted(map(float, ends))
    assert len(heights) == 3 and all(below - above >= 14 for above, below in pairwise(heights))
    left = [float(x) for x in re.findall(r'<(?:circle|rect)[^>]* c?x="([\d.]+)%"', str(chart.drawing))]
    assert min(left) > 8


@pytest.mark.parametrize(("most", "end"), [(0, 2), (1, 2), (3, 4), (5, 6), (26, 40), (100, 100), (101, 200)])
def test_what_is_counted_is_not_halved(most, end):
    assert Chart("T", "F", ["a"], [Series("x", [most])], kind="bars").most == end


def test_a_phone_shows_every_second_time_and_the_last():
    drawing = str(Chart("T", "F", list("abcdefg"), [Series("x", [1] * 7)], kind="bars").drawing)
    assert re.findall(r'class="between"[^>]*>(.)<', drawing) == ["b", "d", "f"]


def test_a_gap_is_a_gap():
    assert str(LATENCY.drawing).count('<line class="series ') == 0  # nothing lies beside anything
    assert len(re.findall(r"<circle", str(LATENCY.drawing))) == 4


def test_bars_and_stacks_add_up_to_their_heights():
    stacked = Chart("T", "F", ["a"], [Series("x", [3]), Series("y", [2])], kind="stacks")
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"/>', str(stacked.drawing))]
    assert heights[0] / heights[1] == pytest.approx(1.5, rel=0.01) and stacked.most == 6
    assert "x</span>" in shown(stacked)


def test_nothing_told_is_said():
    empty = Chart("T", "No call ended.", ["a", "b"], [Series("x", [None, None])])
    assert empty.is_empty and "<table" not in shown(empty) and "No call ended." in shown(empty)
    assert "<path" not in sparkline([None, None])


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_a_scale_ends_with_a_number_that_reads_well(most):
    assert most * (1 - 1e-9) <= nice(most) <= most * 2.5 + 1e-9


@given(st.lists(st.none() | st.floats(min_value=0, max_value=1e7), max_size=30), st.none() | st.just(2000.0))
def test_a_sparkline_stays_within_its_box(values, limit):
    drawn = sparkline(values, limit, "Latency")
    numbers = [float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.-]+)", drawn)]
    assert all(0 <= y <= 32 for y in numbers) and 'aria-label="Latency"' in drawn
    assert ("spark-over" in drawn) == (limit is not None and any(v and v > limit for v in values))
