"""Which places of a tree an export is of: all of them, or those of the events that a filter finds, in order."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from galaxy.core.audit.packs import verify
from galaxy.core.audit.search import matching
from galaxy.core.audit.tree import checkpoint_of
from galaxy.core.errors import Conflict
from galaxy.core.models import AuditEvent, AuditLeaf, Workspace

_WAIT = "Wait a second; if it stays so, the sequencer is not running."
Places = range | array  # positions, rising


@dataclass(frozen=True)
class Selection:
    """Positions below ``size``: each of them, or those in ``positions``, rising. Eight bytes apiece are remembered."""

    size: int
    positions: array | None = None

    def __len__(self) -> int:
        return self.size if self.positions is None else len(self.positions)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.size) if self.positions is None else self.positions)

    def part(self, start: int, count: int) -> Places:
        """``count`` of the positions, from the ``start``-th on."""
        if self.positions is None:
            return range(min(start, self.size), min(start + count, self.size))
        return self.positions[start : start + count]

    def keep(self, path: Path) -> None:
        """Write it to a file, all at once or not at all."""
        other = path.with_suffix(".part")
        with other.open("wb") as file:
            array("q", [self.size, self.positions is not None]).tofile(file)
            (self.positions or array("q")).tofile(file)
        other.replace(path)

    @classmethod
    def kept(cls, path: Path) -> "Selection":
        """As ``keep`` wrote it. Raises FileNotFoundError."""
        stored = array("q")
        with path.open("rb") as file:
            stored.frombytes(file.read())
        return cls(stored[0], stored[2:] if stored[1] else None)


def sealed_size(workspace: Workspace) -> int:
    """How many events are under the newest checkpoint. Raises Conflict where there is none yet.

    Nor is there one to use while the newest purge is not sealed: its values would be missing, and nothing say why.
    """
    checkpoint = checkpoint_of(workspace)
    if checkpoint is None:
        raise Conflict("No event of this workspace is sealed yet.", _WAIT)
    tombstones = AuditEvent.objects.in_workspace(workspace).filter(action=verify.TOMBSTONE)
    newest = tombstones.order_by("-occurred_at", "-id").values_list("pk", flat=True).first()
    leaves = AuditLeaf.objects.in_workspace(workspace).filter(event_id=newest, position__lt=checkpoint.size)
    if newest is not None and not leaves.exists():
        raise Conflict("Values were purged a moment ago, and that is not sealed yet.", _WAIT)
    return checkpoint.size


def select(workspace: Workspace, filters: Mapping[str, str], size: int) -> Selection:
    """The events under ``filters`` among the first ``size`` of the tree.

    Where a filter leaves events out, those that tell of purged values (tombstones) come along all the same: without
    them nobody could tell a purged value from a stolen one.
    """
    if not filters:
        return Selection(size)
    found = array("q", _positions(workspace, filters, size))
    tombstones = set(_positions(workspace, {"action": verify.TOMBSTONE}, size)).difference(found)
    return Selection(size, array("q", sorted([*found, *tombstones])) if tombstones else found)


def _positions(workspace: Workspace, filters: Mapping[str, str], size: int) -> Iterator[int]:
    events = matching(workspace, filters).order_by().values("pk")
    leaves = AuditLeaf.objects.in_workspace(workspace).filter(position__lt=size, event_id__in=events)
    yield from leaves.order_by("position").values_list("position", flat=True).iterator(chunk_size=20_000)
