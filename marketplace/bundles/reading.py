"""Reading a bundle that somebody brings: hostile until shown otherwise.

Nothing is ever written to a disk, no name of an entry is used as a path, and an archive within is bytes like any other
file. What is read of an entry is bounded by what may stand there, whatever its header claims.
"""

import base64
import binascii
import io
import json
import stat
import zipfile
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import jsonschema_rs

from galaxy.core import jcs
from galaxy.core.errors import DomainError
from marketplace.bundles.layout import (
    INDEX,
    MAX_BYTES,
    MAX_INDEX_BYTES,
    MAX_UNPACKED_BYTES,
    SCHEMA,
    Bundle,
    Key,
    Packed,
    Signed,
    file_name,
    manifest_name,
)
from registry.manifests import Manifest, read, version_digest
from registry.manifests.sources import MAX_BYTES as MAX_MANIFEST_BYTES
from registry.services.publishing import MAX_FILE_BYTES, fits

_SCHEMA = jsonschema_rs.validator_for(SCHEMA)
_ENCRYPTED = 0x1
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class BadBundle(DomainError):
    """The file is no bundle, or not one that may be taken in. Nothing of it was."""

    status = 422
    code = "bad_bundle"
    next_step = "Have it made anew, with Export on the page of the extension or manage.py extension bundle."


def read_bundle(content: bytes) -> Bundle:
    """What ``content`` holds, each version recomputed to its digest. Signatures are not looked at: they are the
    receiver's to trust. Raises BadBundle."""
    if len(content) > MAX_BYTES:
        raise BadBundle(f"A bundle has at most {MAX_BYTES // 1024**2} MB.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _bundle(_Entries(archive))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as error:
        raise BadBundle(f"The file cannot be read as a ZIP archive: {_words(error)}.") from error


class _Entries:
    """The entries by name; ``take`` reads one, and what nobody took is too much."""

    def __init__(self, archive: zipfile.ZipFile):
        self.archive = archive
        self.left: dict[str, zipfile.ZipInfo] = {}
        self.room = MAX_UNPACKED_BYTES
        for entry in archive.infolist():
            if problem := _entry_problem(entry):
                raise BadBundle(f"An entry of the archive, {entry.orig_filename!a:.120}, {problem}.")
            if entry.filename in self.left:
                raise BadBundle(f"The entry {entry.filename:.120} stands twice.")
            self.left[entry.filename] = entry

    def take(self, name: str, most: int) -> bytes:
        entry = self.left.pop(name, None)
        if entry is None:
            raise BadBundle(f"The entry {name:.300} is missing.")
        with self.archive.open(entry) as stream:
            content = stream.read(min(most, self.room) + 1)
        if len(content) > most:
            raise BadBundle(f"The entry {name:.300} is larger than {most // 1024} KB.")
        self.room -= len(content)
        if self.room < 0:
            raise BadBundle(f"Unpacked it is larger than {MAX_UNPACKED_BYTES // 1024**2} MB.")
        return content


def _entry_problem(entry: zipfile.ZipInfo) -> str:
    name, kind = entry.orig_filename, stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a link"
    if entry.is_dir() or kind not in (0, stat.S_IFREG):
        return "is not a file"
    if not name.isascii() or not name.isprintable() or "\\" in name or name != entry.filename:
        return "has a name that is not plain"
    if name.startswith("/") or ".." in name.split("/") or ":" in name:
        return "leads out of the bundle"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    return "" if entry.compress_type in _PLAIN else "is packed in a way that is not read here"


def _bundle(entries: _Entries) -> Bundle:
    index = _index(entries.take(INDEX, MAX_INDEX_BYTES))
    bundle = Bundle(tuple(_versions(index, entries)), tuple(_keys(index)))
    if entries.left:
        raise BadBundle(f"The archive has an entry that belongs to nothing: {min(entries.left):.120}.")
    _check_once([packed.digest for packed in bundle.versions], "version")
    _check_once([packed.manifest.id for packed in bundle.versions], "extension")
    return bundle


def _index(content: bytes) -> dict[str, Any]:
    try:
        index = json.loads(content, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadBundle(f"{INDEX} is not JSON as it has to be: {_words(error)}.") from error
    for wrong in _SCHEMA.iter_errors(index):
        place = "/".join(map(str, wrong.instance_path)) or "as a whole"
        raise BadBundle(f"{INDEX} does not have its form: {place:.100}.")
    return index


def _versions(index: dict[str, Any], entries: _Entries) -> Iterator[Packed]:
    for row in index["versions"]:
        digest = row["digest"]
        manifest = _manifest(entries.take(manifest_name(digest), MAX_MANIFEST_BYTES), row)
        files = {}
        for path in row["files"]:
            if not fits(path):
                raise BadBundle(f"{path!a:.120} is not a plain relative path.")
            files[path] = entries.take(file_name(digest, path), MAX_FILE_BYTES)
        signatures = tuple(
            Signed(one["role"], one["key"], one["statement"], _bytes(one["signature"])) for one in row["signatures"]
        )
        if version_digest(manifest, files) != digest:
            raise BadBundle(f"{row['extension']} {row['number']} is not what its digest names{_which(row, files)}.")
        yield Packed(manifest, files, digest, row["publisher"], row["level"], row["changes"], signatures)


def _manifest(content: bytes, row: dict[str, Any]) -> Manifest:
    reading = read(content, format="json")
    if reading.manifest is None:
        raise BadBundle(f"The manifest of {row['extension']} cannot be read: {reading.errors[0].message}")
    if jcs.dumps(reading.manifest.canonical) != content:
        raise BadBundle(f"The manifest of {row['extension']} is not in its canonical form.")
    if (reading.manifest.id, reading.manifest.version) != (row["extension"], row["number"]):
        raise BadBundle(f"The index says {row['extension']} {row['number']}, and its manifest says otherwise.")
    return reading.manifest


def _which(row: dict[str, Any], files: dict[str, bytes]) -> str:
    """Which file is not as it was signed, where a statement tells."""
    for one in row["signatures"]:
        try:
            signed = json.loads(one["statement"])["files"]
            wrong = sorted(
                path
                for path in {*signed, *files}
                if path not in files or signed.get(path) != sha256(files[path]).hexdigest()
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        return f": {wrong[0]:.200} was changed" if wrong else ": its manifest was changed"
    return ""


def _keys(index: dict[str, Any]) -> Iterator[Key]:
    _check_once([row["id"] for row in index["keys"]], "key")
    for row in index["keys"]:
        yield Key(
            row["id"], row["owner"], row["name"], _bytes(row["public"]), row["introduction"], revoked=row["revoked"]
        )


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadBundle(f"{INDEX} holds a text that is not base64.") from error


def _check_once(names: list[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadBundle(f"The {what} {twice[0]:.80} stands twice.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _words(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:120] or type(error).__name__
