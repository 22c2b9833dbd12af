"""The set-up that `make` calls: what stands in its way is told in one sentence."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple

import pytest

import bootstrap

from .conftest import REPOSITORY

Disk = namedtuple("Disk", "total used free")


def make(*words: str) -> subprocess.CompletedProcess[str]:
    # Not as a part of the `make test` that may be running this.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *words], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )


def test_help_lists_every_target():
    listed = [line.split()[1] for line in make("help").stdout.splitlines()]
    phony = next(line for line in (REPOSITORY / "Makefile").read_text().splitlines() if line.startswith(".PHONY"))
    assert sorted(listed) == sorted(phony.split()[1:])


def test_the_readme_names_every_target():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    listed = {line.split()[1] for line in make("help").stdout.splitlines()}
    assert {name for name in listed if f"`{name}`" not in text and f"make {name}" not in text} == set()


def test_no_python_is_one_sentence():
    done = make("setup", "PYTHON=")
    first = done.stderr.splitlines()[0]
    assert first.startswith("Galaxy needs Python 3.11 or newer: install it")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A place where nothing is set up yet."""
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "PYTHON", tmp_path / ".venv/bin/python")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv/stamp")
    return tmp_path


def test_too_little_disk_is_told_before_anything_is_made(bare, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(10**10, 10**10, 10**8))
    with pytest.raises(bootstrap.SetupError, match=r"need about 1\.5 GB of disk, and .* has 0\.1 GB left"):
        bootstrap.make_environment()
    assert list(bare.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("error: No space left on device (os error 28)", "is full: make room"),
        ("error sending request for url: dns error", "see to the network or the package index"),
        ("Hash mismatch for `django==5.2`", "its hash differs"),
    ],
)
def test_a_failing_installer_is_put_in_one_sentence(said, told, capsys):
    with pytest.raises(bootstrap.SetupError, match=told):
        bootstrap._install([sys.executable, "-c", f"import sys; sys.exit({said!r})"])
    assert said in capsys.readouterr().err


def test_the_second_setup_does_nothing(bare, monkeypatch):
    (bare / ".venv/bin").mkdir(parents=True)
    (bare / ".venv/bin/python").symlink_to(sys.executable)
    (bare / ".venv/stamp").write_text(bootstrap._fingerprint())
    monkeypatch.setattr(bootstrap, "_install", lambda command: pytest.fail(f"ran {command}"))
    bootstrap.make_environment()


def test_a_changed_lock_is_noticed(bare, monkeypatch):
    before = bootstrap._fingerprint()
    lock = bare / "dev.txt"
    lock.write_text("django==5.2.1\n")
    monkeypatch.setattr(bootstrap, "LOCKS", [bootstrap.LOCKS[0], lock])
    assert bootstrap._fingerprint() != before


def test_an_interpreter_without_venv_is_told_which_package_to_install(bare, monkeypatch):
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(bootstrap, "_apt_install", lambda package: False)
    with pytest.raises(bootstrap.SetupError, match=r"install python3\.\d+-venv and try again"):
        bootstrap._make_venv(sys.executable)


def build(folder, seconds) -> str:
    """What stands for a Python that takes so long over its trial, or cannot do it."""
    folder.mkdir()
    program = folder / "python{}.{}".format(*sys.version_info)
    program.write_text(f"#!/bin/sh\necho {seconds}\n" if seconds else "#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(("seconds", "taken"), [((1, 0.5, 0.7), 1), ((1, 0.9, None), 0), ((None, None, 4), 2)])
def test_the_quickest_build_of_python_is_taken_where_it_is_much_quicker(tmp_path, monkeypatch, seconds, taken):
    builds = [build(tmp_path / str(number), one) for number, one in enumerate(seconds)]
    monkeypatch.setattr(sys, "executable", builds[0])
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / str(number)) for number in (1, 2)))
    assert bootstrap.quickest_python() == builds[taken]


def test_this_python_passes_its_own_trial():
    assert 0 < bootstrap._trial_s(sys.executable) < float("inf")
    assert bootstrap._trial_s("/bin/false") == float("inf")


def test_a_missing_browser_is_told(monkeypatch):
    monkeypatch.setattr(bootstrap, "find_browser", lambda: "")
    monkeypatch.setattr(bootstrap, "_apt_install", lambda package: False)
    with pytest.raises(bootstrap.SetupError, match="need Chromium or Google Chrome"):
        bootstrap.see_to_browser()


def test_debians_browser_without_windows_is_asked_for_first(monkeypatch):
    there, asked = [], []
    monkeypatch.setattr(bootstrap, "find_browser", lambda: there[-1] if there else "")

    def install(package: str) -> bool:
        asked.append(package)
        there.extend([package] if package == "chromium" else [])
        return package in there

    monkeypatch.setattr(bootstrap, "_apt_install", install)
    bootstrap.see_to_browser()
    assert asked == ["chromium-headless-shell", "chromium"], "the other is taken where an older Debian has no such one"
    bootstrap.see_to_browser()
    assert len(asked) == 2
