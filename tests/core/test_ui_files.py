"""Rules that every template, sheet and script of ours keeps."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from galaxy.core import fonts
from galaxy.core.ui.drawings import EMPTY_ART

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SHEETS = sorted((ROOT / "static" / "css").glob("*.css"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))

FORBIDDEN = re.compile(
    r"<style|\sstyle=|<script(?![^>]*\ssrc=)|hx-on|javascript:|\|safe\b|autoescape off"
    r"|\son(?:click|change|load|submit|input|error|focus|blur|key\w+|mouse\w+)="
)


@pytest.mark.asvs("1.2.3", "3.2.2")
def test_no_template_carries_style_or_script_of_its_own():
    assert len(TEMPLATES) > 300
    found = {}
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        faults = FORBIDDEN.findall(text)
        # A {# comment #} ends on its line, or it is shown to everybody.
        faults += [one for one in re.findall(r"\{#.*?(?:#\}|$)", text, re.MULTILINE) if not one.endswith("#}")]
        if faults:
            found[str(path.relative_to(ROOT))] = faults
    assert found == {}


def test_the_one_sheet_imports_every_other_and_layers_each():
    imported = re.findall(
        r'@import url\("([\w-]+\.css)"\) layer\((\w+)\);', (SHEETS[0].parent / "galaxy.css").read_text()
    )
    assert sorted(name for name, _ in imported) == sorted(path.name for path in SHEETS if path.name != "galaxy.css")


def test_a_colour_is_written_in_the_tokens_and_nowhere_else():
    """Shadows, the tile ring and states between two tokens are mixed where they are used; plain hex is not."""
    allowed = {"tokens.css": None, "button.css": 6, "shell.css": 2, "form.css": 0, "base.css": 2, "queue.css": 2}
    for path in SHEETS:
        found = re.findall(r"(?<![\w%])#[0-9A-Fa-f]{3,8}\b", path.read_text())
        limit = allowed.get(path.name, 0)
        assert limit is None or len(found) <= limit, (path.name, found)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_each_script_is_linked_and_listens_on_the_document(path):
    text = path.read_text()
    assert "document.addEventListener" in text
    assert not re.search(r"\beval\(|innerHTML|insertAdjacentHTML|new Function", text)
    linking = [page for page in TEMPLATES if f"{{% static 'js/{path.name}' %}}" in page.read_text()]
    assert linking, "no page links it"


@pytest.mark.asvs("3.6.1")
def test_what_every_page_links_exists():
    head = (ROOT / "templates" / "ui" / "_head.html").read_text()
    for name in re.findall(r"{% static '([^']+)' %}", head):
        assert finders.find(name), name


def test_fonts_are_made_once_and_the_same_each_time(tmp_path):
    assert fonts.build(tmp_path / "one")
    first = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(first) == {"inter.woff2", "inter-OFL.txt", "geist-mono.woff2", "geist-mono-OFL.txt", "fonts.css"}
    assert first["inter.woff2"].startswith(b"wOF2")
    assert len(first["inter.woff2"]) < 100_000
    assert b"OPEN FONT LICENSE" in first["inter-OFL.txt"].upper()
    assert not fonts.build(tmp_path / "one")
    (tmp_path / "one" / "fonts.css").write_text("/* made from older packages */")
    assert fonts.build(tmp_path / "one")
    assert {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()} == first


def test_pages_link_no_font_that_is_not_there(settings, monkeypatch, tmp_path):
    monkeypatch.setattr(fonts.finders, "find", lambda name: None)
    settings.STATIC_ROOT = tmp_path
    fonts.links.cache_clear()
    try:
        assert fonts.links() == ""
        monkeypatch.setattr(fonts.finders, "find", lambda name: f"/somewhere/{name}")
        fonts.links.cache_clear()
        assert '<link rel="stylesheet" href="/static/fonts/fonts.css">' in fonts.links()
    finally:
        fonts.links.cache_clear()


def test_every_picture_of_an_empty_state_is_one_that_there_is():
    """Only a page that has nothing to show would find out."""
    for file in TEMPLATES:
        for art in re.findall(r'{% empty "([^"]*)"', file.read_text(encoding="utf-8")):
            assert art in EMPTY_ART, (file, art)
