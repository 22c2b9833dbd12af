"""Spans as the rows of a waterfall: who called whom, when, and for how long on one scale. Pure, no queries.

A span is anything with the fields of ``sandbox.models.Span``.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

DEEPEST = 3  # levels that are indented further; deeper ones stand on the last of them
QUICK = 0.04  # of the whole: drawn softer, so that the eye finds what took the time

ICONS = {
    "run": "play",
    "policy": "scale",
    "approval": "check-check",
    "budget": "gauge",
    "queue": "hourglass",
    "wait": "hourglass",
    "call": "globe",
    "simulated": "flask-conical",
    "attempt": "corner-down-right",
    "validate": "list-checks",
    "redact": "eye-off",
}
OTHER = "circle-dot"


@dataclass(frozen=True)
class Row:
    """One line of the waterfall. ``start_ms`` counts from the first span; ``bar`` is work, fast, wait or fail.

    ``is_orphan`` marks a span whose parent was never written.
    """

    span: Any
    depth: int
    start_ms: float
    bar: str
    icon: str
    is_orphan: bool

    @property
    def took_ms(self) -> float:
        return self.span.duration_ms

    @property
    def http_status(self) -> int | None:
        """The answer's status where the span was a call, for the word in its badge."""
        status = self.span.attributes.get("status")
        return status if isinstance(status, int) and not isinstance(status, bool) else None

    @property
    def attributes(self) -> list[tuple[str, Any]]:
        """Names in words with their values, which are numbers and names and never inputs or outputs."""
        return [(_words(name), value) for name, value in self.span.attributes.items()]


@dataclass(frozen=True)
class Trace:
    """The waterfall: rows in reading order, the length of the scale, and how many spans others name as their parent
    though they were never written."""

    rows: Sequence[Row]
    total_ms: float
    missing: int

    @property
    def summary(self) -> str:
        """The count as the page says it: "9, none missing"."""
        if not self.rows:
            return "none yet"
        return f"{len(self.rows)}, {self.missing or 'none'} missing"

    def row(self, span_id: UUID | None) -> Row | None:
        return next((row for row in self.rows if row.span.pk == span_id), None)


def waterfall(spans: Iterable[Any], run_id: UUID | None = None, runs: Collection[UUID | None] = ()) -> Trace:
    """The rows of all ``spans`` of a root run, or with ``run_id`` of that one step alone.

    A parent comes before its children, siblings by start. A span whose parent is missing stands at the top level and
    is counted, so that no work disappears from sight; so does one that a circle of parents would hide. A run's own
    span has the run's id and is written when the run has worked: parents among ``runs`` may come late or, for a run
    that never began, not at all, and are not missing.
    """
    everything = list(spans)
    known = {span.pk for span in everything}.union(runs)
    shown = sorted(
        (span for span in everything if run_id is None or span.run_id == run_id),
        key=lambda span: (span.started_at, span.pk),
    )
    if not shown:
        return Trace([], 0.0, 0)
    here = {span.pk for span in shown}
    children = defaultdict(list)
    for span in shown:
        children[span.parent_id if span.parent_id in here else None].append(span)
    first = shown[0].started_at
    total_ms = max(_since(first, span.started_at) + span.duration_ms for span in shown)
    ordered = _in_reading_order(children, shown)
    rows = [
        Row(
            span=span,
            depth=min(depth, DEEPEST),
            start_ms=_since(first, span.started_at),
            bar=_bar(span, total_ms),
            icon=ICONS.get(span.kind, OTHER),
            is_orphan=span.parent_id is not None and span.parent_id not in known,
        )
        for span, depth in ordered
    ]
    missing = len({row.span.parent_id for row in rows if row.is_orphan})
    return Trace(rows, total_ms, missing)


def _in_reading_order(children: dict[UUID | None, list], shown: list) -> list[tuple[Any, int]]:
    found: list[tuple[Any, int]] = []
    seen: set[int] = set()  # by object: a run that was taken over has a span of its own from each attempt

    def visit(tops: list) -> None:
        waiting = [(span, 0) for span in reversed(tops)]
        while waiting:
            span, depth = waiting.pop()
            if id(span) in seen:
                continue
            seen.add(id(span))
            found.append((span, depth))
            waiting += [(child, depth + 1) for child in reversed(children[span.pk])]

    visit(children[None])
    visit([span for span in shown if id(span) not in seen])
    return found


def _bar(span: Any, total_ms: float) -> str:
    if span.status == "waited":
        return "wait"
    if span.status == "error":
        return "fail"
    return "fast" if span.duration_ms < QUICK * total_ms else "work"


def _since(first: datetime, moment: datetime) -> float:
    return (moment - first).total_seconds() * 1000


def _words(name: str) -> str:
    words = name.replace("_", " ").replace(".", " ")
    return words[:1].upper() + words[1:]
