"""The lock files as they are written by ``make lock``."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "requirements"
SERVER = FOLDER / "server.txt"
_LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)(?:\[[a-z0-9,-]+\])?==(?P<version>[^\s;]+)(?:\s*;\s*(?P<marker>.+?))?"
    r"(?P<hashes>(?:\s+--hash=\S+)*)"
)


class Locked(NamedTuple):
    """A package at one version. ``marker`` says on which machines it is installed, "" for all; ``hashes`` are the
    SHA-256 of every file by which it may come, in hexadecimal."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class NotLocked(ValueError):
    """A line of a lock file that names no exact version with its hashes; the message says which."""


def locks() -> list[Path]:
    """All of them, the smallest first."""
    return sorted(FOLDER.glob("*.txt"), key=lambda path: path.stat().st_size)


def read_lock(path: Path) -> list[Locked]:
    """What the file locks, in its order. Raises NotLocked."""
    text = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines()]
    return [_read(path, line) for line in lines if line and not line.startswith("#")]


def _read(path: Path, line: str) -> Locked:
    found = _LINE.fullmatch(line)
    hashes = [one.removeprefix("--hash=") for one in found["hashes"].split()] if found else []
    if not found or not hashes or not all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes):
        raise NotLocked(f"{path.name}: {line:.80} is not locked to one version and its SHA-256 hashes. Run make lock.")
    digests = tuple(one.removeprefix("sha256:") for one in hashes)
    return Locked(found["name"], found["version"], found["marker"] or "", digests)
