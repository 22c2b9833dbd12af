"""Markdown for the pages that are made from code."""

from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTE = "<!-- Made from the code by `make docs`; tests/docs/test_reference.py holds it to that. -->"


def cell(text: str) -> str:
    """One line that breaks no table and is no markup by accident."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell(one) for one in row)} |"
    yield ""


def first_sentences(doc: str | None) -> str:
    """A docstring's first paragraph with its code in single backquotes; nothing where there is none."""
    paragraph = (doc or "").strip().split("\n\n")[0]
    return " ".join(paragraph.split()).replace("``", "`")
