"""docs/egress.md says what the code does."""

import re
from pathlib import Path

from galaxy.core.egress import Limits, headers, transport, urls
from galaxy.core.egress.exchanges import load
from galaxy.core.egress.refusals import CODES

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "egress.md").read_text()


def test_every_code_stands_there_with_its_category():
    told = {}
    for codes, category in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\w+) \|", TEXT, re.MULTILINE):
        told |= dict.fromkeys(re.findall(r"\w+", codes), category)
    assert told == CODES


def test_the_fixtures_of_the_page_can_be_loaded():
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert len(load(example)) == 4


def test_the_limits_of_the_page_are_those_of_the_code():
    limits, mega = Limits(), 1024 * 1024
    for words in (
        f"{urls.MAX_CHARACTERS:,} characters",
        f"{headers.MOST} and {headers.MOST_BYTES // 1024} KB",
        f"{limits.calls} calls",
        f"{limits.bytes // mega} MB of bodies",
        f"{limits.request_bytes // mega} MB a request",
        f"{limits.response_bytes // mega} MB an\n   answer",
        f"at most {transport.MOST_HEADERS} headers and {transport.MOST_HEADER_BYTES // 1024} KB",
        f"at most {limits.signatures} a run",
    ):
        assert words in TEXT
