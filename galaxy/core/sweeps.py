"""Sweeps go through every workspace, one matter after the other; what fails with one holds up no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import structlog

from galaxy.core.scope import workspace_scope

log = structlog.get_logger(__name__)


@contextmanager
def apart(sweep: str, workspace_id: UUID, **what: Any) -> Iterator[None]:
    """Run the block within that workspace's scope, as one matter of a sweep of many.

    What it raises is logged with ``what`` names the matter, and goes no further: nothing of a transaction within the
    block stays, so the next sweep finds the matter as it was and tries again.
    """
    with workspace_scope([workspace_id]):
        try:
            yield
        except Exception:
            names = {name: str(value) for name, value in what.items()}
            log.exception("sweep.failed", sweep=sweep, workspace=str(workspace_id), **names)
