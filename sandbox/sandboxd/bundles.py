"""What connections prove themselves with, opened and sealed; only in sandboxd, and never part of an answer."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.views.decorators.debug import sensitive_variables

from galaxy.core.db.prepared import prepared
from galaxy.core.vault.envelope import Envelope, Place
from galaxy.core.vault.errors import CannotOpen, KeyDestroyed, VaultClosed
from galaxy.core.vault.keys import newest_key, unwrapped
from galaxy.core.vault.opening import open_envelope
from galaxy.core.vault.sealing import seal_under
from registry.manifests import Manifest
from registry.models import AppRegistration, Connection, ConnectionCredential
from registry.services.credentials import (
    auth_of,
    credential_place,
    endpoint_hosts,
    hosts_of,
    place_of_app,
    place_of_credential,
)
from sandbox.oauth.failures import TokenRefused
from sandbox.oauth.requests import App
from sandbox.sandboxd.under_way import briefly

_MOVED = "This version would send the credential to {hosts}, for which it was not given."


@dataclass(frozen=True)
class Opened:
    """A connection as it was read, with its bundle: {access_token, refresh_token, api_key, password, ...}, and the
    hosts it was given for."""

    connection: Connection
    bundle: dict[str, str] = field(repr=False)
    hosts: tuple[str, ...] = ()

    @property
    def generation(self) -> int:
        return self.connection.token_generation


def open_bundle(workspace: UUID, pk: UUID, manifest: Manifest, *, sealed: ConnectionCredential | None = None) -> Opened:
    """The connection and its bundle as they are now, or as ``sealed`` has them. The workspace must be in scope.

    Raises TokenRefused where it does not open, or was sealed for other hosts than ``manifest`` sends it to.
    """
    with briefly():
        row = sealed or _credential.one(workspace=workspace, connection=pk)
        rows = Connection.objects.select_related("workspace", "installation")
        connection = row.connection if row else rows.get(workspace=workspace, pk=pk)
        if row is None:
            if auth_of(manifest)["type"] == "none" or connection.status == Connection.Status.UNAUTHENTICATED:
                return Opened(connection, {})
            raise TokenRefused("credential_sealed", "It holds no credential.")
        strange = set(hosts_of(manifest, connection.host)) - set(row.hosts)
        if strange:
            raise TokenRefused("credential_sealed", _MOVED.format(hosts=", ".join(sorted(strange))))
        if row.generation != connection.token_generation:
            raise TokenRefused("credential_sealed", "The stored credential is of another time.")
        text = _open(row, place_of_credential(row))
    return Opened(connection, json.loads(text), tuple(row.hosts))


@prepared
def _credential(workspace: UUID, connection: UUID) -> QuerySet[ConnectionCredential]:
    rows = ConnectionCredential.objects.filter(workspace=workspace, connection=connection)
    return rows.select_related("key", "connection__workspace", "connection__installation").order_by()


def open_app(installation: UUID, workspace: UUID, manifest: Manifest) -> App:
    """The app that an installation signs in through. Raises TokenRefused where none was entered or it does not open."""
    with briefly():
        row = AppRegistration.objects.filter(workspace=workspace, installation=installation).select_related("key")
        found = row.first()
        if found is None:
            raise TokenRefused("app_missing", "No app is registered for this installation.")
        if not found.has_secret:
            return App(found.client_id)
        strange = set(endpoint_hosts(manifest)) - set(found.hosts)
        if strange:
            raise TokenRefused("app_missing", _MOVED.format(hosts=", ".join(sorted(strange))))
        return App(found.client_id, _open(found, place_of_app(found)))


@sensitive_variables("bundle", "text")
def seal_bundle(
    connection: Connection, bundle: dict[str, Any], *, generation: int, hosts: Iterable[str]
) -> tuple[Place, Envelope]:
    """``bundle`` sealed for the connection at its next ``generation``, to go to ``hosts``. The workspace must be in
    scope. Raises VaultClosed or KeyDestroyed.
    """
    place = credential_place(connection, generation, hosts)
    text = json.dumps({name: value for name, value in bundle.items() if value}, separators=(",", ":"))
    key = newest_key(connection.workspace_id)
    return place, seal_under(key.pk, key.version, unwrapped(key), place, text)


def _open(row: ConnectionCredential | AppRegistration, place: Place) -> str:
    try:
        try:
            return open_envelope(row.key, place, row.wrapped_key, row.ciphertext)
        except KeyDestroyed:  # re-wrapped between our reading of the two rows
            row = type(row).objects.select_related("key").get(pk=row.pk)
            return open_envelope(row.key, place, row.wrapped_key, row.ciphertext)
    except CannotOpen as error:
        raise TokenRefused("credential_sealed", str(error)) from None
    except VaultClosed as error:
        raise TokenRefused("vault_closed", str(error)) from None
