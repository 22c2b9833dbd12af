"""``manage.py audit export``: a pack written here and now, without a worker."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit.packs import making, verify
from galaxy.core.audit.packs.redaction import CLASSES, checked
from galaxy.core.audit.packs.selection import sealed_size, select
from galaxy.core.audit_forms import checked_filters
from galaxy.core.errors import Conflict
from galaxy.core.models import Workspace

# Option -> the filter of galaxy.core.audit.search that it sets, and its help.
_FILTERS = {
    "action": ("action", "events whose action begins so, such as run. or run.failed"),
    "actor": ("actor", "who did it: an id, or part of a name"),
    "agent": ("agent", "the id of an agent"),
    "actor-kind": ("actor_kind", "person, agent or system"),
    "target": ("target", "the id of the object"),
    "object": ("q", "how the object's name begins"),
    "outcome": ("outcome", "done, refused, failed or simulated"),
    "mode": ("mode", "live or simulated"),
    "since": ("since", "first day, as 2026-11-01"),
    "until": ("until", "last day, as 2026-11-30"),
    "request": ("request_id", "the id of a request"),
}


def add_export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--workspace", required=True, metavar="SLUG")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="DIR", help="a folder that is new or empty")
    for option, (name, words) in _FILTERS.items():
        parser.add_argument(f"--{option}", dest=name, metavar="X", help=words)
    parser.add_argument(
        "--redact", action="append", default=[], metavar="CLASS", help=f"leave out {', '.join(CLASSES)}, or a field"
    )
    parser.add_argument("--no-csv", action="store_true", help="NDJSON alone")


def write_pack(workspace: Workspace, folder: Path, *, redact: list[str], no_csv: bool, **given: Any) -> int:
    """Write a pack into ``folder``, audited, and verify it; returns how many events are in it. The workspace must be
    in scope.

    Raises Invalid for filters that cannot be used, Conflict for a folder with something in it or a pack that does not
    verify, as one that retention ran into while it was written. OSError.
    """
    asked = {name: given.get(name) for name, _ in _FILTERS.values()}
    filters = checked_filters(asked)
    redacted = checked(redact)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Conflict(f"There is something in {folder} already.", "Name a folder that is new or empty.")
    chosen = select(workspace, filters, sealed_size(workspace))
    with transaction.atomic():
        told: dict[str, Any] = {"filters": filters, "left_out": redacted, "events": len(chosen)}
        audit.record("export.made", actor=None, target=workspace, **told)
    order = making.Order(workspace, "an operator", timezone.now(), filters, redacted, with_sheet=not no_csv)
    for _ in making.write_events(folder, order, chosen):
        pass
    making.complete(folder, order, chosen)
    try:
        verify.Pack(folder).verify()
    except verify.Broken as broken:
        raise Conflict(
            f"The pack does not verify: {broken}.", "Export it again; if it stays so, run manage.py audit verify."
        ) from broken
    return len(chosen)
