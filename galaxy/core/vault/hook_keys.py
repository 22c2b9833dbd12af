"""Keys that webhooks are signed with, theirs and ours: sealed for one place, one row for each number, some in force.

Whatever signs has a table of its own with the columns workspace, number, key, wrapped_key, ciphertext, created_at and
ends_at, and a foreign key to what it signs for. Its owner names the place of a key (``envelope.Place``) and registers
the table, so that it is wrapped anew with the workspace's next key (galaxy.core.vault.tables).
"""

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Model, Q, QuerySet
from django.views.decorators.debug import sensitive_variables

from galaxy.core.errors import Conflict
from galaxy.core.models import WorkspaceKey
from galaxy.core.vault.envelope import Envelope, Place
from galaxy.core.vault.sealing import sealer

Row = TypeVar("Row", bound=Model)


def next_number(rows: QuerySet[Any]) -> int:
    """The number of the key after those of ``rows``, which are all of one signer."""
    return (rows.aggregate(n=Max("number"))["n"] or 0) + 1


@sensitive_variables("value")
def seal_key(place: Place, value: str) -> Envelope:
    """``value`` sealed for ``place``; nothing is stored yet. Raises VaultClosed."""
    return sealer().seal(place, value)


def store_key(model: type[Row], sealed: Envelope, *, workspace_id: UUID, **columns: Any) -> Row:
    """A row of ``model`` for a sealed key, in the caller's transaction; ``columns`` are its number and whose it is.

    Raises Conflict where the workspace's key was rotated since it was sealed, and IntegrityError for a number that is
    taken, after which the transaction can go on.
    """
    key = WorkspaceKey.objects.select_for_update().get(workspace=workspace_id, pk=sealed.key_id)
    if key.wrapped is None:
        raise Conflict("The workspace's key was rotated a moment ago.", "Send it once more.")
    with transaction.atomic():
        return model._default_manager.create(
            workspace_id=workspace_id,
            key=key,
            wrapped_key=sealed.wrapped_key,
            ciphertext=sealed.ciphertext,
            **columns,
        )


def in_force(rows: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """Those of ``rows`` that sign at ``now``."""
    return rows.filter(Q(ends_at=None) | Q(ends_at__gt=now))
