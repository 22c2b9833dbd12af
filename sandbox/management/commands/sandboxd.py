import os
import pwd
import signal
import threading
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from galaxy.core.ops import alive
from sandbox.pool import REDUCED, REQUIRED, Pool, SandboxUnavailable
from sandbox.pool.build import BuildError
from sandbox.sandboxd.server import Server
from sandbox.sandboxd.service import Service

DRAIN_S = 15.0  # the longest run, and what comes after it


class Command(BaseCommand):
    help = "Run the one process of this host that holds the Python sandbox, the way out and the opening of secrets."
    requires_system_checks: list[str] = []  # it serves no pages

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--size", type=int, default=0, help="runs at a time; 0 means one for each core")

    def handle(self, *, size: int, **options: Any) -> None:
        pool, why = self._pool(size or settings.SANDBOX_SIZE)
        try:
            server = Server(settings.SANDBOXD_SOCKET, Service(pool, why).handle, users=self._users())
        except OSError as error:
            raise CommandError(str(error)) from error
        self._stop_on_signal(server)
        self.stdout.write(f"sandboxd answers on {settings.SANDBOXD_SOCKET}.")
        server.serve(partial(alive.mark, alive.SANDBOXD))
        drained = server.drain(DRAIN_S)
        if pool:
            pool.close()
        self.stdout.write("sandboxd has stopped." if drained else "sandboxd stopped with runs under way.")

    def _users(self) -> frozenset[int]:
        """Who may speak to it: its own user, and those that the setting names."""
        try:
            return frozenset({os.getuid(), *(pwd.getpwnam(name).pw_uid for name in settings.SANDBOXD_USERS)})
        except KeyError as error:
            raise CommandError(f"SANDBOXD_USERS names somebody whom this host does not know: {error}") from error

    def _pool(self, size: int) -> tuple[Pool | None, str]:
        """The pool, or why there is none: everything else must work all the same."""
        try:
            pool = Pool(size, walls=REDUCED if settings.SANDBOX_REDUCED else REQUIRED)
        except (SandboxUnavailable, BuildError) as error:
            self.stderr.write(f"Python does not run on this host: {error}")
            return None, str(error)
        missing = [wall["name"] for wall in pool.walls if not wall["in_force"]]
        if missing:
            self.stderr.write(f"Python runs here behind WebAssembly alone, without {', '.join(missing)}.")
        return pool, ""

    def _stop_on_signal(self, server: Server) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: server.stop())
