"""Asking the child process, which replays recorded calls without network and secrets."""

import json
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from galaxy.core.errors import DomainError
from registry.manifests import Manifest
from sandbox.upgrades.renames import Moved

SECONDS = 90.0  # a call takes a millisecond; a machine under load takes its time
TOLD_EVERY_S = 1.0  # whoever watches is asked that often at least whether to go on
_ROOT = Path(__file__).resolve().parents[2]
# -I: no environment, no user's packages, no current directory. The project comes last in the search.
_START = "import sys; sys.path.append(sys.argv[1]); from {module} import main; main()"

# Told how many calls are done; what it raises ends the replay.
Watch = Callable[[int], None]


class NotReplayed(DomainError):
    """The calls could not be replayed; nothing was stored."""

    status = 503
    code = "not_replayed"
    next_step = "Try again in a minute."


def replay(
    old: Manifest,
    new: Manifest,
    calls: list[dict[str, Any]],
    moved: dict[str, Moved],
    watch: Watch | None = None,
) -> tuple[list[str], list[dict[str, Any]]]:
    """The walls that were up, and the answers to ``calls``: list of {id, action, inputs, seed, now}, in their order.

    ``moved`` says by action how inputs are carried over. Raises NotReplayed, or what ``watch`` raises.
    """
    if not calls:
        return [], []
    asked = {"old": old.canonical, "new": new.canonical, "calls": calls, "moved": moved}
    return ask_child("sandbox.upgrades.child", asked, len(calls), watch)


def ask_child(
    module: str, asked: dict[str, Any], count: int, watch: Watch | None = None
) -> tuple[list[str], list[dict[str, Any]]]:
    """The walls that were up in a child process that runs ``main`` of ``module``, and its ``count`` answers to what it
    is ``asked``. Raises NotReplayed, or what ``watch`` raises."""
    try:
        child = subprocess.Popen(  # noqa: S603  (this interpreter, and a file of ours)
            [sys.executable, "-I", "-c", _START.format(module=module), str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )
    except OSError as error:
        raise NotReplayed("The replay of recorded calls could not be started.") from error
    with child:
        try:
            return _answered(child, asked, count, watch or (lambda _: None))
        finally:
            child.kill()  # whatever ended it; one that is done is none to kill


def _answered(
    child: subprocess.Popen[bytes], asked: dict[str, Any], count: int, watch: Watch
) -> tuple[list[str], list[dict[str, Any]]]:
    stdin, stdout = child.stdin, child.stdout
    assert stdin and stdout  # noqa: S101  (both are pipes)
    walls: list[str] = []
    answers: list[dict[str, Any]] = []
    try:
        stdin.write(json.dumps(asked).encode())
        stdin.close()
        for line in _lines(stdout):
            if line is not None:
                found = json.loads(line)
                if "walls" in found:
                    walls = found["walls"]
                else:
                    answers.append(found)
            watch(len(answers))
    except (OSError, ValueError) as error:
        raise NotReplayed("The replay of recorded calls broke.") from error
    if child.wait() or len(answers) != count:
        raise NotReplayed("The replay of recorded calls broke.")
    return walls, answers


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """The lines of ``stream`` as they come, and None where TOLD_EVERY_S passed without one. Raises NotReplayed."""
    ends, rest = time.monotonic() + SECONDS, b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while time.monotonic() < ends:
            if not selector.select(TOLD_EVERY_S):
                yield None
                continue
            some = stream.read1(1 << 20)  # type: ignore[attr-defined]  # a pipe of Popen is buffered
            if not some:
                return
            *whole, rest = (rest + some).split(b"\n")
            yield from whole
    raise NotReplayed("The replay of recorded calls took too long.")
