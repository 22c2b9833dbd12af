"""Charts as server-made SVG, all from zero: lines over time, bars, and sparklines for the rows of a table.

Positions along the time are in per cent and those along the scale in pixels, as attributes, so that a chart is as wide
as its place, its words keep their shape, and the policy's ban on inline style holds. What a chart shows stands under it
as a table as well, and what it comes to in one sentence (templates/ui/_chart.html).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import floor, log10

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from .words import duration

HEIGHT = 190
_TOP, _FOOT = 26, 24  # room for the highest mark's words, and for those of the time
_PLOT = HEIGHT - _TOP - _FOOT
MOST_SERIES = 4  # as many colours as can be told apart; the fifth is muted
_APART = 14  # pixels between the words of two lines
_GUTTER = 8  # per cent at the left, where the words of the scale stand and nothing is drawn
Number = float | int | None


def number_words(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def percent_words(value: float) -> str:
    return f"{value:.1f} %" if value % 1 else f"{value:.0f} %"


@dataclass(frozen=True)
class Series:
    """One line or set of bars: a number for each label of the chart, None where nothing is told."""

    name: str
    values: list[Number]


@dataclass(frozen=True)
class Chart:
    """What a chart shows. ``finding`` is its caption, one sentence; ``labels`` name the times, the oldest first.

    ``words`` writes a number; ``limit`` is a line across, such as a budget, and ``limit_label`` its name. ``links`` are
    the addresses of the rows behind each label, for the table. ``marked`` is the label that stands out among bars.
    """

    title: str
    finding: str
    labels: list[str]
    series: list[Series]
    words: Callable[[float], str] = number_words
    limit: float | None = None
    limit_label: str = ""
    kind: str = "lines"  # or bars, of one series, or stacks
    label_name: str = "Time"
    links: list[str] = field(default_factory=list)
    marked: int | None = None

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for one in self.series for value in one.values)

    @property
    def most(self) -> float:
        """What the scale ends with: the highest number or the limit, rounded up to one that reads well."""
        numbers = [value for one in self.series for value in one.values if value is not None]
        if self.kind == "stacks":
            numbers = [sum(filter(None, some)) for some in zip(*(one.values for one in self.series), strict=True)]
        most = max([*numbers, self.limit or 0], default=0)
        return whole(most) if self.words is number_words and most == int(most) else nice(most)

    @property
    def drawing(self) -> SafeString:
        draw = {"lines": _lines, "bars": _bars, "stacks": _stacks}[self.kind]
        return format_html(
            '<svg class="plot" height="{}" role="img" aria-label="{}">{}{}{}{}</svg>',
            HEIGHT,
            f"{self.title}. {self.finding}",
            _grid(self),
            draw(self),
            _limit(self),
            _times(self),
        )

    @property
    def rows(self) -> list[tuple[str, str, list[str]]]:
        """The same as a table: label, its link or "", and the words of each series."""
        links = self.links or [""] * len(self.labels)
        return [
            (label, link, ["–" if (value := one.values[at]) is None else self.words(value) for one in self.series])
            for at, (label, link) in enumerate(zip(self.labels, links, strict=True))
        ]

    @property
    def body(self) -> SafeString:
        """``rows`` as those of a table."""
        return format_html_join(
            "",
            '<tr><th scope="row" class="nowrap">{}</th>{}</tr>',
            (
                (
                    format_html('<a href="{}">{}</a>', link, label) if link else label,
                    format_html_join("", '<td class="n">{}</td>', ((words,) for words in cells)),
                )
                for label, link, cells in self.rows
            ),
        )


def nice(most: float) -> float:
    """The least of 1, 2, 2.5 and 5 by a power of ten that is not below ``most``; 1 for nothing."""
    if most <= 0:
        return 1.0
    power = 10.0 ** floor(log10(most))
    return next((step * power for step in (1, 2, 2.5, 5) if step * power >= most * (1 - 1e-9)), 10 * power)


def whole(most: float) -> float:
    """The same for what is counted: an even number, so that half of it is one too."""
    power = 10.0 ** max(floor(log10(most)), 0) if most > 0 else 1.0
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= max(most, 2))


def sparkline(values: Iterable[Number], limit: float | None = None, label: str = "") -> SafeString:
    """A line for a row of a table, from zero; ``limit`` is drawn where the scale reaches it. With ``label`` it has a
    name for screen readers, without it the row says the numbers."""
    numbers = list(values)
    told = [value for value in numbers if value is not None]
    named = format_html(' role="img" aria-label="{}"', label) if label else SafeString(' aria-hidden="true"')
    if not told:
        return format_html('<svg class="spark" viewBox="0 0 100 32" preserveAspectRatio="none"{}></svg>', named)
    top = max(told) or 1.0
    is_over = limit is not None and max(told) > limit
    if limit is not None and top > limit / 3:
        top = max(top, limit)
    step = 100 / max(len(numbers) - 1, 1)
    path = "".join(
        f"{'M' if at == 0 or numbers[at - 1] is None else 'L'}{at * step:.1f} {30 - 28 * value / top:.1f}"
        for at, value in enumerate(numbers)
        if value is not None
    )
    if len(told) == 1:  # one point is no line
        path += "h0.1"
    line = ""
    if limit is not None and top >= limit:
        y = f"{30 - 28 * limit / top:.1f}"
        line = f'<path class="limit" d="M0 {y}H100"/>'
    over = " spark-over" if is_over else ""
    box = 'viewBox="0 0 100 32" preserveAspectRatio="none"'
    return SafeString(f'<svg class="spark{over}" {box}{named}>{line}<path d="{path}"/></svg>')


def _y(chart: Chart, value: float, most: float) -> float:
    return _TOP + _PLOT - value / most * _PLOT


def _x(chart: Chart, at: int) -> float:
    """The middle of a label's place, in per cent of the chart's width."""
    return _left(chart, at + 0.5)


def _left(chart: Chart, at: float) -> float:
    return _GUTTER + at * (100 - _GUTTER) / max(len(chart.labels), 1)


def _grid(chart: Chart) -> SafeString:
    most = chart.most
    marks = [(share, _y(chart, share * most, most)) for share in (0, 0.5, 1)]
    lines = format_html_join(
        "",
        '<line class="{}" x1="0" x2="100%" y1="{}" y2="{}"/>',
        (("axis" if share == 0 else "grid", f"{y:.1f}", f"{y:.1f}") for share, y in marks),
    )
    words = format_html_join(
        "", '<text x="0" y="{}">{}</text>', ((f"{y - 4:.1f}", chart.words(share * most)) for share, y in marks if share)
    )
    return lines + words


def _times(chart: Chart) -> SafeString:
    last = len(chart.labels) - 1
    if last < 0:
        return SafeString("")
    every = 1 if last < 7 else None
    shown = range(last + 1) if every else sorted({0, last // 2, last})
    return format_html_join(
        "",
        '<text class="{}" x="{}%" y="{}" text-anchor="{}">{}</text>',
        (
            (
                " ".join(
                    (
                        *(["strong"] if at == chart.marked else []),
                        *(["between"] if every and last > 3 and (last - at) % 2 else []),  # a phone has room for half
                    )
                ),
                f"{_x(chart, at):.2f}" if every or 0 < at < last else _GUTTER if at == 0 else 100,
                HEIGHT - 5,
                "middle" if every or 0 < at < last else "start" if at == 0 else "end",
                chart.labels[at],
            )
            for at in shown
        ),
    )


def _limit(chart: Chart) -> SafeString:
    if chart.limit is None:
        return SafeString("")
    y = f"{_y(chart, chart.limit, chart.most):.1f}"
    line = format_html('<line class="goal" x1="0" x2="100%" y1="{}" y2="{}"/>', y, y)
    return line + _names([("goal-words", chart.limit_label or chart.words(chart.limit), float(y)), *_ends(chart)])


def _lines(chart: Chart) -> SafeString:
    most, drawn = chart.most, []
    for number, series in enumerate(chart.series):
        colour = _colour(number)
        points = [
            (f"{_x(chart, at):.2f}", f"{_y(chart, value, most):.1f}") if value is not None else None
            for at, value in enumerate(series.values)
        ]
        pairs = [(one, other) for one, other in pairwise(points) if one and other]
        drawn.append(
            format_html_join(
                "",
                '<line class="series {}" x1="{}%" y1="{}" x2="{}%" y2="{}"/>',
                ((colour, *one, *other) for one, other in pairs),
            )
        )
        told = [point for point in points if point]
        dots = told if len(told) <= 31 else []
        drawn.append(
            format_html_join("", '<circle class="dot {}" cx="{}%" cy="{}" r="2.5"/>', ((colour, *dot) for dot in dots))
        )
    return SafeString("".join(drawn)) + (SafeString("") if chart.limit is not None else _names(_ends(chart)))


def _ends(chart: Chart) -> list[tuple[str, str, float]]:
    """Style, name and height of where each of several lines ends."""
    if chart.kind != "lines" or len(chart.series) < 2:
        return []
    told = [
        (number, series.name, next((value for value in reversed(series.values) if value is not None), None))
        for number, series in enumerate(chart.series)
    ]
    return [
        (f"name {_colour(number)}", name, _y(chart, value, chart.most))
        for number, name, value in told
        if value is not None
    ]


def _names(ends: list[tuple[str, str, float]]) -> SafeString:
    """The names of the lines at their right end, that of the limit too, pushed apart where they would lie on one
    another."""
    below, heights = float(HEIGHT), []
    ends = sorted(ends, key=lambda one: -one[2])
    for _, _, y in ends:
        below = min(y - 7, below - _APART)
        heights.append(below)
    above = 10.0 - _APART  # what was pushed out at the top goes down again, and pushes what is below it
    for at in reversed(range(len(ends))):
        above = heights[at] = max(heights[at], above + _APART)
    placed = [(style, f"{y:.1f}", name) for (style, name, _), y in zip(ends, heights, strict=True)]
    return format_html_join("", '<text class="{}" x="100%" y="{}" text-anchor="end">{}</text>', placed)


def _bars(chart: Chart) -> SafeString:
    most, values = chart.most, chart.series[0].values
    width = (100 - _GUTTER) / max(len(values), 1)
    shows_numbers = len(values) <= 12
    drawn = []
    for at, value in enumerate(values):
        if value is None:
            continue
        y = _y(chart, value, most)
        kind = "bar-now" if at == chart.marked else "bar"
        x, wide, high = f"{_left(chart, at + 0.15):.2f}", f"{width * 0.7:.2f}", f"{_TOP + _PLOT - y:.1f}"
        drawn.append(f'<rect class="{kind}" x="{x}%" y="{y:.1f}" width="{wide}%" height="{high}"/>')
        if shows_numbers:
            strong = "strong" if at == chart.marked else ""
            place, words = f"{_x(chart, at):.2f}%", escape(chart.words(value))
            drawn.append(f'<text class="{strong}" x="{place}" y="{y - 6:.1f}" text-anchor="middle">{words}</text>')
    return SafeString("".join(drawn))


def _stacks(chart: Chart) -> SafeString:
    most, width = chart.most, (100 - _GUTTER) / max(len(chart.labels), 1)
    drawn = []
    for at in range(len(chart.labels)):
        foot = float(_TOP + _PLOT)
        for number, series in enumerate(chart.series):
            if value := series.values[at]:
                high = value / most * _PLOT
                foot -= high
                place = f"{_left(chart, at + 0.15):.2f}", f"{foot:.1f}", f"{width * 0.7:.2f}", f"{high:.1f}"
                drawn.append(
                    format_html(
                        '<rect class="stack {}" x="{}%" y="{}" width="{}%" height="{}"/>', _colour(number), *place
                    )
                )
    return SafeString("".join(drawn))


def _colour(number: int) -> str:
    return f"series-{number + 1}" if number < MOST_SERIES else "series-other"


def legend(chart: Chart) -> list[tuple[str, str]]:
    """Colour and name of each series, where the drawing has no place for the names: a stack's."""
    return [(_colour(number), one.name) for number, one in enumerate(chart.series)] if chart.kind == "stacks" else []


def milliseconds(value: float) -> str:
    return duration(value)
