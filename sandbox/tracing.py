"""Spans of one run, gathered in memory and stored with its result. Names and numbers only, never values."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from galaxy.core.db.instances import fresh
from sandbox.models import Run, Span


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
        return spans

    def finish(self, status: str, **attributes: Any) -> list[Span]:
        """All spans, with the run's own around them."""
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
        return [root, *self.spans]

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
