"""``make load``: 500 people browsing, 20 approvers, 100 calls a second, for ten minutes; less where that does not hold.

    python -m proof.load [--people 500] [--approvers 20] [--calls 100] [--minutes 10] [--try-s 30] [--output load.json]

The exit status is 0 when nothing failed, at whatever scale it ran; the first lines say which that was.
"""

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from proof.load.run import Load
from proof.load.table import lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m proof.load", description=__doc__)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--approvers", type=int, default=20)
    parser.add_argument("--calls", type=float, default=100, help="calls a second")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--try-s", type=float, default=30, help="how long each scale is tried before the long run")
    parser.add_argument("--web", type=int, default=2, help="web processes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("load.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="galaxy-load-") as folder:
        load = Load(
            Path(folder), people=options.people, approvers=options.approvers, calls_per_s=options.calls,
            web=options.web, workers=options.workers,
        )  # fmt: skip
        with load:
            found = load.run(options.minutes * 60, try_s=options.try_s, say=partial(print, file=sys.stderr, flush=True))
    options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for line in lines(found):
        print(line)
    return 1 if found["errors"] or found["twice"] else 0


if __name__ == "__main__":
    sys.exit(main())
