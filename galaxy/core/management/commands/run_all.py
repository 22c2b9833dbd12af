import contextlib
import http.client
import os
import sys
import time
from collections.abc import Mapping

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from galaxy import embedded
from galaxy.core.demo import LOGINS
from galaxy.core.processes import Program, Supervisor
from galaxy.embedded.locks import hold, is_held
from galaxy.embedded.ports import port_problem

LOOK_EVERY_S = 1.0
LOOK_EVERY_S_AT_FIRST = 0.2


class Command(BaseCommand):
    help = "Prepare the database, then run every process of Galaxy until Ctrl-C. This is what `make run` calls."
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, default=8000, help="port of the web server on localhost")

    def handle(self, *, port: int, **options):
        if problem := port_problem(port):
            raise CommandError(problem)
        mark = settings.DATA_DIR / "run.lock"
        if is_held(mark):
            raise CommandError(
                f"Galaxy already runs from this directory ({mark.read_text(encoding='utf-8') or 'just starting'}): "
                "stop it there, or set GALAXY_DATA_DIR to run another beside it."
            )
        # The processes inherit this lock, so that it also tells of one that outlived its supervisor.
        with hold(mark) as lock:
            mark.write_text("", encoding="utf-8")
            call_command("prepare", stdout=self.stdout)
            supervisor = Supervisor(
                programs(port),
                logs=settings.DATA_DIR / "logs",
                say=self._say,
                inherit=[lock],
                env={"GALAXY_URL": f"http://localhost:{port}", "LOG_LEVEL": "WARNING"} | without_keys(os.environ),
            )
            self._say("Starting sandboxd, sequencer, worker, beat and web.")
            if supervisor.run(self._caretaker(supervisor, port)):
                raise CommandError("Galaxy stopped, because one of its processes would not stay up.")
        self._say("Galaxy has stopped.")

    def _say(self, line: str) -> None:
        # A terminal that was closed must not keep us from stopping in order.
        with contextlib.suppress(OSError):
            self.stdout.write(line)
            self.stdout.flush()

    def _caretaker(self, supervisor: Supervisor, port: int):
        """What is done at each turn of the supervisor: keep the embedded servers up, note the processes, and welcome
        the person once the web server answers."""
        mark = settings.DATA_DIR / "run.lock"
        next_look = 0.0
        welcomed = False

        def look() -> None:
            nonlocal next_look, welcomed
            if time.monotonic() < next_look:
                return
            if servers := embedded.wanted():
                embedded.ensure(settings.DATA_DIR, servers)
            pids = {"run_all": os.getpid()} | supervisor.pids()
            mark.write_text(", ".join(f"{name} {pid}" for name, pid in pids.items()), encoding="utf-8")
            if not welcomed and answers(port):
                self._welcome(port)
                welcomed = True
            next_look = time.monotonic() + (LOOK_EVERY_S if welcomed else LOOK_EVERY_S_AT_FIRST)

        return look

    def _welcome(self, port: int) -> None:
        self._say(f"\nGalaxy is ready: http://localhost:{port}\n")
        if not settings.HARDENED:
            for role, email, password in LOGINS:
                self._say(f"  {role:<9} {email:<24} {password}")
        self._say(f"\nCtrl-C stops it. Logs are in {settings.DATA_DIR / 'logs'}.")
        if "filebased" in settings.EMAIL_BACKEND:
            self._say(f"Mail is kept in {settings.EMAIL_FILE_PATH} and sent to nobody.")


def programs(port: int) -> list[Program]:
    """The processes of one machine, in the order they start; they stop in the opposite order, web first."""
    # Celery warns root because of pickle, which the settings refuse (CELERY_ACCEPT_CONTENT).
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser privileges"]
    celery = [*python, "-m", "celery", "--quiet", "-A", "galaxy"]
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--log-level", "error"]
    root_key = {"GALAXY_KMS": settings.GALAXY_KMS or f"local:{settings.GALAXY_KEY_FILE}"}
    root_key |= {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    signing = {"GALAXY_SIGNING_KEYS": settings.GALAXY_SIGNING_KEYS or str(settings.GALAXY_SIGNING_KEY_FILE)}
    releasing = {
        "GALAXY_MARKETPLACE_KEYS": settings.GALAXY_MARKETPLACE_KEYS or str(settings.GALAXY_MARKETPLACE_KEY_FILE)
    }
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return [
        Program("sandboxd", [sys.executable, "manage.py", "sandboxd"], env=root_key | releasing),
        Program("sequencer", [sys.executable, "manage.py", "sequencer"], env=signing),
        Program("worker", [*celery, "worker", "--loglevel", "WARNING"]),
        Program("beat", [*celery, "beat", "--loglevel", "WARNING", "--schedule", settings.DATA_DIR / "beat-schedule"]),
        Program("web", [*granian, "--blocking-threads", "8", *where, "galaxy.wsgi:application"]),
    ]


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """What every process inherits: neither the root key of the vault nor what opens it at AWS nor the keys that sign
    versions, which are sandboxd's, nor the keys that sign the trail, which are the sequencer's."""
    names = {"GALAXY_KMS", "GALAXY_SIGNING_KEYS", "GALAXY_MARKETPLACE_KEYS"}
    names |= {f"{name}_FILE" for name in names}
    return {name: value for name, value in environment.items() if name not in names and not name.startswith("AWS_")}


def answers(port: int) -> bool:
    """True when the web server says that it and its database are well."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("GET", "/healthz", headers={"Host": "localhost"})
        return link.getresponse().status == 200
    except OSError:
        return False
    finally:
        link.close()
