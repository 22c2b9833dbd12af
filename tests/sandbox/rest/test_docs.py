"""docs/live-calls.md says what the code does."""

import re
from pathlib import Path

from galaxy.core.egress import urls
from galaxy.core.egress.refusals import CODES
from galaxy.core.egress.transport import MOST_HEADER_BYTES, MOST_HEADERS
from sandbox.rest import pages, reply
from sandbox.retry import category_of
from sandbox.runners.live import MAX_PAGES_BYTES
from sandbox.sandboxd.orders import MAX_SECONDS
from sandbox.sandboxd.rest_calls import REDIRECTS
from sandbox.services.admission import MAX_INPUT_BYTES

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "live-calls.md").read_text()
TABLE = TEXT[TEXT.index("## Which answer") : TEXT.index("What a category means")]
ROWS = re.findall(r"^\| (.+?) \| (\w+) \| (.*) ?\|$", TABLE, re.MULTILINE)


def test_every_status_that_is_named_lands_where_the_page_says():
    told = {int(status): category for words, category, _ in ROWS for status in re.findall(r"\b[3-5]\d\d\b", words)}
    assert len(told) >= 19
    assert {status: category_of(status) for status in told} == told


def test_what_is_not_named_lands_in_the_row_of_the_others():
    named = {int(status) for status in re.findall(r"\b[3-5]\d\d\b", TABLE)}
    others = [status for status in range(300, 600) if status not in named]
    assert {category_of(status) for status in others if status < 500} == {"tool_error"}
    assert {category_of(status) for status in others if status >= 500} == {"transient"}


def test_the_brokers_codes_have_their_own_category():
    for _, category, codes in ROWS:
        for code in re.findall(r"`(\w+)`", codes):
            assert CODES.get(code, category) == category, code


def test_the_caps_of_the_page_are_those_of_the_code():
    caps = TEXT[TEXT.index("## Caps") :]
    for words in (
        f"{MAX_SECONDS:.0f} s",
        f"{MAX_INPUT_BYTES // 1024} KiB",
        f"{reply.MAX_BODY_BYTES // 1024**2} MiB; a download {reply.MAX_DOWNLOAD_BYTES // 1024} KiB",
        f"| headers of an answer | {MOST_HEADERS}, {MOST_HEADER_BYTES // 1024} KiB |",
        f"{urls.MAX_CHARACTERS:,} characters",
        f"| redirects | {REDIRECTS} |",
        f"{pages.MOST_PAGES}, {MAX_PAGES_BYTES // 1024**2} MiB together",
    ):
        assert words in caps, words
