"""Tokens renewed ahead of their end, without anybody waiting for them. Beat asks; sandboxd does it."""

from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection as database
from django.utils import timezone

from galaxy.core.errors import DomainError
from registry.models import Connection
from sandbox.connections.services import ask_for_renewal

log = structlog.get_logger(__name__)
WAIT_S = 5.0  # for what a provider usually takes; a slower one is answered in sandboxd, with nobody waiting here


def due_connections(now: datetime | None = None, *, at_most: int = 200) -> list[tuple[UUID, UUID]]:
    """(workspace, connection) of those whose next refresh has come, in any workspace, the longest due first.

    Those that cool down after a failure, those that somebody refreshes right now, and people's own once they are no
    members any more or cannot sign in, are left out.
    """
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, connection_id FROM registry_due_connections(%s, %s)",
            [now or timezone.now(), at_most],
        )
        return cursor.fetchall()


def renew_ahead(pk: UUID) -> str:
    """What came of renewing one: renewed, under_way, failed, or not_due where somebody was quicker. In its scope."""
    rows = Connection.objects.select_related("installation__pin").filter(pk=pk, installation__removed_at=None)
    rows = rows.filter(status=Connection.Status.AUTHENTICATED, next_refresh_at__lte=timezone.now())
    row = rows.first()
    if row is None:
        return "not_due"
    try:
        return ask_for_renewal(row, force=False, seconds=WAIT_S)
    except DomainError as error:  # it stands on the connection, with the time of the next try
        log.warning("token not renewed", connection=str(pk), reason=error.code)
        return "failed"
