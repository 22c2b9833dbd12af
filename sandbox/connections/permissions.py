"""Who may do what with a connection: one's own is one's own, the workspace's is for those who manage connections."""

from galaxy.core.models import User
from galaxy.core.permissions import Denied, NotGranted, why_not
from registry.models import Connection

SHARED, OWN = "core.manage_connection", "registry.run_installation"


def why_not_yours(connection: Connection, user: User) -> Denied | None:
    """None where ``user`` may connect, test and end it; else what is missing. Read with ``owner``.

    Nobody signs in for somebody else, so another person's own one is not even for those who manage connections.
    """
    if connection.owner_id is None:
        return why_not(user, SHARED, connection.workspace)
    if connection.owner_id == user.pk:
        return why_not(user, OWN, connection.installation)
    return Denied(permission=OWN, label="Connect an account of one's own", who=str(connection.owner))


def has_page_for(connection: Connection, user: User) -> bool:
    """Whether ``user`` finds the page of ``connection``."""
    rows = Connection.objects.in_workspace(connection.workspace_id).visible_to(user)
    return rows.filter(pk=connection.pk, installation__removed_at=None).exists()


def require_yours(connection: Connection, user: User) -> None:
    """Raises NotGranted."""
    if denied := why_not_yours(connection, user):
        raise NotGranted(denied)
