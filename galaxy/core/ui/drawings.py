"""Server-made SVG. Sizes that depend on data are attributes in per cent, since the policy refuses inline style;
numbers are written here, with a point, so no locale can turn 12.5 into 12,5."""

from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from .words import duration

QUARTERS = (0, 25, 50, 75, 100)
_GRID = format_html_join("", '<line x1="{0}%" x2="{0}%" y1="0" y2="36"/>', ((x,) for x in QUARTERS))


def waterfall_bar(start_ms: float, took_ms: float, total_ms: float, kind: str = "work") -> SafeString:
    """One span's bar on the scale 0..``total_ms``; ``kind`` is work, fast, wait or fail.

    Never thinner than half a per cent, so that a quick span is seen, and never past the right edge.
    """
    total = max(total_ms, 0.001)
    left = min(max(start_ms / total * 100, 0), 99.5)
    width = min(max(took_ms / total * 100, 0.5), 100 - left)
    return format_html(
        '<svg class="wf" height="36" aria-hidden="true">{}'
        '<rect class="{}" x="{}%" y="13" width="{}%" height="10" rx="2.5"/></svg>',
        _GRID,
        kind,
        f"{left:.2f}",
        f"{width:.2f}",
    )


def ruler(total_ms: float) -> SafeString:
    """The scale over a waterfall: five marks from 0 to ``total_ms``, three where minutes make their words long. The
    columns beside it carry the numbers."""
    marks = (
        (x, "start" if x == 0 else "end" if x == 100 else "middle", "0" if x == 0 else duration(total_ms * x / 100))
        for x in QUARTERS
        if x in (0, 50, 100) or total_ms < 60_000
    )
    texts = format_html_join("", '<text x="{}%" y="14" text-anchor="{}">{}</text>', marks)
    return format_html('<svg class="ruler" height="20" aria-hidden="true">{}</svg>', texts)


def meter_bar(percent: float, variant: str = "") -> SafeString:
    """A share of a limit as a bar; the words beside it say the numbers. ``variant`` "warn" is near the limit."""
    return format_html(
        '<svg height="6" aria-hidden="true"><rect class="track" width="100%" height="6" rx="3"/>'
        '<rect class="fill{}" width="{}%" height="6" rx="3"/></svg>',
        f" fill-{variant}" if variant else "",
        _share(percent),
    )


def progress_bar(done: int, total: int, label: str, variant: str = "") -> SafeString:
    """How many of ``total`` steps are done, readable as a progress bar; ``variant`` is sim or bad."""
    percent = 100 * done / total if total else 0
    return format_html(
        '<svg class="progress{}" height="6" role="progressbar" aria-label="{}" aria-valuemin="0" aria-valuenow="{}" '
        'aria-valuemax="{}"><rect class="track" width="100%" height="6" rx="3"/>'
        '<rect class="fill" width="{}%" height="6" rx="3"/></svg>',
        f" progress-{variant}" if variant else "",
        label,
        done,
        total,
        _share(percent),
    )


COLUMNS_HEIGHT = 64


def columns(values: Iterable[tuple[int, int] | None]) -> SafeString:
    """One column for each pair of (good, bad), in order, on one scale; the bad part lies at the foot. None is what is
    not told: a short dash.

    A bad part is never lower than three pixels, so that one failure among thousands is seen. A table beside it says
    the numbers.
    """
    pairs = list(values)
    most = max((sum(pair) for pair in pairs if pair), default=0) or 1
    width = 100 / max(len(pairs), 1)
    parts = []
    for at, pair in enumerate(pairs):
        if pair is None:
            parts.append(_untold(at, width))
            continue
        good, bad = pair
        height = (good + bad) / most * (COLUMNS_HEIGHT - 4)
        foot = max(bad / most * (COLUMNS_HEIGHT - 4), 3) if bad else 0
        height = max(height, foot, 2 if good else 0)
        x, w = f"{at * width + width * 0.1:.2f}", f"{width * 0.8:.2f}"
        parts += [(kind, x, f"{y:.1f}", w, f"{h:.1f}") for kind, y, h in (
            ("rest", COLUMNS_HEIGHT - 1, 1),
            ("good", COLUMNS_HEIGHT - height, height - foot),
            ("bad", COLUMNS_HEIGHT - foot, foot),
        ) if h > 0]  # fmt: skip
    rects = format_html_join("", '<rect class="{}" x="{}%" y="{}" width="{}%" height="{}"/>', parts)
    return format_html('<svg class="day-bars" height="{}" aria-hidden="true">{}</svg>', COLUMNS_HEIGHT, rects)


