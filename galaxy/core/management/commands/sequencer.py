import contextlib
import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection

from galaxy.core.audit.anchors import Anchors
from galaxy.core.audit.sequencer import Refused, Sequencer, Turn
from galaxy.core.errors import DomainError
from galaxy.core.ops import alive
from galaxy.core.ops.sealing import note_sequencer
from galaxy.core.restoring.home import require_home
from galaxy.core.vault import signing

log = structlog.get_logger(__name__)

EVERY_S = 0.3
RETRY_S = 2.0
HEARTBEAT_EVERY_S = 1.0
LOCK = 0x67616C617879  # "galaxy"; of the session, so that whoever dies gives it back


class Command(BaseCommand):
    help = "Run the one process that seals the audit trail: it orders events, signs their tree and copies the head."
    requires_system_checks: list[str] = []  # it serves no pages

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="seal what there is, then end")
        parser.add_argument("--every-ms", type=int, default=int(EVERY_S * 1000), help="pause between two turns")

    def handle(self, *, once: bool, every_ms: int, **options: Any) -> None:
        self._stopping = threading.Event()
        self._noted_at = 0.0
        self._logged: dict[str, str] = {}
        if once:
            self._once()
            return
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._stopping.set())
        while not self._stopping.is_set():
            alive.mark(alive.SEQUENCER)
            try:
                self._stand_by()
                self._work(every_ms / 1000)
            except (DomainError, ImproperlyConfigured, Refused, OSError) as error:
                self._tell(str(error))
            except (DatabaseError, InterfaceError) as error:
                # A lost connection has given the lock back: whoever stands by goes on, and we stand by.
                log.warning("sequencer.interrupted", error=type(error).__name__)
                connection.close()
            self._stopping.wait(RETRY_S)
        self.stdout.write("The sequencer has stopped.")

    def _once(self) -> None:
        if not self._takes_the_lock():
            raise CommandError("A sequencer is at work already.")
        try:
            done = self._started().turn()
        except (DomainError, ImproperlyConfigured, Refused, OSError) as error:
            raise CommandError(str(error)) from error
        finally:
            self._give_the_lock_back()
        for sentence in (*done.refused.values(), *done.uncopied.values()):
            self.stderr.write(sentence)
        if done.refused or done.uncopied:
            raise CommandError("Not every trail could be sealed.")
        self.stdout.write(f"{done.sealed} events are sealed.")

    def _stand_by(self) -> None:
        """Wait until no other sequencer is at work."""
        told = False
        while not self._stopping.is_set() and not self._takes_the_lock():
            if not told:
                self.stdout.write("Another sequencer is at work; this one stands by.")
                self.stdout.flush()
                told = True
            alive.mark(alive.SEQUENCER)
            self._stopping.wait(RETRY_S)

    def _takes_the_lock(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            return cursor.fetchone()[0]

    def _started(self) -> Sequencer:
        require_home()  # a copy that seals writes where the original does, which then refuses to go on
        found = Sequencer(signing.current(), Anchors(settings.GALAXY_CHECKPOINTS_DIR))
        found.start()
        return found

    def _work(self, every_s: float) -> None:
        """Turn after turn, until told to stop. Raises what ``handle`` deals with."""
        if self._stopping.is_set():
            return
        try:
            sequencer = self._started()
            self.stdout.write("The sequencer is at work.")
            self.stdout.flush()
            while not self._stopping.is_set():
                began = time.monotonic()
                require_home()
                self._note(sequencer.turn())
                alive.mark(alive.SEQUENCER)
                self._stopping.wait(max(0.0, every_s - (time.monotonic() - began)))
        finally:
            self._give_the_lock_back()

    def _give_the_lock_back(self) -> None:
        """A connection goes back into a pool, where its session would keep the lock."""
        with contextlib.suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        connection.close()

    def _note(self, done: Turn) -> None:
        now = time.monotonic()
        if now - self._noted_at < HEARTBEAT_EVERY_S:
            return
        self._noted_at = now
        for workspace_id, sentence in (done.refused | done.uncopied).items():
            self._log(str(workspace_id), sentence)
        note_sequencer(refused=done.refused.values(), uncopied=done.uncopied.values())

    def _tell(self, sentence: str) -> None:
        self._log("", sentence)
        note_sequencer(closed=sentence)

    def _log(self, workspace: str, sentence: str) -> None:
        """Each trouble once, and not with every turn."""
        if self._logged.get(workspace) != sentence:
            self._logged[workspace] = sentence
            log.error("sequencer.refused", workspace=workspace, reason=sentence)
