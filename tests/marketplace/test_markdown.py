"""Documentation from strangers is read and does nothing else."""

from html.parser import HTMLParser

import pytest

from marketplace.markdown import MAX_BRACKETS, MAX_CHARACTERS, MAX_COLUMNS, render


class Elements(HTMLParser):
    """What a browser would make of a text: ``found`` is a list of (tag, {attribute: value})."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_what_documentation_needs_is_rendered_below_the_pages_own_headings():
    html = render("# Title\n\n- one\n- *two*\n\n`code` [link](https://example.com)\n\n| a |\n|---|\n| 1 |\n")
    for piece in (
        "<h3>Title</h3>",
        "<li>one</li>",
        "<em>two</em>",
        "<code>code</code>",
        '<a href="https://example.com" rel="noopener noreferrer nofollow">link</a>',
        "<td>1</td>",
    ):
        assert piece in html


@pytest.mark.asvs("1.2.2", "1.3.1", "1.3.5")
@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](JaVaScRiPt:alert(1))",
        "![x](https://example.com/pixel.png)",
        '<https://example.com" onmouseover="alert(1)>',
        '[x](https://example.com "onclick=alert(1)")',
        "```html onload=alert(1)\n<script>\n```",
        "<div style='position:fixed'>x</div>",
        "[x]: javascript:alert(1)\n\n[x]",
    ],
)
def test_nothing_in_it_acts_or_fetches(text):
    elements = Elements()
    elements.feed(render(text))
    assert {tag for tag, _ in elements.found} <= {"p", "a", "pre", "code"}
    for _, attributes in elements.found:
        assert set(attributes) <= {"href", "rel"}
        assert attributes.get("href", "https://").startswith("https://")


def test_deep_headings_stay_headings():
    assert render("###### Six") == "<h6>Six</h6>\n"


def test_a_text_that_would_take_long_is_cut_and_says_so():
    html = render("a" * (MAX_CHARACTERS + 1))
    assert html.partition("</p>")[0].count("a") == MAX_CHARACTERS
    assert "longer than this page shows" in html


@pytest.mark.asvs("1.3.12", "15.2.2")
def test_what_takes_time_in_the_square_of_its_length_is_cut():
    """65,000 brackets took five seconds a page, and a table of a thousand columns seven."""
    html = render("[" * MAX_CHARACTERS)
    assert html.count("[") == MAX_BRACKETS and "longer than this page shows" in html
    wide = "|a" * 1_000 + "|\n" + "|-" * 1_000 + "|\n" + "a\n" * 20_000
    assert "<table" not in render(wide)
    assert "<table" in render("|a" * MAX_COLUMNS + "|\n" + "|-" * MAX_COLUMNS + "|\n")
