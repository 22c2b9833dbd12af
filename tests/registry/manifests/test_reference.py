"""docs/manifests.md is true: its tables are the readers' own and its examples load."""

import re
from pathlib import Path

import pytest

from registry.manifests import CODES, keys, publishable, read
from registry.manifests.reference import BEGIN, tables
from registry.manifests.shapes import Shape

ROOT = Path(__file__).parents[3]
DOCS = (ROOT / "docs/manifests.md").read_text()
EXAMPLES = re.findall(r"^```(yaml|python)\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
FIXTURES = Path(__file__).parent / "fixtures"


def test_the_tables_are_the_readers_own():
    assert DOCS[DOCS.index(BEGIN) :] == tables()


def test_every_part_of_the_format_is_in_the_tables():
    named = {shape.name for shape in (*keys.SECTIONS, *keys.MANIFESTS.values())}
    assert {value.name for value in vars(keys).values() if isinstance(value, Shape)} <= named


@pytest.mark.parametrize(("language", "source"), EXAMPLES)
def test_every_example_loads(language, source):
    assert read(source, format=language, filename="x.py" if language == "python" else None).errors == []


def test_the_complete_example_may_be_published_and_the_others_are_drafts():
    manifests = [read(source, format=language, filename="x.py").manifest for language, source in EXAMPLES]
    complete = [manifest.id for manifest in manifests if not publishable(manifest)]
    assert complete == ["tickets"]
    assert len(manifests) == 7


@pytest.mark.parametrize("name", ["hubspot.yaml", "gmail.send.yaml", "drive_title.py", "lead.follow-up.yaml"])
def test_the_documents_stand_in_the_reference(name):
    assert (FIXTURES / name).read_text() in DOCS


def test_every_code_is_used_by_a_reader():
    package = ROOT / "registry/manifests"
    sources = "".join(path.read_text() for path in package.glob("*.py") if path.name != "findings.py")
    # how many are not listed is the collector's own to say
    assert [code for code in CODES if f'"{code}"' not in sources] == ["more-findings"]
