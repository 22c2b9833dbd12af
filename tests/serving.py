"""Galaxy's web server as a process of its own, on the test database, as `make run` starts it."""

import http.client
import socket
import subprocess
import sys
import time

from django.conf import settings

from tests.processes import ROOT, environment

DEADLINE_S = 180
THREADS = 8  # as galaxy.core.management.commands.run_all has it


class WebServer:
    """One process on a free port of this machine; ``more`` is put over its environment. On another host
    (tests.hosts.network) ``prefix`` comes before its command, and ``address`` is where it is reached."""

    def __init__(self, address: str = "127.0.0.1", prefix: tuple[str, ...] = (), **more: str):
        self.address, self._prefix = address, prefix
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        queue = {
            "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
            "GALAXY_QUEUE_PREFIX": settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"],
        }
        self._env = environment(**(queue | more))
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._prefix, sys.executable, "-m", "granian", "--interface", "wsgi", "--log-level", "error",
             "--blocking-threads", str(THREADS), "--host", self.address, "--port", str(self.port),
             "galaxy.wsgi:application"],
            cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + DEADLINE_S
        while not self._is_up():
            assert self._process.poll() is None, "the web server ended at its start"
            assert time.monotonic() < deadline, "the web server did not come up"
            time.sleep(0.1)

    def close(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(DEADLINE_S)

    def _is_up(self) -> bool:
        link = http.client.HTTPConnection(self.address, self.port, timeout=5)
        try:
            link.request("GET", "/healthz", headers={"Host": "localhost"})
            return link.getresponse().status == 200
        except OSError:
            return False
        finally:
            link.close()
