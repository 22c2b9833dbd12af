"""The tile of an extension, drawn from its slug alone: the same slug is the same tile on every server.

SHA-256 of the slug picks one of ten hues (none is purple, which means simulation), two of eight motifs, a turn and
one of four plans; four motifs turn by quarters round a field of two by two. A changed constant redraws every tile
there is, so a test freezes them.
"""

import hashlib
from functools import cache, lru_cache

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# The tile is 40 x 40 units, and a motif 11.5 x 11.5.
CORNERS = ((8, 8), (20.5, 8), (20.5, 20.5), (8, 20.5))  # clockwise from the top left
MOTIFS = {
    "quarter": "M0 0H11.5A11.5 11.5 0 0 1 0 11.5Z",
    "leaf": "M0 0H5.75A5.75 5.75 0 0 1 11.5 5.75V11.5H5.75A5.75 5.75 0 0 1 0 5.75Z",
    "half": "M0 0H11.5A5.75 5.75 0 0 1 0 0Z",
    "disc": "M5.75 1A4.75 4.75 0 1 1 5.75 10.5A4.75 4.75 0 1 1 5.75 1Z",
    "ring": "M0 11.5A11.5 11.5 0 0 1 11.5 0V5.175A6.325 6.325 0 0 0 5.175 11.5Z",
    "wedge": "M0 0H11.5L0 11.5Z",
    "block": "M0 0H11.5V11.5H0Z",
    "drop": "M0 0H5.75A5.75 5.75 0 1 1 0 5.75Z",
}
PLAIN = ("block", "disc")  # motifs that look the same however they are turned


@lru_cache(maxsize=4096)
def glyph(slug: str, size: str = "") -> SafeString:
    """The tile of ``slug`` as SVG, 40 px; ``size`` "s" is 24 px, "l" 56 px. The name stands beside it in words."""
    digest = hashlib.sha256(slug.encode()).digest()
    hue, turn = digest[0] % 10, digest[3] % 4
    shapes = format_html_join(
        "", "{}", ((_path(motif, tone, place, turn),) for place, (motif, tone) in enumerate(_layout(digest)))
    )
    return format_html(
        '<svg class="glyph{} hue-{}" viewBox="0 0 40 40" aria-hidden="true">'
        '<rect class="glyph-tile" x=".5" y=".5" width="39" height="39" rx="9.5"/>{}</svg>',
        f" glyph-{size}" if size else "",
        hue,
        shapes,
    )


@cache
def _path(motif: str, tone: str, place: int, turn: int) -> SafeString:
    """One motif in the corner at ``place``, of which there are 256 in all."""
    return format_html(
        '<path class="glyph-{}" transform="translate({} {}) rotate({} 5.75 5.75)" d="{}"/>',
        tone, *CORNERS[place], 90 * ((place + turn) % 4), MOTIFS[motif],
    )  # fmt: skip


def _layout(digest: bytes) -> list[tuple[str, str]]:
    """Motif and tone (a strong, b soft) of the four corners. A field of nothing but plain motifs would lie still,
    so there the second one becomes a quarter."""
    names = list(MOTIFS)
    first, second = names[digest[1] % 8], names[digest[2] % 8]
    if first in PLAIN and second in PLAIN:
        second = "quarter"
    match digest[4] % 4:
        case 0:
            other = "quarter" if first in PLAIN else first
            return [(first, "a"), (other, "b")] * 2
        case 1:
            return [(first, "a"), (second, "b")] * 2
        case 2:
            return [(first, "a")] * 3 + [(second, "b")]
        case _:
            return [(first, "a"), (second, "b"), (second, "b"), (first, "a")]
