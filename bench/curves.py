"""What grows, drawn: growth.json as Markdown with a table and a curve for each path.

python -m bench.curves                    prints it
python -m bench.curves docs/growth.md     writes it into that file, between its two marks
"""

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.table import put_between

SOURCE = Path("growth.json")
BEGIN, END = "<!-- growth.json, by python -m bench.curves: begin -->", "<!-- growth.json: end -->"
WIDTH = 48


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """One part for each path, in the order in which they were measured first."""
    of_growth = sorted((row for row in rows if row["row"] == "growth"), key=lambda row: row["what"])
    told = ["| Path | from | to | costs then |", "| --- | --- | --- | --- |"]
    parts = []
    for name, group in groupby(of_growth, lambda row: row["what"]):
        some = sorted(group, key=lambda row: row["things"])
        first, last = some[0], some[-1]
        grows = last["ratio"] / first["ratio"]
        if first["unit"].endswith("/s"):  # of a rate, less is worse
            grows = 1 / grows
        told.append(f"| {name} | {first['things']:,} {first['of']} | {last['things']:,} | {grows:.2f} × as much |")
        parts += ["", f"## {name[0].upper()}{name[1:]}", "", *_table(some), "", "```", *curve(some), "```"]
    return "\n".join([*told, *parts])


def curve(rows: list[dict[str, Any]]) -> list[str]:
    """A bar for each size: the ratio to the ceiling, on one scale from nothing to the longest."""
    longest = max(row["ratio"] for row in rows)
    wide = max(len(f"{row['things']:,} {row['of']}") for row in rows)
    return [
        f"{row['things']:,} {row['of']}".rjust(wide)
        + "  "
        + ("█" * max(1, round(row["ratio"] / longest * WIDTH))).ljust(WIDTH)
        + f"  {row['ratio']:,.4g} x"
        for row in rows
    ]


def _table(rows: list[dict[str, Any]]) -> list[str]:
    unit, of = rows[0]["unit"], rows[0]["of"]
    told = [f"| {of} | ceiling, {unit} | product, {unit} | ratio | min to max |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        spread = f"{row['min']:,.4g} to {row['max']:,.4g}"
        cells = f"{row['things']:,} | {row['ceiling']:,.4g} | {row['product']:,.4g} | {row['ratio']:,.4g} x | {spread}"
        told.append(f"| {cells} |")
    return told


def main(arguments: list[str]) -> int:
    """Put what growth.json says into each named file, or print it where none is named."""
    told = as_markdown(json.loads(SOURCE.read_text(encoding="utf-8")))
    for name in arguments:
        path = Path(name)
        path.write_text(put_between(path.read_text(encoding="utf-8"), told, BEGIN, END), encoding="utf-8")
    if not arguments:
        sys.stdout.write(f"{told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
