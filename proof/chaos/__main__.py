"""``python -m proof.chaos --seed N --kills K --rate R``, or ``make chaos``: kills, and then what must still hold.

The exit status is 1 where an invariant is broken. The schedule of kills and what each call is are the same for the
same seed; what happens between them is the machine's.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from proof.chaos.table import print_rows
from proof.chaos.trial import CASES, run_trial


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m proof.chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=0, help="of the schedule; a random one, printed, where it is left out"
    )
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50, help="calls a second; held back while too many wait")
    parser.add_argument("--cases", default=",".join(CASES), help="special cases after the kills, or none")
    parser.add_argument("--folder", type=Path, help="where everything lies; a new one that is left there")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    said = parser.parse_args(argv)
    seed = said.seed or random.SystemRandom().randrange(1, 10**6)
    folder = said.folder or Path(tempfile.mkdtemp(prefix="galaxy-chaos-"))
    cases = [name for name in said.cases.split(",") if name and name != "none"]
    print(f"Seed {seed}, {said.kills} kills, {said.rate:g} calls a second; everything lies in {folder}.", flush=True)
    began = time.monotonic()
    rows = run_trial(folder, seed=seed, kills=said.kills, rate=said.rate, cases=cases, say=_say)
    print_rows(rows)
    broken = sum(bool(row["bad"]) for row in rows)
    verdict = f"{broken} rows are broken" if broken else "Everything holds"
    print(f"{verdict}; seed {seed}, {time.monotonic() - began:.0f} s.")
    if said.json:
        said.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 1 if broken else 0


def _say(text: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
