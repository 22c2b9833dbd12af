"""Writing a pack: the events part by part, then what proves them. The same choice gives the same bytes each time."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.template import Context, Engine

from galaxy.core.audit.leaves import moment
from galaxy.core.audit.notes import verifier_key
from galaxy.core.audit.packs import rows, verify
from galaxy.core.audit.packs.redaction import CLASSES, redacted_part
from galaxy.core.audit.packs.selection import Places, Selection
from galaxy.core.audit.proofs import range_hash
from galaxy.core.audit.search import described
from galaxy.core.audit.tree import StoredTree, public_keys
from galaxy.core.models import AuditCheckpoint, Workspace

HERE = Path(__file__).parent
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Order:
    """What a pack is of, who asked for it and when; ``filters`` and ``redacted`` as search and redaction read them."""

    workspace: Workspace
    asked_by: str
    asked_at: datetime
    filters: Mapping[str, str] = field(default_factory=dict)
    redacted: list[str] = field(default_factory=list)
    with_sheet: bool = True

    @property
    def files(self) -> list[str]:
        return [verify.EVENTS, verify.SHEET] if self.with_sheet else [verify.EVENTS]


def write_events(
    folder: Path, order: Order, chosen: Selection, *, done: int = 0, written: Mapping[str, int] | None = None
) -> Iterator[tuple[int, dict[str, int]]]:
    """Write the events from the ``done``-th on; ``written`` is how many bytes of each file belong to those before it.

    Gives the same two after each part, when the disk has it. What a killed worker wrote beyond is written again.
    """
    written = dict(written or {})
    with ExitStack() as stack:
        files = {name: stack.enter_context(_continued(folder / name, written.get(name, 0))) for name in order.files}
        if order.with_sheet and not written.get(verify.SHEET):
            files[verify.SHEET].write(rows.sheet_head())
        for start, count in rows.parts(len(chosen), done):
            _write_part(files, order, chosen.part(start, count))
            for name, file in files.items():
                file.flush()
                os.fsync(file.fileno())
                written[name] = file.tell()
            yield start + count, dict(written)


def complete(folder: Path, order: Order, chosen: Selection) -> None:
    """Write everything else: what leads to the checkpoint, the checkpoint itself, and how to read and verify it all."""
    checkpoint = AuditCheckpoint.objects.in_workspace(order.workspace).get(size=chosen.size)
    origin = checkpoint.note.partition("\n")[0]
    _write(folder / "checkpoint", checkpoint.note)
    _write(folder / "keys", "".join(f"{verifier_key(origin, key.public)}\n" for key in public_keys()))
    with (folder / "proofs").open("w", encoding="ascii") as proofs:
        write_proofs(proofs.write, order.workspace, chosen)
    _write(folder / "manifest.json", json.dumps(_manifest(order, chosen), ensure_ascii=False, indent=2) + "\n")
    _write(folder / "what-this-proves.html", _page(order, chosen, checkpoint))
    for name in ("schema.json", "verify.py"):
        _write(folder / name, (HERE / name).read_text(encoding="utf-8"))
    digests = {name: digest_of(folder / name) for name in order.files}
    if order.with_sheet:
        _write(folder / verify.FOOTER, f"rows: {len(chosen)}\nsha256: {digests[verify.SHEET]}\n")
    _write(folder / verify.SUMS, "".join(_sums(folder, digests)))


def pack(folder: Path, target: Path, name: str, at: datetime, each: Callable[[], None] = lambda: None) -> None:
    """Put the files of ``folder`` into a zip, below a folder called ``name``, all at once or not at all.

    ``each`` is called after every _READ_BYTES.
    """
    other = target.with_suffix(".part")
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.iterdir()):
            info = zipfile.ZipInfo(f"{name}/{path.name}", at.timetuple()[:6])
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as into:
                while block := source.read(_READ_BYTES):
                    into.write(block)
                    each()
    other.replace(target)


def write_proofs(write: Callable[[str], object], workspace: Workspace, chosen: Selection) -> None:
    """A line of hex for each subtree without a chosen leaf, from left to right: with the leaves they give the root.

    Of a whole tree that is nothing, of a run of events some forty hashes, of single ones at most twenty apiece in a
    tree of a million.
    """
    if chosen.positions is None:
        return
    subtree = StoredTree(workspace.pk, ahead=32).subtree
    positions = iter(chosen)
    following = next(positions, chosen.size)

    def walk(start: int, end: int) -> None:
        nonlocal following
        if following >= end:
            write(f"{range_hash(start, end, subtree).hex()}\n")
        elif end - start == 1:
            following = next(positions, chosen.size)
        else:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            walk(start, middle)
            walk(middle, end)

    walk(0, chosen.size)


def digest_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _continued(path: Path, size: int) -> BinaryIO:
    """A file to be written on from ``size`` on; whatever stood behind that is gone."""
    path.touch(mode=0o600)
    file = path.open("r+b")
    file.truncate(size)
    file.seek(size)
    return file


def _write_part(files: Mapping[str, BinaryIO], order: Order, places: Places) -> None:
    events, sheet = files[verify.EVENTS], files.get(verify.SHEET)
    if order.redacted:
        for line, row in redacted_part(order.workspace, places, order.redacted):
            events.write(line)
            if sheet:
                sheet.write(row)
        return
    events.writelines(rows.lines_part(order.workspace, places))
    if sheet:
        sheet.writelines(rows.sheet_part(order.workspace, places))


def _manifest(order: Order, chosen: Selection) -> dict:
    workspace = order.workspace
    return {
        "format": 1,
        "workspace": {"id": str(workspace.pk), "name": workspace.name},
        "asked_by": order.asked_by,
        "asked_at": moment(order.asked_at),
        "filter": described(order.filters),
        "filters": dict(order.filters),
        "left_out": order.redacted,
        "counts": {"events": len(chosen), "size": chosen.size},
    }


def _page(order: Order, chosen: Selection, checkpoint: AuditCheckpoint) -> str:
    key = next((key for key in public_keys() if key.key_id == checkpoint.key_id), None)
    context = {
        "order": order,
        "events": len(chosen),
        "size": chosen.size,
        "filter": described(order.filters),
        "left_out": [CLASSES.get(name, name) for name in order.redacted],
        "checkpoint": checkpoint,
        "key": verifier_key(checkpoint.note.partition("\n")[0], key.public) if key else "",
    }
    text = (HERE / "what-this-proves.html").read_text(encoding="utf-8")
    return Engine().from_string(text).render(Context(context))


def _sums(folder: Path, digests: Mapping[str, str]) -> Iterator[str]:
    """A line for each file, as sha256sum writes it, and for small ones digests of their lines, as comments."""
    for path in sorted(folder.iterdir()):
        if path.name in digests:
            yield f"{digests[path.name]}  {path.name}\n"
        elif path.name != verify.SUMS:
            data = path.read_bytes()
            yield f"{hashlib.sha256(data).hexdigest()}  {path.name}\n"
            for first, last, digest in verify.digests_of_lines(data):
                yield f"# {digest} {path.name}:{first}-{last}\n"


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
