"""Runs the measurements, prints them as a table and writes bench.json: ``python -m bench [name …]``, or ``make bench``.

Each module named in ``_paths`` has ``main()``, which returns rows as ``_rows`` makes them. Product and ceiling are
measured in the same run, taking turns. What each path took comes as a row of its own, by the clock and in the
processor's time of this process and of those that it started and saw end.
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from bench._paths import NAMED, PATHS, missing
from bench._rows import PROCESSOR, WALL, row
from bench.table import as_text

RESULT, GROWTH = Path("bench.json"), Path("growth.json")


def main(names: list[str]) -> int:
    """The exit status is 1 where a row misses its goal, 2 for a name that is none, 3 where a whole run lacks a row."""
    unknown = set(names) - {*PATHS, *NAMED}
    if unknown:
        known = ", ".join(sorted((*PATHS, *NAMED)))
        print(f"There is no {', '.join(sorted(unknown))}. Choose from {known}.", file=sys.stderr)
        return 2
    os.environ.setdefault("LOG_LEVEL", "ERROR")  # whichever path sets Django up first
    rows: list[dict[str, Any]] = []
    began = time.perf_counter()
    for name in names or PATHS:
        found = [{"path": name} | line for line in _measured(name)]
        print("\n" + as_text(found), flush=True)
        rows += found
        (GROWTH if names == ["growth"] else RESULT).write_text(
            json.dumps(rows, indent=2) + "\n", encoding="utf-8"
        )  # each: a run may be broken off
    lacking = [] if names else missing(rows)
    missed = [line for line in rows if line["pass"] is False]
    held = sum(line["pass"] is not None for line in rows)
    print(f"\n{held - len(missed)} of {held} goals met, {time.perf_counter() - began:.0f} s in all.")
    for line in missed:
        print(f"  missed: {line['row']} {line['what']} ({line['goal']})")
    if lacking:
        print(f"No row for {', '.join(lacking)}.", file=sys.stderr)
        return 3
    return 1 if missed else 0


def _measured(name: str) -> list[dict[str, Any]]:
    began, used = time.perf_counter(), _processor_s()
    found = importlib.import_module(f"bench.{name}").main()
    spent, took = _processor_s() - used, time.perf_counter() - began
    return [
        *found,
        row("", f"{name}: what it took to measure, processor", spent, "s") | {"clock": PROCESSOR},
        row("", f"{name}: what it took to measure", took, "s") | {"clock": WALL},
    ]


def _processor_s() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
