"""A RabbitMQ of a test's own: its own node, ports, folder and port mapper, all on loopback and ended by their ids."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.deploy.boxes import ROOT

# Debian's own program; the one in /usr/sbin would change the user and lose the environment.
PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
DEADLINE_S = 180  # Erlang starts slowly on a machine that is busy
PASSWORD = "of-the-tests"


class RabbitMQ:
    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="gxr-"))
        self.port, distribution, mapper = _free_ports(3)
        self.url = self.url_by(self.port)
        settings = (ROOT / "deploy" / "compose" / "rabbitmq.conf").read_text(encoding="utf-8")
        user = f"default_user = galaxy\ndefault_pass = {PASSWORD}\n"
        (self._folder / "rabbitmq.conf").write_text(settings + user, encoding="utf-8")
        (self._folder / "plugins").write_text("[].\n", encoding="utf-8")
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),  # where Erlang keeps its cookie
            "RABBITMQ_NODENAME": f"galaxy-{os.getpid()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self._mapper = self._start("epmd", "-port", str(mapper), "-address", "127.0.0.1")
        self._server: subprocess.Popen | None = None

    def url_by(self, port: int) -> str:
        """Its address by way of ``port``."""
        return f"amqp://galaxy:{PASSWORD}@127.0.0.1:{port}/galaxy"

    def start(self) -> None:
        self._server = self._start(PROGRAM)
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert self._server.poll() is None, (self._folder / "output").read_text()
            assert time.monotonic() < deadline, "RabbitMQ did not come up"
            time.sleep(0.2)

    def kill(self) -> None:
        """At once, as a machine that loses its power."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        if self._server:
            self._end(signal.SIGKILL)
        self._mapper.kill()
        self._mapper.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, *command: object) -> subprocess.Popen:
        with (self._folder / "output").open("ab") as output:
            return subprocess.Popen(
                list(map(str, command)),
                env=self._env,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # the script starts Erlang, which starts helpers: one group, ended together
            )

    def _end(self, number: int) -> None:
        os.killpg(self._server.pid, number)
        self._server.wait()
        self._server = None

    def _answers(self) -> bool:
        """Whether it speaks AMQP: its port opens a moment before it knows its users."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as link:
                link.sendall(b"AMQP\x00\x00\x09\x01")
                return link.recv(1) == b"\x01"
        except OSError:
            return False


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
