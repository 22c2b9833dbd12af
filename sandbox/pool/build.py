"""Builds the guest once and finds it again: ``python -m sandbox.pool.build``.

CPython with the modules of the list becomes one WebAssembly component (componentize-py), which is then compiled to
machine code in a process of its own, since that takes hundreds of megabytes. The result lies in ``guest/<key>/`` of the
data directory; the key names everything that it depends on, so that whatever changes leads to another directory.
"""

import contextlib
import fcntl
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sandbox.pool.artefact import (
    COMPILED,
    FACTS,
    GUEST,
    ROOT,
    Artefact,
    BuildError,
    file_digest,
    guest_directory,
    key,
    load,
)

KEPT = 3  # builds of older sources; somebody may still run on one


def ensure(say: Callable[[str], None] = lambda text: None) -> Artefact:
    """The guest for these sources and this machine, built now where there is none. Raises BuildError.

    ``say`` is told when something that takes its time begins.
    """
    directory = guest_directory()
    place = directory / key()
    with contextlib.suppress(FileNotFoundError):
        return load(place)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(directory / "lock"):
        with contextlib.suppress(FileNotFoundError):
            return load(place)  # somebody else built it while this process waited
        say("Building the Python sandbox; this takes a minute or two the first time.")
        _build(place)
        _forget_old(directory, place)
        return load(place)


def _build(place: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="building-", dir=place.parent) as name:
        work = Path(name)
        component, done = work / "guest.wasm", work / "done"
        _componentize(work / "source", component)
        done.mkdir(mode=0o700)
        _call([sys.executable, "-m", "sandbox.pool.build", "--compile", str(component), str(done / COMPILED)], ROOT)
        facts = {"digest": file_digest(component), "compiled_digest": file_digest(done / COMPILED)}
        (done / FACTS).write_text(json.dumps(facts), encoding="ascii")
        for path in done.iterdir():
            path.chmod(0o400)
        done.rename(place)


def _componentize(source: Path, component: Path) -> None:
    """The component sees the guest's sources and the time zones, and nothing else of this machine."""
    zones = importlib.metadata.distribution("tzdata").locate_file("tzdata")
    shutil.copytree(GUEST, source / "sandbox" / "guest", ignore=shutil.ignore_patterns("__pycache__"))
    (source / "sandbox" / "__init__.py").touch()
    shutil.copytree(str(zones), source / "tzdata", ignore=shutil.ignore_patterns("__pycache__"))
    tool = Path(sys.executable).with_name("componentize-py")
    # Without the tool's --stub-wasi: its stubs are traps, and so a look at the clock would end the run.
    wit = ["-d", str(GUEST / "wit"), "-w", "runner"]
    _call([str(tool), *wit, "componentize", "-p", ".", "sandbox.guest.app", "-o", str(component)], source)


def _compile(component: str, compiled: str) -> None:
    from wasmtime.component import Component

    from sandbox.pool.engine import new_engine

    Path(compiled).write_bytes(Component.from_file(new_engine(), component).serialize())


def _call(command: list[str], folder: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"
    }  # componentize-py adds it
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildError(f"The Python sandbox could not be built: {error}") from None
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise BuildError(f"The Python sandbox could not be built: {lines[-1] if lines else 'no reason given'}")


def _forget_old(directory: Path, newest: Path) -> None:
    builds = [path for path in directory.iterdir() if (path / FACTS).is_file() and path != newest]
    for path in sorted(builds, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    if sys.argv[1:2] == ["--compile"]:
        _compile(*sys.argv[2:])
        return 0
    try:
        artefact = ensure(partial(print, flush=True))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    if "--quiet" not in sys.argv:
        print(f"The Python sandbox is built: {artefact.digest[:12]}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
