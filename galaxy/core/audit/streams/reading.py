"""Sinks as their pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Q

from galaxy.core.models import AuditLeaf, AuditSink, AuditSinkKey, Workspace


@dataclass(frozen=True)
class Row:
    """``backlog`` counts leaves that were sealed and not yet handed over."""

    sink: AuditSink
    backlog: int


def rows_of(workspace: Workspace) -> list[Row]:
    sinks = AuditSink.objects.in_workspace(workspace).filter(removed_at=None).select_related("workspace", "created_by")
    return with_backlog(workspace, sinks)


def with_backlog(workspace: Workspace, sinks: Iterable[AuditSink]) -> list[Row]:
    size = tree_size(workspace)
    return [Row(sink, max(0, size - sink.cursor)) for sink in sinks]


def tree_size(workspace: Workspace) -> int:
    """How many leaves are sealed, under a checkpoint or not yet."""
    newest = AuditLeaf.objects.in_workspace(workspace).aggregate(n=Max("position"))["n"]
    return 0 if newest is None else newest + 1


def keys_of(sink: AuditSink, now: datetime) -> list[AuditSinkKey]:
    """Those that sign, newest first."""
    rows = AuditSinkKey.objects.in_workspace(sink.workspace).filter(sink=sink)
    return list(rows.filter(Q(ends_at=None) | Q(ends_at__gt=now)))
