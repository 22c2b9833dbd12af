"""An extension as a folder on somebody's disk: one manifest, and the files that go with it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from galaxy.core.errors import DomainError
from marketplace.workshop.starters import TEXTS
from registry.manifests.sources import MAX_BYTES
from registry.services.publishing import MAX_FILE_BYTES

MANIFEST_NAMES = ("manifest.yaml", "manifest.json")
LEAST_DOCS = "# {name}\n\nWhat it does, what it needs, and what it never does.\n"


class BadFolder(DomainError):
    """The folder cannot be read as an extension."""

    status = 422
    code = "bad_folder"
    next_step = f"A folder has one of {' and '.join(MANIFEST_NAMES)}; what else is in it belongs to the version."


@dataclass(frozen=True)
class Folder:
    """``text`` is the manifest (or a Python file), ``name`` its file's name; ``files`` are the others, by path."""

    text: str
    name: str
    files: dict[str, bytes]


def read_folder(place: Path) -> Folder:
    """What stands at ``place``: a folder, or a manifest or Python file alone. Raises BadFolder."""
    if place.is_file():
        return Folder(_text(place), place.name, {})
    if not place.is_dir():
        raise BadFolder(f"There is nothing at {place}.")
    names = [name for name in MANIFEST_NAMES if (place / name).is_file()]
    if len(names) != 1:
        raise BadFolder(f"{place} has {'two manifests' if names else 'no manifest'}.")
    files = {}
    for path, file in files_below(place, names[0]):
        if file.is_symlink():
            raise BadFolder(f"{path} is a link, which may lead out of the folder.", "Copy the file.")
        files[path] = _bytes(file, MAX_FILE_BYTES)
    return Folder(_text(place / names[0]), names[0], files)


def files_below(folder: Path, without: str) -> Iterator[tuple[str, Path]]:
    """(path within, file) of what belongs to a version, links included; hidden and compiled files do not."""
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        if any(part.startswith(".") or part == "__pycache__" for part in path.parts) or str(path) == without:
            continue
        if file.is_symlink() or file.is_file():
            yield path.as_posix(), file


def begin_folder(place: Path, *, starter: str, name: str) -> list[Path]:
    """Write a first manifest (of marketplace.workshop.starters) and its docs to ``place``, which may not exist yet or
    has to be empty. Returns what was written. Raises BadFolder."""
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise BadFolder(f"{place} is there already, and not empty.", "Name a folder that is not there yet.")
    text = TEXTS[starter]
    placeholder = text.partition("\n")[0].partition(": ")[2]  # scopes are named after it as well
    title = " ".join(re.split(r"[-._]", name)).strip().capitalize() or name
    text = re.sub(r"^name: .*$", lambda _: f"name: {json.dumps(title)}", text.replace(placeholder, name), flags=re.M)
    place.mkdir(parents=True, exist_ok=True)
    written = [place / MANIFEST_NAMES[0], place / "docs.md"]
    written[0].write_text(text, encoding="utf-8")
    written[1].write_text(LEAST_DOCS.format(name=title), encoding="utf-8")
    return written


def _text(file: Path) -> str:
    try:
        return _bytes(file, MAX_BYTES).decode()
    except UnicodeDecodeError as error:
        raise BadFolder(f"{file.name} is not UTF-8: byte {error.start} is none of it.") from error


def _bytes(file: Path, most: int) -> bytes:
    """One byte more than may be is enough to be told so by the checks."""
    try:
        with file.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise BadFolder(f"{file} cannot be read: {error.strerror}.") from error
