"""The rows of bench.json to be read: as text, as ``python -m bench`` prints them, or as Markdown.

python -m bench.table                          prints the Markdown of bench.json
python -m bench.table docs/benchmarks.md       writes it into that file, between its two marks
"""

import json
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

SOURCE = Path("bench.json")
BEGIN, END = "<!-- bench.json, by python -m bench.table: begin -->", "<!-- bench.json: end -->"
HEAD = ("row", "what", "clock", "ceiling", "product", "unit", "ratio", "min to max", "goal", "")
VERDICTS = {True: "ok", False: "MISSED", None: ""}


def as_text(rows: list[dict[str, Any]]) -> str:
    """Columns, path by path."""
    cells = [_cells(row) for row in rows]
    widths = [max(len(line[at]) for line in (HEAD, *cells)) for at in range(len(HEAD))]
    numbers = {HEAD.index(name) for name in ("ceiling", "product", "ratio", "min to max")}

    def line(found: tuple[str, ...]) -> str:
        sides = (
            text.rjust(wide) if at in numbers else text.ljust(wide) for at, (text, wide) in enumerate(_with(found))
        )
        return "  ".join(sides).rstrip()

    def _with(found: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        return zip(found, widths, strict=True)

    told: list[str] = []
    for path, some in groupby(zip(rows, cells, strict=True), lambda pair: pair[0]["path"]):
        told += [path, line(HEAD), *(line(found) for _, found in some)]
    return "\n".join(told)


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """First what is held to a goal, then what is only told, of every path."""
    held = [row for row in rows if row["goal"]]
    met = sum(row["pass"] for row in held)
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    told = [f"{met} of {len(held)} goals met. Put here on {when}, Python {platform.python_version()}.", ""]
    for path, some in groupby(rows, lambda row: row["path"]):
        head = [name or "verdict" for name in HEAD]
        told += [f"### {path}", "", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
        told += [f"| {' | '.join(one.replace('|', '/') for one in _cells(row))} |" for row in some] + [""]
    return "\n".join(told)


def put_between(text: str, inner: str, first: str = BEGIN, last: str = END) -> str:
    """``text`` with ``inner`` between its two marks; ValueError where they are not there."""
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end):
        raise ValueError(f"The file has no lines {first} and {last}.")
    return f"{before}{begin}\n\n{inner.strip()}\n\n{end}{after}"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    spread = "" if row["min"] is None else f"{_number(row['min'])} to {_number(row['max'])}"
    ratio = "" if row["ratio"] is None else f"{_number(row['ratio'])} x"
    return (
        row["row"], row["what"], row["clock"], _number(row["ceiling"]), _number(row["product"]), row["unit"], ratio,
        spread, row["goal"], VERDICTS[row["pass"]],
    )  # fmt: skip


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.4g}"


def main(arguments: list[str]) -> int:
    """Put what bench.json says into each named file, or print it where none is named."""
    told = as_markdown(json.loads(SOURCE.read_text(encoding="utf-8")))
    for name in arguments:
        path = Path(name)
        path.write_text(put_between(path.read_text(encoding="utf-8"), told), encoding="utf-8")
    if not arguments:
        print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
