"""Connections and what they prove themselves with: whose is used, for which hosts, and how its rows are sealed.

Nothing here opens anything. A bundle is one JSON object, sealed as a whole; an app's secret is sealed by itself.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from galaxy.core.db.prepared import prepared
from galaxy.core.egress.rules import CONNECTION_HOST
from galaxy.core.egress.urls import is_host
from galaxy.core.models import User, WorkspaceKey
from galaxy.core.vault.envelope import Envelope, Place
from registry.manifests import Manifest
from registry.models import AppRegistration, Connection, ConnectionCredential, Installation

ENDPOINTS = ("token_url", "revoke_url")
TOKEN_TYPES = ("oauth2", "jwt_bearer")  # those that ask an endpoint for tokens


def connection_for(installation: Installation, user: User) -> Connection | None:
    """The connection by which ``user`` goes out: their own, else the shared one; None where there is neither.

    Their own counts from when they first connected it.
    """
    return _outgoing.one(workspace=installation.workspace_id, installation=installation.pk, user=user.pk)


@prepared
def _outgoing(workspace: UUID, installation: UUID, user: UUID) -> QuerySet[Connection]:
    mine = Q(owner=user) & ~Q(status=Connection.Status.UNAUTHENTICATED)
    rows = Connection.objects.filter(workspace=workspace, installation=installation).filter(mine | Q(owner=None))
    return rows.select_related("owner").order_by(F("owner").asc(nulls_last=True))[:1]


def auth_of(manifest: Manifest) -> dict:
    """How it authenticates, with ``type`` none where it says nothing."""
    return {"type": "none"} | manifest.canonical.get("auth", {})


def needs_app(manifest: Manifest) -> bool:
    """Whether people sign in through an app that the vendor knows: OAuth 2 with a consent screen."""
    auth = auth_of(manifest)
    return auth["type"] == "oauth2" and auth.get("grant", "authorization_code") == "authorization_code"


def host_suffix(manifest: Manifest) -> str:
    """The domain below which the connection's own host lies; empty where the manifest has fixed hosts only."""
    entries = manifest.canonical.get("egress", ())
    return next((entry["suffix"].removeprefix(".") for entry in entries if entry["host"] == CONNECTION_HOST), "")


def fitting_host(manifest: Manifest, text: str) -> str:
    """What somebody typed for {connection.host}, as a bare host; empty for nothing. Raises ValueError."""
    host = text.strip().lower()
    host = (urlsplit(host).hostname or "") if "://" in host else host.partition("/")[0]
    suffix = host_suffix(manifest)
    if host and not (is_host(host) and host.endswith(f".{suffix}")):
        raise ValueError(f"The host lies below {suffix}, such as acme.{suffix}.")
    return host


def api_host(manifest: Manifest, host: str) -> str:
    """The host of its base_url, with ``host`` for {connection.host}; empty where it has none."""
    return _host_in(manifest.canonical.get("base_url", ""), host)


def hosts_of(manifest: Manifest, host: str) -> list[str]:
    """Every host that a connection's credential may be sent to: the API's, those of fallbacks, and of its endpoints."""
    fallbacks = (other for action in manifest.actions.values() for other in action.raw.get("fallbacks", ()))
    bases = (_host_in(other.get("base_url", ""), host) for other in fallbacks)
    return sorted({found for found in (api_host(manifest, host), *bases, *endpoint_hosts(manifest)) if found})


def _host_in(base_url: str, host: str) -> str:
    return (urlsplit(base_url.replace(CONNECTION_HOST, host or "-")).hostname or "").removeprefix("-")


def endpoint_hosts(manifest: Manifest) -> list[str]:
    """The hosts of the endpoints that give and revoke tokens."""
    auth = auth_of(manifest)
    return sorted({urlsplit(auth[name]).hostname or "" for name in ENDPOINTS if auth.get(name)})


def credential_place(connection: Connection, generation: int, hosts: Iterable[str]) -> Place:
    """What is authenticated with a bundle."""
    return _place(connection.workspace_id, connection.pk, generation, hosts)


def place_of_credential(row: ConnectionCredential) -> Place:
    """Where a bundle stands now; what it was sealed for must be the same."""
    return _place(row.workspace_id, row.connection_id, row.generation, row.hosts)


def _place(workspace: UUID, connection: UUID, generation: int, hosts: Iterable[str]) -> Place:
    # The name is one that no secret of the vault can have.
    return Place(workspace, connection, "connection credential", generation, tuple(hosts), ("header", "body"))


def app_place(installation: Installation, version: int, hosts: Iterable[str]) -> Place:
    return Place(installation.workspace_id, installation.pk, "app registration", version, tuple(hosts), ("body",))


def place_of_app(row: AppRegistration) -> Place:
    return Place(row.workspace_id, row.installation_id, "app registration", row.version, tuple(row.hosts), ("body",))


def key_for(envelope: Envelope, workspace_id: UUID) -> WorkspaceKey | None:
    """The key of an envelope, locked so that no re-wrapping destroys it before it sees the row; None where that
    happened already."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("An envelope is stored in the transaction that locks its key.")
    key = WorkspaceKey.objects.select_for_update().get(workspace=workspace_id, pk=envelope.key_id)
    return key if key.wrapped is not None else None


def store_credential(connection: Connection, place: Place, envelope: Envelope) -> bool:
    """Put a bundle in the place of the one before; the caller has moved the row's token_generation to its version.

    False where its key was destroyed since it was sealed: then seal once more.
    """
    key = key_for(envelope, connection.workspace_id)
    if key is None:
        return False
    ConnectionCredential.objects.update_or_create(
        workspace=connection.workspace,
        connection=connection,
        defaults={
            "generation": place.version,
            "hosts": list(place.hosts),
            "key": key,
            "wrapped_key": envelope.wrapped_key,
            "ciphertext": envelope.ciphertext,
        },
    )
    return True


def destroy_credential(connection: Connection) -> bool:
    """Delete the bundle and its data key; True where there was one."""
    deleted, _ = ConnectionCredential.objects.filter(workspace=connection.workspace_id, connection=connection).delete()
    return bool(deleted)
