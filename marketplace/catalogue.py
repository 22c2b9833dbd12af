"""Reading a catalogue folder: its index, manifests and files. What is wrong is told, nothing is written here.

The layout stands in catalog/README.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from marketplace.folders import MANIFEST_NAMES, files_below
from marketplace.models import VerificationLevel
from registry.manifests import Manifest, publishable, read
from registry.semver import satisfies, sort_key

INDEX = "index.yaml"
_ENTRY_KEYS = {"path", "publisher", "level", "changes"}


@dataclass(frozen=True)
class Problem:
    """Where something is wrong (``line`` and ``column`` from 1, 0 for the file as such), and how to put it right."""

    path: str
    code: str
    message: str
    fix: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        fix = f"\n    {self.fix}" if self.fix else ""
        return f"{self.path}:{self.line}:{self.column} {self.code} {self.message}{fix}"


@dataclass(frozen=True)
class Entry:
    """One folder, read: a publishable manifest, the other files by path, and what the index says about it."""

    path: str
    manifest: Manifest
    files: dict[str, bytes]
    publisher: str
    level: str
    changes: str


@dataclass
class Catalogue:
    """``entries`` by version, packs last, since they need the rest; empty when there are problems."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_catalogue(root: Path) -> Catalogue:
    """Everything below ``root``. Problems of all folders are collected, so that one reading tells them all."""
    catalogue = Catalogue()
    rows = list(_index(root, catalogue.problems))
    if catalogue.problems:
        return catalogue
    for row in rows:
        if entry := _entry(root, row, catalogue.problems):
            catalogue.entries.append(entry)
    named = {row["path"] for row in rows}
    for path in sorted(_manifest_folders(root) - named):
        catalogue.problems.append(Problem(path, "not-in-index", "No entry of the index names this folder.", "Add it."))
    catalogue.problems += _unmet(catalogue.entries)
    if catalogue.problems:
        catalogue.entries = []
    catalogue.entries.sort(key=lambda entry: (bool(entry.manifest.requires), sort_key(entry.manifest.version or "")))
    return catalogue


def _index(root: Path, problems: list[Problem]) -> Iterator[dict[str, str]]:
    """The entries of the index that can be used: each with path, publisher, level and changes as text."""
    try:
        data = yaml.load((root / INDEX).read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)  # noqa: S506 (texts only)
    except OSError:
        problems.append(Problem(INDEX, "no-index", f"There is no readable {INDEX} in {root.name}.", "Add it."))
        return
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problems.append(Problem(INDEX, "syntax", "The index is not well-formed YAML.", "", line, column))
        return
    entries = data.get("extensions") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        problems.append(Problem(INDEX, "wrong-shape", "The index is a map with a list under extensions."))
        return
    seen: set[str] = set()
    for at, row in enumerate(entries):
        place = f"{INDEX} extensions[{at}]"
        if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
            problems.append(Problem(place, "wrong-shape", "An entry is a map of texts."))
        elif unknown := set(row) - _ENTRY_KEYS:
            problems.append(Problem(place, "unknown-key", f"{min(unknown)} means nothing here."))
        elif not row.get("path") or not row.get("publisher"):
            problems.append(Problem(place, "missing-key", "An entry has path, publisher and level."))
        elif row.get("level") not in VerificationLevel.values:
            problems.append(Problem(place, "bad-value", f"level is one of {', '.join(VerificationLevel.values)}."))
        elif row["path"] in seen:
            problems.append(Problem(place, "duplicate-path", f"{row['path']} stands twice.", "Keep one of the two."))
        else:
            seen.add(row["path"])
            yield {"changes": "", **row}


def _entry(root: Path, row: dict[str, str], problems: list[Problem]) -> Entry | None:
    folder = (root / row["path"]).resolve()
    if not folder.is_relative_to(root.resolve()) or not folder.is_dir():
        problems.append(Problem(row["path"], "no-folder", "The index names a folder that is not there."))
        return None
    names = [name for name in MANIFEST_NAMES if (folder / name).is_file()]
    if len(names) != 1:
        problems.append(Problem(row["path"], "no-manifest", f"A folder has one of {' and '.join(MANIFEST_NAMES)}."))
        return None
    where = f"{row['path']}/{names[0]}"
    reading = read((folder / names[0]).read_bytes(), filename=names[0])
    findings = reading.errors or (publishable(reading.manifest) if reading.manifest else [])
    problems += (Problem(where, one.code, one.message, one.fix, one.line, one.column) for one in findings)
    manifest = reading.manifest
    if manifest and len(manifest.summary) > 200:
        problems.append(Problem(where, "summary-too-long", "A card takes 200 characters.", "Shorten the summary."))
    files = dict(_files(folder, row["path"], names[0], problems))
    if manifest is None or findings:
        return None
    return Entry(row["path"], manifest, files, row["publisher"], row["level"], row["changes"])


def _files(folder: Path, place: str, manifest_name: str, problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
    for path, file in files_below(folder, manifest_name):
        if file.is_symlink():
            problems.append(Problem(f"{place}/{path}", "link", "A link may lead out of the folder.", "Copy the file."))
        else:
            yield path, file.read_bytes()


def _manifest_folders(root: Path) -> set[str]:
    return {file.parent.relative_to(root).as_posix() for name in MANIFEST_NAMES for file in root.rglob(name)}


def _unmet(entries: list[Entry]) -> Iterator[Problem]:
    """Requirements that nothing in the catalogue satisfies."""
    offered = [(entry.manifest.id, entry.manifest.version or "") for entry in entries]
    for entry in entries:
        for slug, wanted in entry.manifest.requires.items():
            if not any(name == slug and satisfies(number, wanted) for name, number in offered):
                message = f"It requires {slug} {wanted}, which the catalogue does not offer."
                yield Problem(entry.path, "unmet-requirement", message)
