"""Copies of every checkpoint outside the database: one file per workspace that only grows, and one of the keys.

``<directory>/<id of the workspace>.log`` and ``<directory>/keys.log`` hold a line of JSON, {"number", "note"}, for each
signed note, in the order of signing. Whoever owns the database but not this directory can rewrite nothing unseen; keep
it on another disk, ship it to another host, or make the files append-only (``chattr +a``).
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

_TAIL_BYTES = 65_536  # a note has less than 2 KB
KEYS = "keys"


@dataclass(frozen=True)
class Line:
    """A note as it stands in a file, on which line (from 1)."""

    line: int
    number: int
    note: str


class Anchors:
    """The files under ``directory``. ``of`` is the id of a workspace, or KEYS."""

    def __init__(self, directory: Path):
        self.directory = directory

    def path(self, of: UUID | str) -> Path:
        return self.directory / f"{of}.log"

    def append(self, of: UUID | str, notes: list[tuple[int, str]]) -> None:
        """Write (number, note) at the end, and return when the disk has it. Raises OSError."""
        if not notes:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.path(of)
        is_new = not path.exists()
        text = "".join(
            json.dumps({"number": number, "note": note}, ensure_ascii=False) + "\n" for number, note in notes
        )
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            if not _ends_a_line(descriptor):
                text = f"\n{text}"  # whoever wrote last was killed in the middle; readers pass the torn line by
            _write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            _sync_directory(self.directory)

    def last(self, of: UUID | str) -> tuple[int, str] | None:
        """The last whole (number, note), without reading the rest."""
        try:
            with self.path(of).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                tail = file.read()
        except FileNotFoundError:
            return None
        for raw in reversed(tail.split(b"\n")[:-1]):
            if found := _parse(raw):
                return found
        return None

    def read(self, of: UUID | str) -> Iterator[Line | int]:
        """Every line, in order; the number of the line alone where it is none of ours. Raises OSError."""
        with self.path(of).open("rb") as file:
            for line, raw in enumerate(file, 1):
                found = _parse(raw.rstrip(b"\n"))
                yield Line(line, *found) if found else line


def _parse(raw: bytes) -> tuple[int, str] | None:
    try:
        found = json.loads(raw)
        number, note = found["number"], found["note"]
    except (ValueError, KeyError, TypeError):
        return None
    return (number, note) if isinstance(number, int) and isinstance(note, str) else None


def _ends_a_line(descriptor: int) -> bool:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
