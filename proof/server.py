"""``python -m proof.server start|stop ROOT NAME [--fast]``: one embedded server, which is left running.

A program of its own, so that a server can be started and stopped within whatever its caller enters first.
"""

import sys
from pathlib import Path

from galaxy.embedded import EmbeddedError, ensure, stop


def main(act: str, root: str, name: str, *options: str) -> int:
    try:
        if act == "stop":
            stop(Path(root), [name])
        else:
            ensure(Path(root), [name], fast="--fast" in options)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
