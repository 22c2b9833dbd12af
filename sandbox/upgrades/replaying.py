"""Asking the child process, which replays recorded calls without network and secrets."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from galaxy.core.errors import DomainError
from registry.manifests import Manifest
from sandbox.upgrades.renames import Moved

SECONDS = 90.0  # a call takes a millisecond; a machine under load takes its time
_ROOT = Path(__file__).resolve().parents[2]
# -I: no environment, no user's packages, no current directory. The project comes last in the search.
_START = "import sys; sys.path.append(sys.argv[1]); from sandbox.upgrades.child import main; main()"


class NotReplayed(DomainError):
    """The calls could not be replayed; nothing was stored."""

    status = 503
    code = "not_replayed"
    next_step = "Try again in a minute."


def replay(
    old: Manifest, new: Manifest, calls: list[dict[str, Any]], moved: dict[str, Moved]
) -> tuple[list[str], list[dict[str, Any]]]:
    """The walls that were up, and the answers to ``calls``: list of {id, action, inputs, seed, now}, in their order.

    ``moved`` says by action how inputs are carried over. Raises NotReplayed.
    """
    if not calls:
        return [], []
    asked = {"old": old.canonical, "new": new.canonical, "calls": calls, "moved": moved}
    try:
        done = subprocess.run(  # noqa: S603  (this interpreter, and a file of ours)
            [sys.executable, "-I", "-c", _START, str(_ROOT)],
            input=json.dumps(asked).encode(),
            capture_output=True,
            env={},
            cwd="/",
            timeout=SECONDS,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise NotReplayed("The replay of recorded calls took too long, or could not be started.") from error
    if done.returncode:
        raise NotReplayed("The replay of recorded calls broke.")
    answer = json.loads(done.stdout)
    return answer["walls"], answer["answers"]
