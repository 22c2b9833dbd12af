"""sandboxd as a process of its own, on the test database, with a root key and peers on this machine."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from galaxy.core.errors import DomainError
from galaxy.core.vault.kms.local import make_key_file
from sandbox.pool.build import ensure
from sandbox.sandboxd.client import CONNECT_S, ask
from tests.processes import ROOT, environment

DEADLINE_S = 180


class Sandboxd:
    """One process; ``peers`` maps hosts to ports of this machine, whose certificates ``authority`` (PEM) signs.
    ``prefix`` comes before the command, where it is to run on another host (tests.hosts.network)."""

    def __init__(self, peers: dict[str, int] | None = None, authority: str = "", prefix: tuple[str, ...] = ()):
        self._prefix = prefix
        # Under /tmp and not the test's own folder, whose path is too long for a socket.
        place = self.folder = Path(tempfile.mkdtemp(prefix="gxs-"))
        self.socket = place / "sandboxd.sock"
        self.log = place / "log"  # all that it says
        self.key_file = place / "root-keys.json"
        make_key_file(self.key_file)
        self.env = environment(
            GALAXY_KMS=f"local:{self.key_file}",
            SANDBOXD_SOCKET=str(self.socket),
            GALAXY_LOOPBACK_PEERS=",".join(f"{host}={port}" for host, port in (peers or {}).items()),
            LOG_LEVEL="DEBUG",
        )
        if authority:
            (place / "authority.pem").write_text(authority, encoding="ascii")
            self.env["GALAXY_LOOPBACK_CA_FILE"] = str(place / "authority.pem")
        self.process: subprocess.Popen | None = None

    def start(self, *arguments: str) -> None:
        ensure()  # built once for a checkout, here where nobody has called make
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._prefix, sys.executable, "manage.py", "sandboxd", *arguments],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + DEADLINE_S
        while not is_up(self.socket):
            assert self.process.poll() is None, "sandboxd ended at its start"
            assert time.monotonic() < deadline, "sandboxd did not come up"
            time.sleep(0.05)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)

    def _end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


def is_up(path: Path) -> bool:
    try:
        ask("health", {}, seconds=CONNECT_S, path=path)
    except DomainError:
        return False
    return True
