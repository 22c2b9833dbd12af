"""Ending what a connection holds. Its row stays, for what points at it."""

from galaxy.core import audit
from galaxy.core.models import User
from registry.manifests import Manifest
from registry.models import Connection
from registry.services.credentials import destroy_credential, hosts_of


def clear(connection: Connection) -> None:
    """As before anybody connected it, not saved yet. Both generations move, so that no approval fits any more and no
    token on its way is stored."""
    connection.status = Connection.Status.UNAUTHENTICATED
    connection.generation += 1
    connection.token_generation += 1
    connection.account, connection.settings, connection.scopes_granted = "", {}, []
    connection.refreshed_at = connection.expires_at = connection.next_refresh_at = connection.cooldown_until = None
    connection.refresh_failures, connection.last_error, connection.last_error_code = 0, "", ""
    connection.refresh_holder = connection.refresh_lease_until = None


def empty(connection: Connection) -> None:
    """Destroy what it holds, and leave it as before anybody connected it. The row is locked."""
    destroy_credential(connection)
    clear(connection)
    connection.save()


def close(connection: Connection, actor: User) -> None:
    """Empty it, since its installation is removed or signs in otherwise; what somebody is about to connect by the
    version before is not stored either. The row is locked."""
    was_connected = connection.status != Connection.Status.UNAUTHENTICATED
    before = {"status": connection.status, "generation": connection.generation}
    empty(connection)
    if was_connected:
        after = {"status": connection.status, "generation": connection.generation}
        audit.record("connection.closed", actor=actor, target=connection, before=before, after=after)


def proves_itself_otherwise(before: Manifest, after: Manifest, host: str) -> bool:
    """Whether ``after`` signs in otherwise than ``before``, or sends what it proves itself with to other hosts."""
    is_same_way = before.canonical.get("auth") == after.canonical.get("auth")
    return not is_same_way or hosts_of(before, host) != hosts_of(after, host)
