"""Tables that hold envelopes, so that rotating a workspace's key reaches every one of them.

The vault knows its own; a floor above that seals values in rows of its own registers them when its app is ready.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from galaxy.core.models import SecretVersion, Workspace
from galaxy.core.vault.envelope import Place
from galaxy.core.vault.sealing import place_of


@dataclass(frozen=True)
class EnvelopeTable:
    """Rows with ``workspace``, ``key`` and ``wrapped_key`` (NULL: destroyed); ``place_of`` says where one stands.

    ``related`` is what ``place_of`` reads beside the row.
    """

    model: Any
    place_of: Callable[[Any], Place]
    related: tuple[str, ...] = ()

    def rows(self, workspace: Workspace) -> QuerySet:
        """Those of ``workspace`` whose data key still exists."""
        return self.model.objects.in_workspace(workspace).filter(wrapped_key__isnull=False)


_tables = [EnvelopeTable(SecretVersion, place_of, ("secret",))]


def register(table: EnvelopeTable) -> None:
    """Once for each model, at start-up."""
    if all(known.model is not table.model for known in _tables):
        _tables.append(table)


def tables() -> tuple[EnvelopeTable, ...]:
    return tuple(_tables)
