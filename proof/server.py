"""``python -m proof.server ROOT NAME [--fast]``: start one embedded server and leave it running.

A program of its own, so that a server can be started within whatever its caller enters first.
"""

import sys
from pathlib import Path

from galaxy.embedded import EmbeddedError, ensure


def main(root: str, name: str, *options: str) -> int:
    try:
        ensure(Path(root), [name], fast="--fast" in options)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
