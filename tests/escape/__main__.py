"""``make escape``: every case against the pool as it is, then with each wall taken away in turn; prints a table.

The exit status is 0 when nothing got out of the pool as it is, and every ordinary program gave what CPython gives. What
gets out with a wall removed is what that wall is there for.
"""

import sys
import time
from collections import Counter
from dataclasses import dataclass

from sandbox.pool import REDUCED, REQUIRED, Pool, Walls
from sandbox.pool.artefact import BuildError
from tests.escape.native_worker import STEPS
from tests.escape.peers import Surroundings, surroundings
from tests.escape.running import WITHOUT_LIST, all_cases, run_case
from tests.sandbox.pool.comparing import differences

WORKER, NATIVE, BARE = "sandbox.pool.worker", "tests.escape.native_worker", "tests.escape.bare_worker"

# Cases that ask for something which is no wall, and what it is.
REMARKS = {
    "fd-dev-null-write": "descriptor 1 leads nowhere, but is no character device",
    "real_clock": "the clock is the host's: only WebAssembly makes it the run's own",
}


@dataclass(frozen=True)
class Setting:
    title: str
    program: tuple[str, ...] = (WORKER,)
    prelude: str = WITHOUT_LIST
    walls: Walls = REDUCED


# Never all of them at once with native code: the cases would do to this machine what they try.
SETTINGS = [
    Setting("as it is", prelude="", walls=REQUIRED),
    Setting("without the list of modules", walls=REQUIRED),
    Setting("WebAssembly alone", (BARE, ",".join(STEPS))),
    Setting("native code, every other wall", (NATIVE, "")),
    *(Setting(f"native code, without {wall}", (NATIVE, wall)) for wall in STEPS),
]


def try_all(setting: Setting, around: Surroundings) -> dict[str, list[str]]:
    """Print the row of ``setting``, and return {case: what got out or went otherwise than it should}."""
    began, ends, bad, vacuous = time.monotonic(), Counter[str](), {}, 0
    with Pool(1, walls=setting.walls, program=setting.program) as pool:
        for case in all_cases():
            verdict, outcome = run_case(pool, case, around, prelude=setting.prelude)
            ends[outcome.error["code"] if outcome.error else "ok"] += 1
            vacuous += verdict.is_vacuous
            if verdict.holes:
                bad[case["id"]] = verdict.holes
            elif verdict.surprises and setting.walls is REQUIRED and case["id"] not in REMARKS:
                bad[case["id"]] = verdict.surprises
    total, seconds = len(all_cases()), time.monotonic() - began
    killed = ends["sandbox_violation"] + ends["protocol_violation"]
    print(
        f"{setting.title:42} {total:5} {total - len(bad):5} {len(bad):5} {killed:7} {vacuous:8} {seconds:7.1f}",
        flush=True,
    )
    return bad


def main() -> int:
    print(f"{'':42} {'cases':>5} {'held':>5} {'out':>5} {'killed':>7} {'vacuous':>8} {'seconds':>7}")
    found = {}
    with surroundings() as around:
        for setting in SETTINGS:
            found[setting.title] = try_all(setting, around)
    print("\nWithout no_new_privileges a user who is not root can put up no filter either.")
    print("killed: by the filter or for a forged frame. vacuous: the module or call is not there to be tried.")
    for title, bad in found.items():
        for name, reasons in bad.items():
            print(f"{title}: {name}: {REMARKS.get(name) or reasons[0][:160]}")
    wrong = differences()
    print(f"\nordinary programs: {wrong.total - len(wrong.found)} of {wrong.total} as CPython has them")
    for name, difference in wrong.found.items():
        print(f"{name}: {difference}")
    return 1 if found[SETTINGS[0].title] or wrong.found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BuildError as error:
        sys.exit(str(error))
