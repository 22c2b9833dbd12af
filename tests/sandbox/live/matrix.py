"""What becomes of a call whose answer is bad, by kind of action and policy: ``python -m tests.sandbox.live.matrix``.

The table stands in matrix.txt and is held to what real calls give by test_fault_matrix.py.
"""

import sys
from pathlib import Path
from typing import NamedTuple

EXPECTED = Path(__file__).with_name("matrix.txt")
COLUMNS = ("fault", "action", "retry", "category", "code", "attempts", "state", "effects")


class Line(NamedTuple):
    """One run: what it met, and what came of it. ``effects`` is how often a write was done at the peer."""

    fault: str
    action: str
    retry: str
    category: str
    code: str
    attempts: str
    state: str
    effects: str


def read() -> list[Line]:
    return [Line(*line.split(" | ")) for line in EXPECTED.read_text(encoding="utf-8").splitlines()]


def write(lines: list[Line]) -> None:
    EXPECTED.write_text("".join(" | ".join(line) + "\n" for line in lines), encoding="utf-8")


def show() -> str:
    """As a Markdown table."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *read()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(show() + "\n")
