"""``python -m galaxy.embedded``: start, stop or show the embedded servers; print the roles as SQL."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from . import EmbeddedError, data_dir, ensure, status, stop
from .postgres import ROLES_SQL

# What the environment names already is a server of the reader's own.
REPLACED_BY = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}


def main() -> int:
    """Run one command. The exit status is 0 when it did what it says; ``run`` passes on its command's."""
    parser = argparse.ArgumentParser(prog="python -m galaxy.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("start", help="start what is not running and print the addresses")
    commands.add_parser("stop", help="stop what is running")
    commands.add_parser("status", help="say what is running; exit status 1 when something is not")
    commands.add_parser("roles-sql", help="print the roles and the database as SQL for psql")
    run = commands.add_parser("run", help="start what is not running, run a command, stop what was started for it")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args()
    root = data_dir(Path(".galaxy"))
    try:
        if options.command == "run":
            return _run(options.argv, root)
        return _do(options.command, root)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


def _do(command: str, root: Path) -> int:
    if command == "roles-sql":
        print(ROLES_SQL.read_text(encoding="utf-8"), end="")
    elif command == "start":
        for name, address in vars(ensure(root)).items():
            print(f"{name.upper()}={address}")
    elif command == "stop":
        print(f"Stopped {' and '.join(stop(root)) or 'nothing, as nothing was running'}.")
    else:
        servers = status(root)
        for name, ready in servers.items():
            print(f"{name}: {'running' if ready else 'not running'}")
        return 0 if all(servers.values()) else 1
    return 0


def _run(argv: list[str], root: Path) -> int:
    """The exit status is the command's (128 + signal number when one ended it), whatever stopping says."""
    running = status(root)
    ours = [name for name, url in REPLACED_BY.items() if not (os.environ.get(url) or os.environ.get(f"{url}_FILE"))]
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        # Ctrl-C reaches the command from the terminal itself; told twice, it would think we are in a hurry.
        if child is not None and number != signal.SIGINT:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    try:
        ensure(root, ours)
        child = subprocess.Popen(argv)
        status_code = child.wait()
        return status_code if status_code >= 0 else 128 - status_code
    finally:
        stop(root, [name for name in ours if not running[name]])


if __name__ == "__main__":
    sys.exit(main())
