"""Real servers in directories of their own. None of these tests touches the database of the other tests."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from galaxy import embedded
from galaxy.embedded.paths import Places

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """Whatever runs these tests may itself have been told of servers."""
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CELERY_BROKER_URL", "GALAXY_ENV"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setenv("GALAXY_EMBEDDED_FAST", "1")


@pytest.fixture
def short_dir():
    """A directory with a short path. Those of pytest are long, and closed to other users."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def make_root(tmp_path, short_dir):
    """``make_root(name)``: a data directory that does not exist yet, below ``tmp_path`` or ``short_dir``.

    Its servers end with the test (and before short_dir does, which is why that is asked for here)."""
    made = []

    def make(name: str = "data", below: Path = tmp_path) -> Path:
        made.append(below / name)
        return made[-1]

    yield make
    for root in made:
        embedded.stop(root)
        if (sockets := Places.of(root).sockets) != root:
            shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture
def root(make_root):
    return make_root()


@pytest.fixture
def command():
    """``command(root, *words)``: ``python -m galaxy.embedded`` for that root, started and not waited for."""
    started = []

    def start(root: Path, *words: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "galaxy.embedded", *words],
            cwd=REPOSITORY,
            env=os.environ | {"GALAXY_DATA_DIR": str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
