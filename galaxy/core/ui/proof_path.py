"""The way from a leaf of a Merkle tree up to its root, as a drawing: what is on the way is filled, what is beside it is
hollow. It is as high as the tree, and its branches grow narrower towards the leaf."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_ROW, _MARGIN = 15.0, 7.0
_WIDEST, _NARROWING, _NARROWEST = 76.0, 0.66, 9.0


def proof_path(sides: Sequence[bool], label: str) -> SafeString:
    """``sides``: from the leaf up, whether the hash beside the way stands to the left. ``label`` says it in words."""
    x = y = 0.0
    way, beside, edges = [(x, y)], [], []
    for depth, is_left in enumerate(reversed(sides)):
        reach = max(_NARROWEST, _WIDEST * _NARROWING**depth)
        below = y + _ROW
        on, off = (x + reach, x - reach) if is_left else (x - reach, x + reach)
        edges += [("edge", x, y, off, below), ("edge edge-on", x, y, on, below)]
        beside.append((off, below))
        way.append((on, below))
        x, y = on, below
    xs = [at for at, _ in (*way, *beside)]
    left, width = min(xs) - _MARGIN, max(xs) - min(xs) + 2 * _MARGIN
    return format_html(
        '<svg viewBox="{} {} {} {}" width="{}" height="{}" role="img" aria-label="{}">{}{}{}</svg>',
        _n(left),
        _n(-_MARGIN),
        _n(width),
        _n(y + 2 * _MARGIN),
        _n(width),
        _n(y + 2 * _MARGIN),
        label,
        format_html_join("", '<path class="{}" d="{}"/>', ((kind, _curve(*ends)) for kind, *ends in edges)),
        format_html_join("", '<circle class="beside" cx="{}" cy="{}" r="3.5"/>', ((_n(a), _n(b)) for a, b in beside)),
        format_html_join("", '<circle class="on-way" cx="{}" cy="{}" r="4"/>', ((_n(a), _n(b)) for a, b in way)),
    )


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    middle = (y + to_y) / 2
    return f"M{_n(x)} {_n(y)}C{_n(x)} {_n(middle)} {_n(to_x)} {_n(middle)} {_n(to_x)} {_n(to_y)}"


def _n(value: float) -> str:
    """With a point, whatever the locale."""
    return f"{value:.1f}"
