"""How an installed extension is found for whoever reads news about it."""

from collections.abc import Iterable
from uuid import UUID

from galaxy.core.models import User, Workspace
from galaxy.core.notifications import Place, add_target
from registry.models import Installation


def connect() -> None:
    """Register once, when the app is ready."""
    add_target("registry.installation", _installations)


def _installations(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    rows = Installation.objects.in_workspace(workspace).active().visible_to(user).filter(pk__in=ids)
    return {
        row.pk: Place(str(row.extension), row.get_absolute_url())
        for row in rows.select_related("workspace", "extension")
    }
