"""Older formats come to the newest by numbered steps: the author's words stay, and once more changes nothing (F10)."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command

from registry.manifests import read
from registry.manifests.migrations import NEWEST, STEPS, migrated

OLD = (Path(__file__).parent / "old" / "tickets.v0.yaml").read_text()
PYTHON = """# api: v0
# scopes: [drive.read]
# hosts: ["https://www.googleapis.com"]
# timeout_s: 5

def run(inputs, ctx):
    # inputs: {file_id: str}
    # outputs: {title: str}
    return {"title": inputs["file_id"]}
"""


def test_the_old_fixture_is_told_and_upgraded_and_once_more_is_a_no_op():
    (finding,) = read(OLD).findings
    assert (finding.code, finding.line) == ("old-format", 2)
    found = migrated(OLD)
    assert [step.number for step in found.steps] == [1, 2, 3, 4, 5]
    again = migrated(found.text)
    assert (again.text, again.steps, again.is_changed) == (found.text, (), False)
    manifest = read(found.text).manifest
    assert (
        manifest and manifest.scopes == ("tickets.read", "tickets.write") and manifest.hosts == ("api.tickets.example",)
    )
    find = manifest.actions["find"]
    assert (find.timeout_ms, find.scopes) == (2500, ("tickets.read", "tickets.write"))
    assert set(find.outputs["properties"]) == {"id", "input"}  # a field may be called what it likes
    assert manifest.actions["open"].scopes == ("tickets.write",)


def test_what_the_author_wrote_beside_it_stays():
    before, after = OLD.splitlines(), migrated(OLD).text.splitlines()
    assert "# production" in "\n".join(after) and after[0] == before[0]
    kept = [line for line in before if line in after]
    assert len(kept) > 10 and f"api: {NEWEST}" in after and "  required:" in after


def test_json_and_yaml_come_to_one_digest():
    yaml = migrated(OLD).text
    canonical = read(yaml).manifest.canonical
    old = json.dumps(
        {
            "api": "v0", "connector": "tickets", "version": "1.0.0", "summary": "Keeps tickets.",
            "auth": {"type": "api_key", "in": "header", "name": "X-Api-Key"},
            "base_url": "https://api.tickets.example", "hosts": ["api.tickets.example"],
            "scopes": ["tickets.read", "tickets.write"],
            "actions": [
                {"id": "find", "method": "GET", "path": "/tickets/{key}", "input": {"key": "string"},
                 "output": {"id": "string", "input": "string?"}, "timeout_s": 2.5},
                {"id": "open", "method": "POST", "path": "/tickets", "scopes": ["tickets.write"],
                 "input": {"title": "string"}, "output": {"id": "string"}},
            ],
        },
        indent=1,
    )  # fmt: skip
    assert read(migrated(old).text).manifest.canonical == canonical


def test_a_python_files_header_comes_along():
    found = migrated(PYTHON, filename="title.py")
    manifest = read(found.text, filename="title.py").manifest
    assert manifest and manifest.scopes == ("drive.read",) and manifest.hosts == ("www.googleapis.com",)
    assert manifest.actions["title"].timeout_ms == 5000
    assert not migrated(found.text, filename="title.py").steps


@pytest.mark.parametrize(
    "text", ["", "api: v9\nconnector: a\n", "connector: a\nhosts: [x]\n", "{ not: [", "api: v1\ninput: {}\n", "[]"]
)
def test_what_is_of_no_older_format_stays_as_it_is(text):
    assert migrated(text).text == text


def test_steps_are_numbered_in_their_order():
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))


def test_the_command_prints_the_new_text_and_what_was_done(tmp_path):
    file, out, err = tmp_path / "a.yaml", io.StringIO(), io.StringIO()
    file.write_text(OLD)
    call_command("manifest", "migrate", str(file), stdout=out, stderr=err)
    assert out.getvalue() == migrated(OLD).text and "2. hosts is egress." in err.getvalue()
