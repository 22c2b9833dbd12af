"""Runs the measurements, prints them as a table and writes bench.json: ``python -m bench [name …]``, or ``make bench``.

Each module here has ``main()``, which returns rows of {row, what, value, unit, bar, ok}; ``bar`` is what the value is
held to, empty where it is only told. Product and ceiling are measured in the same run, taking turns.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

RESULT = Path("bench.json")


def main(names: list[str]) -> int:
    """The exit status is 1 where a row misses its bar, 2 for a name that is none."""
    here = Path(__file__).parent
    known = sorted(path.stem for path in here.glob("*.py") if not path.stem.startswith("_"))
    unknown = set(names) - set(known)
    if unknown:
        print(f"There is no {', '.join(sorted(unknown))}. Choose from {', '.join(known)}.", file=sys.stderr)
        return 2
    rows: list[dict[str, Any]] = []
    for name in names or known:
        began = time.perf_counter()
        found = importlib.import_module(f"bench.{name}").main()
        rows += [{"path": name} | row for row in found]
        print(f"\n{name} ({time.perf_counter() - began:.0f} s)")
        for row in found:
            verdict = "" if not row["bar"] else f"{row['bar']:<10}{'ok' if row['ok'] else 'MISSED'}"
            print(f"  {row['row']:<5}{row['what']:<58}{row['value']:>12,} {row['unit']:<6}{verdict}")
    RESULT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
