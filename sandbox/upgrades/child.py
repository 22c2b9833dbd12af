"""The child process that replays recorded calls on two versions: sealed first, with no network and no secrets.

It gets {old, new: manifests, calls, moved: {action: {renames, fills}}} as JSON on standard input, with an empty
environment and no other descriptor, and prints one line of JSON after the other: {walls}, then an answer for each call
as soon as there is one. An answer is {id, old, new, back}: what the old version says, what the new one says to the
inputs as they would be given to it, and what the old one says once more to those taken back again.
"""

import json
import resource
import sys
from typing import Any

from registry.manifests import Manifest, load
from sandbox.pool import seal, seccomp
from sandbox.upgrades.answering import answer
from sandbox.upgrades.renames import Moved, backward, forward

MIB = 1 << 20
LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_CPU: 60,
    resource.RLIMIT_DATA: 512 * MIB,
    resource.RLIMIT_FSIZE: 16 * MIB,
    resource.RLIMIT_NPROC: 0,
}
REFUSED = ("socket", "connect", "bind", "execve")


def main() -> None:
    asked = json.load(sys.stdin)
    walls = close_up()
    say({"walls": walls})
    old, new = load(asked["old"]), load(asked["new"])
    for call in asked["calls"]:
        say(replayed(old, new, asked["moved"].get(call["action"], {}), call))


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def close_up() -> list[str]:
    """Seal this process for good; returns which walls are up. No socket can be made after it, whoever tries."""
    walls = []
    for which, most in LIMITS.items():
        resource.setrlimit(which, (most, most))
    walls.append("limits")
    sys.addaudithook(_refuse)
    walls.append("no sockets in Python")
    try:
        seal.gain_nothing()
        seccomp.put_up(seccomp.without, *REFUSED)
        walls.append("no sockets by the kernel")
    except OSError:
        pass  # told by its absence
    return walls


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn")):
        raise PermissionError(f"A replay reaches nothing: {event} is refused.")


def replayed(old: Manifest, new: Manifest, moved: Moved, call: dict[str, Any]) -> dict[str, Any]:
    how = {"seed": call["seed"], "now": call["now"]}
    inputs = call["inputs"]
    given = forward(inputs, moved)
    return {
        "id": call["id"],
        "old": answer(old, call["action"], inputs, **how),
        "new": answer(new, call["action"], given, **how),
        "back": answer(old, call["action"], backward(given, moved), **how),
    }
