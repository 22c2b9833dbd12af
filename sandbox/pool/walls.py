"""Which walls this host can put up, each proven by trying to get through it.

The proofs run in a process of their own (``prove``), which forks one child for each attempt; the child puts up one
wall, or all of them, and tries what that wall must stop.
"""

import functools
import json
import subprocess
from typing import Any

from sandbox.pool.process import command

PROOF_S = 20.0

# name -> what it stops, for the console.
WALLS = {
    "webassembly": "the code runs in an interpreter that has no system calls",
    "landlock": "no path, port, socket or process outside can be reached",
    "seccomp": "all but some twenty harmless system calls end the worker",
    "resource_limits": "no process, no file, no descriptor, and 352 MiB of memory at most",
    "privileges": "no root, and no capability",
    "no_new_privileges": "no program can give privileges back",
    "not_dumpable": "no other process may look into the memory",
    "descriptors": "nothing that the parent has open is open in the worker",
    "parent_death": "a worker ends with the process that started it",
}


def probe() -> list[dict[str, Any]]:
    """{name, in_force, detail} for every wall, in the order of WALLS. Takes a quarter of a second; never raises."""
    try:
        done = subprocess.run(
            command("sandbox.pool.prove"), capture_output=True, text=True, timeout=PROOF_S, env={}, cwd="/", check=False
        )
        said = done.stderr.strip().splitlines()
        proven, why = json.loads(done.stdout or "{}"), said[-1] if said else "it was not tried"
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        proven, why = {}, f"it could not be tried: {type(error).__name__}"
    return [_wall(name, meaning, proven.get(name, why)) for name, meaning in WALLS.items()]


# What a host can do does not change while a process lives.
proven = functools.cache(probe)


def _wall(name: str, meaning: str, hole: str) -> dict[str, Any]:
    return {"name": name, "in_force": not hole, "detail": hole or meaning}
