"""Makes ``.venv`` with the packages that the lock files name. ``make`` calls it; nothing but Python is needed.

It does nothing when the environment already matches the locks. Whatever stands in the way is told in one sentence.
"""

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "galaxy-locks.sha256"
LOCKS = [ROOT / "requirements" / name for name in ("bootstrap.txt", "dev.txt")]

# What a Python is tried with, and by how much another build has to be quicker than the one that runs this. Python as it
# builds by default (pyenv builds it so) takes half as long again as one that its compiler saw at work, as distributions
# build it: for tests, for requests, for all.
TRIAL = """
import ensurepip, time, venv
class One:
    def __init__(self, number): self.number = number
    def more(self, by): return self.number + by
def work():
    kept = {}
    for number in range(40_000):
        kept[number % 100] = str(One(number).more(3)) + "x"
        isinstance(number, int)
spent = []
for turn in range(3):
    began = time.process_time()
    work()
    spent.append(time.process_time() - began)
print(min(spent))
"""
QUICKER = 1.25

# What .venv and the caches of pip and uv took on Linux, with room to spare.
DISK_BYTES = 1_500_000_000

# The first is Chromium without the windows of its own, which takes a quarter less of the processor.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_BROWSERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


class SetupError(Exception):
    """Something the reader has to mend; the message is one sentence."""


def main() -> int:
    """Set up, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--browser", action="store_true", help="also see to the programs that tests call: Chromium and xmlsec1"
    )
    parser.add_argument("--this-python", action="store_true", help="take the Python that runs this, no quicker build")
    parser.add_argument("--rabbitmq", action="store_true", help="also see to RabbitMQ, which few need")
    options = parser.parse_args()
    try:
        make_environment(sys.executable if options.this_python else "")
        build_sandbox()
        if options.browser:
            see_to_browser()
            see_to_signer()
        if options.rabbitmq:
            see_to_rabbitmq()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def make_environment(python: str = "") -> None:
    """Create ``.venv`` and bring its packages to what the locks say, unless they are there already.

    It is made with ``python``, or with the quickest build that there is of the Python that runs this.
    """
    if sys.version_info < (3, 11):  # noqa: UP036  (whoever calls this file directly may have an older one)
        raise SetupError(f"Galaxy needs Python 3.11 or newer, and this is {sys.version.split()[0]}.")
    wanted = _fingerprint()
    if STAMP.is_file() and STAMP.read_text(encoding="ascii") == wanted and _works(PYTHON):
        return
    free = shutil.disk_usage(ROOT).free
    if free < DISK_BYTES:
        raise SetupError(
            f"Galaxy's packages need about {DISK_BYTES / 1e9:.1f} GB of disk, and {ROOT} has {free / 1e9:.1f} GB left."
        )
    print("Setting up .venv; this takes a minute the first time.", flush=True)
    if not _works(PYTHON):
        _make_venv(python or quickest_python())
    uv = VENV / "bin" / "uv"
    if not _works(uv):
        pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        _install([*pip, "--require-hashes", "--no-deps", "-r", LOCKS[0]])
    _install([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", PYTHON, LOCKS[1]])
    STAMP.write_text(wanted, encoding="ascii")


def _fingerprint() -> str:
    """Names the locks and the place: scripts in a virtual environment do not survive being moved."""
    digest = hashlib.sha256(str(ROOT).encode())
    for lock in LOCKS:
        digest.update(lock.read_bytes())
    return digest.hexdigest()


def _works(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def quickest_python() -> str:
    """The quickest of the programs on the path that are this version of Python, and able to make environments; the one
    that runs this where none is much quicker."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    there = [str(Path(folder, name)) for folder in os.get_exec_path()]
    spent = {program: _trial_s(program) for program in (sys.executable, *there) if Path(program).is_file()}
    quickest = min(spent, key=lambda program: spent[program])
    return quickest if spent[quickest] * QUICKER < spent[sys.executable] else sys.executable


def _trial_s(program: str) -> float:
    """Seconds of the processor; endless where it cannot do what is asked of it."""
    done = subprocess.run([program, "-I", "-S", "-c", TRIAL], capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else float("inf")


def _make_venv(python: str) -> None:
    if python == sys.executable and importlib.util.find_spec("ensurepip") is None:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        if not _apt_install(f"{version}-venv"):
            raise SetupError(f"This Python cannot make virtual environments: install {version}-venv and try again.")
    done = subprocess.run([python, "-m", "venv", "--clear", VENV], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"Python could not make {VENV}: {_last_line(done.stderr or done.stdout)}")


def _install(command: list) -> None:
    """Run an installer quietly. Raises SetupError with what most likely was the matter, and the installer's words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    said = done.stderr or done.stdout
    print(said.strip(), file=sys.stderr)
    if shutil.disk_usage(ROOT).free < DISK_BYTES / 10 or "No space left" in said or "os error 28" in said:
        raise SetupError(f"The disk of {ROOT} is full: make room and try again.")
    if "hash" in said.lower() and "mismatch" in said.lower():
        raise SetupError("A package is not the one that requirements/ locked (its hash differs), so nothing was used.")
    raise SetupError("The packages could not be fetched: see to the network or the package index, and try again.")


def build_sandbox() -> None:
    """Build the interpreter that runs creators' Python, unless it stands; only Linux has the walls for it."""
    if sys.platform != "linux":
        return
    done = subprocess.run([PYTHON, "-m", "sandbox.pool.build", "--quiet"], cwd=ROOT, check=False)
    if done.returncode:
        print("Going on without the Python sandbox: actions and transforms in Python are refused.", file=sys.stderr)


def see_to_browser() -> None:
    """Find a Chromium or Chrome for the browser tests, or install Debian's."""
    if find_browser():
        return
    if not any(map(_apt_install, BROWSERS[:2])) or not find_browser():
        raise SetupError("The browser tests need Chromium or Google Chrome: install one of them and try again.")


def see_to_signer() -> None:
    """Find xmlsec1, by which the SAML provider of the tests signs, or install Debian's."""
    if not shutil.which("xmlsec1") and not (_apt_install("xmlsec1") and shutil.which("xmlsec1")):
        raise SetupError("The tests of single sign-on need xmlsec1: install it and try again.")


def see_to_rabbitmq() -> None:
    """Find Debian's RabbitMQ, or install it with Erlang, which takes longer than the suite has to spare."""
    program = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if not program.exists() and not (_apt_install("rabbitmq-server") and program.exists()):
        raise SetupError("This needs Debian's rabbitmq-server: install it and try again.")


def find_browser() -> str:
    """The path of a Chromium or Chrome; empty when there is none."""
    named = os.environ.get("CHROMIUM", "")
    found = [shutil.which(name) for name in (named, *BROWSERS, *MAC_BROWSERS) if name]
    return next((path for path in found if path), "")


def _apt_install(package: str) -> bool:
    """Install a Debian package where we may; False where we may not or it fails."""
    if not shutil.which("apt-get"):
        return False
    become = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if become and not (shutil.which("sudo") and _succeeds([*become, "true"])):
        return False
    print(f"Installing {package}.", flush=True)
    environment = [*become, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    install = [*environment, "install", "-y", "-qq", "--no-install-recommends", package]
    # Lists of packages may be missing or old (fresh containers): then once more with new ones.
    return _succeeds(install) or (_succeeds([*environment, "update", "-qq"]) and _succeeds(install))


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it did not say why."


if __name__ == "__main__":
    sys.exit(main())
