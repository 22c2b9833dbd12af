"""The threat model names the test that fails when a wall is gone, so each of them has to be there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "THREAT_MODEL.md").read_text(encoding="utf-8")


def test_what_it_names_is_there():
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", TEXT)) | set(re.findall(r"\]\((docs/[\w-]+\.md)", TEXT))
    assert len(named) > 40
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_every_wall_says_what_proves_it():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "Is stopped by" not in line]
    walls = [line for line in rows if line.count("|") == 4 and not line.startswith(("| What |", "|---"))]
    told = [line for line in walls if "`tests/" in line]
    assets = TEXT.split("## Where trust ends")[0]
    assert [line for line in walls if line not in told and line not in assets] == []
