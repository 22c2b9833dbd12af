"""``manage.py manifest check``: the door for a terminal. It needs no database, so these tests have none."""

import io
import json
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

FIXTURES = Path(__file__).parent / "fixtures"


def check(*arguments):
    """Exit status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("manifest", "check", *arguments, stdout=out, stderr=err)
    except SystemExit as stop:
        return stop.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir()))
def test_a_manifest_is_printed_with_its_digest(name):
    status, out, _ = check(str(FIXTURES / name))
    assert status == 0
    printed, _, rest = out.partition("\n}\n")
    assert json.loads(printed + "}")["api"] == "v1"
    assert "draft, publication still needs: " in rest
    status, out, _ = check(str(FIXTURES / name), "--json")
    answer = json.loads(out)
    assert (status, answer["findings"], answer["missing"] != []) == (0, [], True)
    assert rest.endswith(f"digest: {answer['digest']}\n")


def test_a_fault_is_printed_with_file_line_why_and_fix(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("connector: a\nactions: []\nretrys: {}\n")
    status, out, err = check(str(file))
    assert (status, err) == (1, f"{file}: 1 error, no manifest.\n")
    assert out.splitlines() == [
        f"{file}:3:1 unknown-key 'retrys' means nothing in a connector.",
        "    why: The key means nothing here.",
        "    fix: Did you mean retry?",
    ]
    status, out, _ = check(str(file), "--json")
    answer = json.loads(out)
    assert (status, answer["digest"], answer["findings"][0]["code"]) == (1, None, "unknown-key")


def test_standard_input_is_a_file_too(monkeypatch):
    source = (FIXTURES / "gmail.send.yaml").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(source)))
    assert check("-")[0] == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x: [")))
    status, out, _ = check("-")
    assert (status, out.startswith("<stdin>:")) == (1, True)


def test_an_unreadable_file_is_one_sentence(tmp_path):
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        check(str(tmp_path / "none.yaml"))
    with pytest.raises(CommandError, match="cannot be read: Is a directory"):
        check(str(tmp_path))


def test_a_file_of_five_megabytes_is_refused_unread(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_bytes(b"a: b\n" * 1_000_000)
    status, out, _ = check(str(file))
    assert (status, "too-large" in out) == (1, True)