def bars(values: Iterable[int | None], limit: int | None = None) -> SafeString:
    """One column for each number, in order, on one scale from zero; what is over ``limit``, a line, is marked.

    None is a number that is not told: a short dash, where 0 has none. A table beside it says the numbers.
    """
    numbers = list(values)
    most = max((*(number for number in numbers if number is not None), limit or 0, 1))
    width, scale = 100 / max(len(numbers), 1), (COLUMNS_HEIGHT - 4) / most
    parts = [("rest", "0", f"{COLUMNS_HEIGHT - 1}", "100", "1")]
    for at, number in enumerate(numbers):
        x, w = f"{at * width + width * 0.1:.2f}", f"{width * 0.8:.2f}"
        if number is None:
            parts.append(_untold(at, width))
        elif number:
            height = max(number * scale, 2)
            kind = "over" if limit is not None and number > limit else "good"
            parts.append((kind, x, f"{COLUMNS_HEIGHT - height:.1f}", w, f"{height:.1f}"))
    drawn = format_html_join("", '<rect class="{}" x="{}%" y="{}" width="{}%" height="{}"/>', parts)
    if limit is not None:
        y = f"{COLUMNS_HEIGHT - limit * scale:.1f}"
        drawn += format_html('<line class="limit" x1="0" x2="100%" y1="{}" y2="{}"/>', y, y)
    return format_html('<svg class="day-bars" height="{}" aria-hidden="true">{}</svg>', COLUMNS_HEIGHT, drawn)


def _untold(at: int, width: float) -> tuple[str, str, str, str, str]:
    return "untold", f"{at * width + width * 0.25:.2f}", f"{COLUMNS_HEIGHT - 6}", f"{width * 0.5:.2f}", "2"


def _share(percent: float) -> str:
    return f"{min(max(percent, 0), 100):.1f}"


EMPTY_ART = {
    "runs": SafeString(
        '<rect class="b" x="6" y="8" width="60" height="12" rx="3"/>'
        '<rect class="b" x="18" y="24" width="36" height="12" rx="3"/>'
        '<rect class="a" x="30" y="40" width="36" height="12" rx="3" stroke-dasharray="3 3"/>'
        '<circle class="c" cx="14" cy="14" r="2.5"/>'
    ),
    "done": SafeString(
        '<circle class="a" cx="36" cy="29" r="24" stroke-dasharray="2 5"/><circle class="b" cx="36" cy="29" r="14"/>'
        '<path class="a" d="M30 29l4.5 4.5L43 25"/><circle class="c" cx="57" cy="17.4" r="3"/>'
    ),
    "match": SafeString(
        '<circle class="b" cx="33" cy="27" r="15"/><path class="a" d="M44 38l11 11"/>'
        '<path class="a" d="M25 27h16" stroke-dasharray="3 3"/><circle class="c" cx="25" cy="27" r="2.5"/>'
    ),
    "lock": SafeString(
        '<rect class="b" x="20" y="26" width="32" height="24" rx="4"/><path class="a" d="M27 26v-6a9 9 0 0 1 18 0v6"/>'
        '<circle class="d" cx="36" cy="38" r="3"/>'
    ),
}
