"""The tutorials say what is on the page in the page's own words: what they name in bold stands in a template."""

import re
from functools import cache

import pytest

from tests.docs.tables import ROOT

TUTORIALS = sorted((ROOT / "docs/tutorials").glob("*.md"))
# What a page puts together: the template's own part of it.
MADE_OF = {
    "Install Lead follow-up and 1 more": "more",
    "Install 0.1.0-draft.1…": "Install {{ ",
    "Install 0.1.0-draft.1": "Install ",
    "Move to 1.4.1": "Move to {{ ",
    "Save, and go to HubSpot": "Save, and go to {{ ",
    "Save as policy 4": "Save as policy ",
}
# Not of a page: what people and things are called in the demo, and words that are only stressed.
NAMES = {"Meridian Sales", "Lead follow-up", "HubSpot", "Cleo Marsh", "My tasks", "You need"}


@cache
def _pages() -> str:
    """Every text that can reach a page, with blanks as one."""
    files = [*(ROOT / "templates").rglob("*.html")]
    for floor in ("galaxy", "registry", "policies", "sandbox", "marketplace"):
        files += (ROOT / floor).rglob("*.py")
    return re.sub(r"\s+", " ", " ".join(one.read_text(encoding="utf-8") for one in files))


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_what_is_to_be_pressed_is_there(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = {re.sub(r"\s+", " ", one) for one in re.findall(r"\*\*(.+?)\*\*", text, re.DOTALL)} - NAMES
    assert len(named) >= 4
    assert [one for one in sorted(named) if MADE_OF.get(one, one) not in _pages()] == []


def test_there_is_one_for_each_person():
    assert [path.stem for path in TUTORIALS] == ["admin", "approver", "auditor", "creator", "operator"]


def test_the_links_of_every_document_lead_somewhere():
    for path in [ROOT / "README.md", ROOT / "THREAT_MODEL.md", *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", text):
            found = (path.parent / target) if target else path
            assert found.exists(), f"{path.name} links to {target}"
            if anchor and found.suffix == ".md":
                assert anchor in _anchors(found.read_text(encoding="utf-8")), f"{path.name} links to {target}#{anchor}"


def _anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", re.sub(r"[`*]", "", one).lower()).replace(" ", "-") for one in titles}
