"""``manage.py action run`` of a stranger's file: what it prints commands no terminal."""

import pytest
from django.core.management import call_command

HOSTILE = """def run(inputs, ctx):
    ctx.log("\\x1b]0;owned\\x07 \\x9b31m red")
    print("first\\rsecond")
    raise ValueError("\\x1b[2Jgone")
"""


def test_what_a_file_says_commands_no_terminal(tmp_path, capsys):
    path = tmp_path / "hostile.py"
    path.write_text(HOSTILE, encoding="ascii")
    with pytest.raises(SystemExit):
        call_command("action", "run", str(path))
    said = capsys.readouterr().out
    assert "gone" in said and "second" in said and "red" in said
    assert not [sign for sign in said if not sign.isprintable() and sign != "\n"]
