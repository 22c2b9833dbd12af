"""``python -m galaxy.embedded``: start, stop or show the embedded servers; print the roles as SQL."""

import argparse
import subprocess
import sys
from pathlib import Path

from . import EmbeddedError, data_dir, ensure, started_here, status, stop
from .postgres import ROLES_SQL


def main() -> int:
    """Run one command. The exit status is 0 when it did what it says; ``run`` passes on its command's."""
    parser = argparse.ArgumentParser(prog="python -m galaxy.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("start", help="start what is not running and print the addresses")
    commands.add_parser("stop", help="stop what is running")
    commands.add_parser("status", help="say what is running; exit status 1 when something is not")
    commands.add_parser("roles-sql", help="print the roles and the database as SQL for psql")
    run = commands.add_parser("run", help="start, run a command, and stop what this call started")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args()
    root = data_dir(Path(".galaxy"))
    try:
        return _do(options, root)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


def _do(options: argparse.Namespace, root: Path) -> int:
    if options.command == "roles-sql":
        print(ROLES_SQL.read_text(encoding="utf-8"), end="")
    elif options.command == "start":
        for name, address in vars(ensure(root)).items():
            print(f"{name.upper()}={address}")
    elif options.command == "stop":
        print(f"Stopped {' and '.join(stop(root)) or 'nothing, as nothing was running'}.")
    elif options.command == "status":
        servers = status(root)
        for name, ready in servers.items():
            print(f"{name}: {'running' if ready else 'not running'}")
        return 0 if all(servers.values()) else 1
    else:
        return _run(options.argv, root)
    return 0


def _run(argv: list[str], root: Path) -> int:
    ensure(root)
    try:
        with subprocess.Popen(argv) as child:
            while True:
                try:
                    return child.wait()
                except KeyboardInterrupt:  # the terminal sent it to the child as well; wait for how it ends
                    continue
    finally:
        stop(root, started_here(root))


if __name__ == "__main__":
    sys.exit(main())
