"""Each process starts as compose starts it: its command, its environment and nothing else, its own probe.

Against PostgreSQL and Valkey of the tests, without containers: paths and the port are put where this test may write.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from django.conf import settings

from tests.deploy import cluster, composed
from tests.deploy.boxes import ROOT, Box, image_environment
from tests.processes import environment

FOUND = composed.read()
BOXES = composed.boxes(FOUND)
CLUSTER = {box.name: box for box in cluster.boxes(cluster.documents())}
DEADLINE_S = 600  # five processes at once, on a machine that may be busy with other tests
BIN = Path(sys.executable).parent


class Place:
    """A folder with what containers would find, and how a container is started in it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gxd-"))  # short, for a socket
        self.port = _free_port()
        self.running: dict[str, subprocess.Popen] = {}
        here = environment()
        subprocess.run([composed.FOLDER / "make-secrets", self.folder / "secrets"], check=True, capture_output=True)
        self.put("database_url", here["DATABASE_URL"])
        self.put("database_owner_url", here["DATABASE_URL"])
        self.put("redis_url", settings.REDIS_URL)
        self.put("broker_url", settings.CELERY_BROKER_URL)

    def put(self, name: str, text: str) -> None:
        path = self.folder / "secrets" / name
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")

    def environment(self, box: Box) -> dict[str, str]:
        """What the container would have, and nothing of this process's own."""
        path = f"{BIN}:{os.environ['PATH']}"
        found = {name: self.moved(value, box) for name, value in (image_environment() | box.env).items()}
        prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
        return found | {"PATH": path, "PYTHONPATH": str(ROOT), "GALAXY_QUEUE_PREFIX": prefix}

    def moved(self, text: str, box: Box) -> str:
        for was, here in (
            ("/run/secrets/app/", f"{self.folder}/secrets/"),
            ("/run/secrets/", f"{self.folder}/secrets/"),
            ("/srv/galaxy", f"{self.folder}/srv"),
            ("/run/galaxy", f"{self.folder}/run"),
            ("/var/lib/galaxy", f"{self.folder}/{box.name}"),
            ("/opt/galaxy/served", f"{self.folder}/served"),
            ("127.0.0.1:8000", f"127.0.0.1:{self.port}"),
        ):
            text = text.replace(was, here)
        return text

    def command(self, box: Box) -> list[str]:
        words = [self.moved(word, box) for word in box.command]
        return [{"0.0.0.0": "127.0.0.1", "8000": str(self.port)}.get(word, word) for word in words]  # noqa: S104

    def once(self, box: Box, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        words, env = list(command) or self.command(box), self.environment(box) | more
        return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    def start(self, box: Box) -> None:
        for place in (self.folder / box.name, self.folder / "run", self.folder / "srv" / "checkpoints"):
            place.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{box.name}.log").open("wb") as log:
            self.running[box.name] = subprocess.Popen(
                self.command(box), cwd=ROOT, env=self.environment(box), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def is_well(self, box: Box) -> bool:
        """By its own probe."""
        kind, *words = FOUND["services"][box.name]["healthcheck"]["test"]
        words = [self.moved(word, box) for word in words]
        return self.once(box, *(["sh", "-c", *words] if kind == "CMD-SHELL" else words)).returncode == 0

    def log(self, box: Box) -> str:
        return (self.folder / f"{box.name}.log").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


# The owner's connection too, so that what the processes wrote is emptied afterwards.
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def place():
    found = Place()
    yield found
    found.close()


def test_each_starts_by_its_command_is_well_by_its_probe_and_ends_when_told(place):
    made = place.once(BOXES["keys"])
    assert made.returncode == 0 and made.stdout.count("is made") == 3, made.stderr
    started = [BOXES[name] for name in ("web-sandboxd", "worker", "beat", "sequencer", "web")]
    guest = place.folder / "web-sandboxd" / "guest"  # which takes half a minute to build: that of this checkout
    guest.parent.mkdir()
    guest.symlink_to(ROOT / ".galaxy" / "guest")
    for box in started:
        place.start(box)
    waiting, deadline = {box.name: box for box in started}, time.monotonic() + DEADLINE_S
    while waiting:
        for box in list(waiting.values()):
            assert place.running[box.name].poll() is None, f"{box.name} ended: {place.log(box)}"
            assert time.monotonic() < deadline, f"{box.name} is not well: {place.log(box)}"
            if place.is_well(box):
                del waiting[box.name]
        time.sleep(1)
    assert (place.folder / "run" / "sandboxd.sock").is_socket()
    assert "The sequencer is at work." in place.log(BOXES["sequencer"])
    for box in started:
        place.running[box.name].send_signal(signal.SIGTERM)
    codes = {box.name: place.running[box.name].wait(DEADLINE_S) for box in started}
    assert set(codes.values()) <= {0}, codes


def test_the_deployment_check_finds_nothing(place):
    done = place.once(BOXES["web"], "python", "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(name for name in CLUSTER if not name.endswith("/keys")))
def test_the_settings_of_each_container_of_the_cluster_can_be_read(place, name):
    box = CLUSTER[name]
    for path in sorted(path for path, source in box.mounts.items() if source.startswith("secret:")):
        (place.folder / "secrets" / Path(path).name).symlink_to(place.folder / "secrets")
    done = place.once(box, "python", "-c", "import galaxy.settings as s; print(s.PRODUCTION, s.SECRET_KEY)")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"True {(place.folder / 'secrets' / 'secret_key').read_text()}"


def test_the_empty_secrets_of_the_example_are_refused(place):
    place.put("secret_key", "")
    done = place.once(BOXES["web"], "python", "-c", "import galaxy.settings")
    assert done.returncode == 1 and "SECRET_KEY is not set" in done.stderr
    place.put("secret_key", secrets.token_urlsafe(60))
    place.put("database_url", "")
    done = place.once(BOXES["web"], "python", "-c", "import galaxy.settings")
    assert done.returncode == 1 and "DATABASE_URL must be set" in done.stderr
