"""``python -m galaxy.embedded``: start, stop or show the embedded servers; print the roles as SQL."""

import argparse
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from . import EmbeddedError, data_dir, ensure, status, stop, wanted
from .ports import port_problem
from .postgres import ROLES_SQL


def main() -> int:
    """Run one command. The exit status is 0 when it did what it says; ``run`` passes on its command's."""
    parser = argparse.ArgumentParser(prog="python -m galaxy.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("start", help="start what is not running and print the addresses")
    commands.add_parser("stop", help="stop what is running")
    commands.add_parser("status", help="say what is running; exit status 1 when something is not")
    commands.add_parser("roles-sql", help="print the roles and the database as SQL for psql")
    run = commands.add_parser("run", help="start what is not running, run a command, stop what was started for it")
    run.add_argument("--free-port", type=int, metavar="PORT", help="start nothing when this port is in use")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args()
    root = data_dir(Path(__file__).resolve().parents[2] / ".galaxy")
    try:
        if options.command == "run":
            if options.free_port and (problem := port_problem(options.free_port)):
                raise EmbeddedError(problem)
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
    ours = wanted()
    child: subprocess.Popen[bytes] | None = None
    told: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        told.append(number)
        # The terminal sends the others to the command as well; told twice, it would think that we are in a hurry.
        if child is not None and number == signal.SIGTERM:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    try:
        if ours:
            ensure(root, ours)
        if told:
            return 128 + told[0]
        child = subprocess.Popen(argv)
        code = child.wait()
        return code if code >= 0 else 128 - code
    finally:
        stop(root, [name for name in ours if not running[name]])


if __name__ == "__main__":
    sys.exit(main())
