"""Spans of one run, gathered in memory and stored with its result. Names and numbers only, never values."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import DatabaseError
from django.utils import timezone

from galaxy.core.db.instances import fresh
from galaxy.core.telemetry.tallies import SPANS_LOST, note
from sandbox.models import Run, Span

log = structlog.get_logger(__name__)
PAUSE_S = 60.0  # in which nothing is tried of a store that failed
_keeps_from = 0.0  # monotonic seconds
_P = ParamSpec("_P")
_R = TypeVar("_R")


def outlives_its_spans(service: Callable[_P, _R]) -> Callable[_P, _R]:
    """A run goes on where its spans cannot be kept, such as in a month without a partition: ``service``, which is one
    transaction, is then done once more without them, and for a while none are kept at all. They are counted as lost,
    and the page of the run says that they are missing."""

    @wraps(service)
    def outliving(*args: _P.args, **options: _P.kwargs) -> _R:
        try:
            return service(*args, **options)
        except DatabaseError as error:
            if not _is_of_spans(error) or not keeps_spans():
                raise
            _pause()
            return service(*args, **options)

    return outliving


def keeps_spans() -> bool:
    return time.monotonic() >= _keeps_from


def _pause() -> None:
    global _keeps_from
    _keeps_from = time.monotonic() + PAUSE_S
    log.error("spans cannot be kept, runs go on without them", seconds=PAUSE_S)


def _is_of_spans(error: DatabaseError) -> bool:
    return Span._meta.db_table in str(error)


def _kept(spans: list[Span]) -> list[Span]:
    if keeps_spans():
        return spans
    note(SPANS_LOST, len(spans))
    return []


class Tracer:
    """Collects the spans of one attempt at a run. The run's own span has the run's id, so children find it."""

    def __init__(self, run: Run):
        self._run = run
        self._stack: list[uuid.UUID] = [run.pk]
        self._origin = (timezone.now(), time.perf_counter())
        self.spans: list[Span] = []

    @property
    def run_id(self) -> uuid.UUID:
        return self._run.pk

    @contextmanager
    def span(self, name: str, kind: str, **attributes: Any) -> Iterator[Span]:
        """Time the block; an exception marks the span as failed and goes on its way."""
        span = self._new(name, kind, attributes)
        self._stack.append(span.pk)
        begun = time.perf_counter()
        try:
            yield span
        except Exception:
            span.status = Span.Status.ERROR.value
            raise
        finally:
            span.duration_ms = (time.perf_counter() - begun) * 1000
            self._stack.pop()
            self.spans.append(span)

    def waited(self, name: str, since: datetime, **attributes: Any) -> None:
        """A span for time that passed before this attempt began, such as the queue."""
        span = self._new(name, "queue", attributes)
        span.started_at = since
        span.duration_ms = max(0.0, (self._origin[0] - since).total_seconds() * 1000)
        span.status = Span.Status.WAITED.value
        self.spans.append(span)

    def take(self) -> list[Span]:
        """The spans so far, to be stored now and not with the result."""
        spans, self.spans = self.spans, []
        return _kept(spans)

    def finish(self, status: str, **attributes: Any) -> list[Span]:
        """All spans, with the run's own around them; none while they cannot be kept."""
        run = self._run
        root = fresh(
            Span,
            id=run.pk,
            workspace_id=run.workspace_id,
            run_id=run.pk,
            root_run_id=run.parent_id or run.pk,
            parent_id=run.parent_id,
            name=f"run {run.target}",
            kind="run",
            attempt=run.attempt,
            started_at=self._origin[0],
            duration_ms=(time.perf_counter() - self._origin[1]) * 1000,
            status=status,
            attributes=attributes,
        )
        return _kept([root, *self.spans])

    def _new(self, name: str, kind: str, attributes: dict[str, Any]) -> Span:
        run, (moment, tick) = self._run, self._origin
        return fresh(
            Span,
            workspace_id=run.workspace_id,
            run_id=run.pk,
            root_run_id=run.parent_id or run.pk,
            parent_id=self._stack[-1],
            name=name[:160],
            kind=kind,
            attempt=run.attempt,
            started_at=moment + timedelta(seconds=time.perf_counter() - tick),
            duration_ms=0.0,
            attributes=attributes,
        )
