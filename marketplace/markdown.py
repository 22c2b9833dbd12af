"""Publishers' documentation: Markdown from strangers, as HTML that can do nothing but be read."""

from functools import lru_cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

MAX_CHARACTERS = 64 * 1024
# Both take time in the square of their number: seconds, for a text that is nothing else.
MAX_BRACKETS, MAX_COLUMNS = 4_000, 40
_CUT = "\n\n*The documentation is longer than this page shows.*"
_reader = MarkdownIt("commonmark", {"html": False}).enable("table")
_without_tables = MarkdownIt("commonmark", {"html": False})
_TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


@lru_cache(maxsize=32)
def render(text: str) -> SafeString:
    """``text`` as HTML: no raw HTML, no images, links to https only, headings from the third level down.

    The page around it has the first two levels. What is marked safe here is the sanitiser's output and nothing else.
    """
    fits = _fitting(text)
    text = text if fits == len(text) else text[:fits] + _CUT
    reader = _without_tables if any(line.count("|") > MAX_COLUMNS + 1 for line in text.splitlines()) else _reader
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    html = _reader.renderer.render(tokens, _reader.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
        url_schemes={"https"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308  (sanitised one line above)


def _fitting(text: str) -> int:
    """How many characters of ``text`` are read."""
    if text.count("[") <= MAX_BRACKETS:
        return min(len(text), MAX_CHARACTERS)
    at = -1
    for _ in range(MAX_BRACKETS + 1):
        at = text.index("[", at + 1)
    return min(at, MAX_CHARACTERS)
