"""What people do with connections: register the app, connect, reconnect, test, renew, disconnect.

Each is permitted by ``permissions.why_not_yours``: shared connections are for those who manage connections, one's own
for whoever may run the extension. Tokens are never here: sandboxd answers with what it has sealed.
"""

import base64
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from galaxy.core import audit
from galaxy.core.egress.placeholders import FEWEST_SIGNS, SHORTEST, can_be_scrubbed
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from galaxy.core.vault.envelope import Envelope
from galaxy.core.vault.sealing import sealer
from registry.errors import AlreadyRemoved
from registry.models import AppRegistration, Connection, Installation
from registry.services import verified_manifest
from registry.services.closing import clear, empty
from registry.services.credentials import (
    TOKEN_TYPES,
    app_place,
    auth_of,
    credential_place,
    endpoint_hosts,
    key_for,
    store_credential,
)
from sandbox.connections.exhaustion import exhaust, heal
from sandbox.connections.permissions import SHARED, require_yours
from sandbox.oauth.failures import TokenRefused
from sandbox.outlived import connection_ended
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.connection_orders import (
    BeginOrder,
    ConnectionOrder,
    ExchangeOrder,
    RefreshOrder,
    StoreOrder,
)
from sandbox.services.held import release_held

ENDPOINT_S = 45.0  # for what asks a provider once: its own time, and the way there and back
QUICK_S = 10.0
WAIT_S = 20.0  # of a person, for a token that is being renewed
TOO_PLAIN = f"Enter at least {SHORTEST} characters, of which {FEWEST_SIGNS} differ."
Status = Connection.Status


@sensitive_variables("secret", "envelope")
def register_app(installation: Installation, *, client_id: str, secret: str, actor: User) -> AppRegistration:
    """Enter the app that the vendor knows, or a new secret for it. ``secret`` is empty for an app that has none.

    The same client id with a new secret changes nothing for those who are connected; another client id means another
    app, whose tokens everybody has to get anew. Raises NotGranted, Invalid, Conflict or VaultClosed.
    """
    require(actor, SHARED, installation.workspace)
    fields = {}
    if not client_id.strip():
        fields["client_id"] = "Enter the client id, as the vendor shows it."
    if secret and not can_be_scrubbed(secret):
        fields["client_secret"] = TOO_PLAIN
    if fields:
        raise Invalid("The app cannot be stored like this.", fields)
    manifest = verified_manifest(installation.pin.digest)
    earlier = AppRegistration.objects.filter(workspace=installation.workspace_id, installation=installation).first()
    version = earlier.version + 1 if earlier else 1
    place = app_place(installation, version, endpoint_hosts(manifest))
    envelope = sealer().seal(place, secret) if secret else None  # before any row is locked
    with transaction.atomic():
        Installation.objects.select_for_update().get(pk=installation.pk)
        app = AppRegistration.objects.filter(workspace=installation.workspace_id, installation=installation).first()
        if (app.version if app else 0) != version - 1:
            raise Conflict("Somebody else entered the app a moment ago.", "Reload the page.")
        before = {"client_id": app.client_id, "version": app.version} if app else {}
        app = app or AppRegistration(workspace=installation.workspace, installation=installation)
        app.client_id, app.version, app.hosts = client_id.strip(), version, list(place.hosts)
        app.key = key_for(envelope, installation.workspace_id) if envelope else None
        if envelope and app.key is None:
            raise Conflict("The key of the workspace was rotated at this very moment.", "Enter it once more.")
        app.wrapped_key = envelope.wrapped_key if envelope else None
        app.ciphertext = envelope.ciphertext if envelope else None
        app.entered_by, app.entered_at = actor, timezone.now()
        app.save()
        after = {"client_id": app.client_id, "version": version, "has_secret": bool(envelope)}
        audit.record("installation.app_entered", actor=actor, target=installation, before=before, after=after)
        if before and before["client_id"] != app.client_id:
            _end_with_app(installation)
    _try_those_refused(installation)
    return app


def own_connection(installation: Installation, *, actor: User) -> Connection:
    """The connection to ``actor``'s own account, made where there is none. Raises NotGranted or AlreadyRemoved."""
    connection = Connection(workspace=installation.workspace, installation=installation, owner=actor)
    require_yours(connection, actor)
    if not installation.is_active:
        raise AlreadyRemoved(f"{installation} was removed.")
    with transaction.atomic():
        found, is_new = Connection.objects.get_or_create(
            workspace=installation.workspace,
            installation=installation,
            owner=actor,
            defaults={"name": installation.extension.name},
        )
        if is_new:
            after = {"status": found.status, "owner": str(actor)}
            audit.record("connection.created", actor=actor, target=found, after=after)
    return found


def begin_consent(
    connection: Connection, *, redirect_uri: str, state: str, scopes: list[str], actor: User
) -> dict[str, Any]:
    """{url, sealed}: where to send the browser, and what to come back with.

    Raises NotGranted, or what asking sandboxd raises: Unreachable, Lost or Refused.
    """
    require_yours(connection, actor)
    order = BeginOrder(*_about(connection), redirect_uri, state, scopes)
    return ask("connection.begin", order.as_body(), seconds=QUICK_S)


@sensitive_variables("code", "got")
def finish_consent(
    connection: Connection,
    *,
    code: str,
    sealed: dict[str, str],
    redirect_uri: str,
    host: str,
    scopes: list[str],
    actor: User,
) -> Connection:
    """Exchange the code, and store what comes. Raises NotGranted, Conflict, or as ``begin_consent``."""
    require_yours(connection, actor)
    order = ExchangeOrder(*_about(connection), redirect_uri, code, sealed, host)
    got = ask("connection.exchange", order.as_body(), seconds=ENDPOINT_S)
    return _store(connection, got, actor, scopes=scopes)


@sensitive_variables("values", "got")
def connect_with(
    connection: Connection,
    *,
    values: dict[str, str],
    settings: dict[str, str],
    host: str,
    account: str,
    actor: User,
) -> Connection:
    """Connect with what was typed in: ``values`` are secret, ``settings`` are not. Raises as ``finish_consent``."""
    require_yours(connection, actor)
    auth = auth_of(verified_manifest(connection.installation.pin.digest))
    scopes = auth.get("scopes", []) if auth["type"] in TOKEN_TYPES else []  # what a key may do is not known
    order = StoreOrder(*_about(connection), values, settings, host)
    got = ask("connection.store", order.as_body(), seconds=ENDPOINT_S)
    return _store(connection, got, actor, scopes=scopes, account=account)


@transaction.atomic
def connect_openly(connection: Connection, *, host: str, actor: User) -> Connection:
    """Let it go live where the vendor asks for no account. Raises NotGranted."""
    require_yours(connection, actor)
    row = _locked(connection)
    before = _facts(row)
    row.status, row.generation, row.host = Status.AUTHENTICATED, row.generation + 1, host
    row.connected_by, row.connected_at = actor, timezone.now()
    row.save(update_fields=["status", "generation", "host", "connected_by", "connected_at"])
    audit.record("connection.connected", actor=actor, target=row, before=before, after=_facts(row))
    return row


def disconnect(connection: Connection, *, actor: User) -> tuple[Connection, str]:
    """End it: revoked at the provider where that works, and destroyed here in any case.

    Returns the connection and a sentence on what the provider said. Raises NotGranted.
    """
    require_yours(connection, actor)
    revoked, said = False, ""
    if hasattr(connection, "credential"):
        try:
            answer = ask("connection.revoke", ConnectionOrder(*_about(connection)).as_body(), seconds=ENDPOINT_S)
            revoked, said = answer["revoked"], answer["sentence"]
        except DomainError as error:
            said = str(error)
    with transaction.atomic():
        row = _locked(connection)
        _end(row, actor, because=f"{actor} disconnected it.", revoked=revoked, said=said)
    return row, said


def end_own_connections(user: User, workspace: Workspace, *, actor: User) -> int:
    """Destroy what the connections of ``user`` hold, since they are a member no more; returns how many held something.

    Nobody is asked at the vendors: nobody is left here to act for that account.
    """
    ended = 0
    own = Connection.objects.in_workspace(workspace).filter(owner=user).exclude(status=Status.UNAUTHENTICATED)
    for pk in own.values_list("pk", flat=True):
        with transaction.atomic():
            _end(_row(workspace.pk, pk), actor, because=f"{user} is no member any more.")
            ended += 1
    return ended


def renew_now(connection: Connection, *, actor: User) -> str:
    """Ask for a new token at once, though it failed a moment ago: renewed, or under_way.

    Raises as ``begin_consent``.
    """
    require_yours(connection, actor)
    return ask_for_renewal(connection, force=True, seconds=WAIT_S)


def test_connection(connection: Connection, *, actor: User) -> tuple[bool, str]:
    """(whether it works, what came of it) of one read that changes nothing; audited. Raises as ``begin_consent``."""
    require_yours(connection, actor)
    answer = ask("connection.test", ConnectionOrder(*_about(connection)).as_body(), seconds=ENDPOINT_S)
    with transaction.atomic():
        after = {"passed": answer["passed"], "answer": answer["sentence"]}
        audit.record("connection.tested", actor=actor, target=connection, after=after)
    return answer["passed"], answer["sentence"]


def ask_for_renewal(connection: Connection, *, force: bool, seconds: float) -> str:
    """The state that sandboxd answers: renewed or under_way. Raises Unreachable, Lost or Refused."""
    order = RefreshOrder(*_about(connection), force, seconds)
    return ask("connection.refresh", order.as_body(), seconds=seconds + QUICK_S)["state"]


def _about(connection: Connection) -> tuple[UUID, UUID, str]:
    return connection.workspace_id, connection.pk, connection.installation.pin.digest


@sensitive_variables("got", "envelope")
def _store(
    connection: Connection, got: dict[str, Any], actor: User, *, scopes: list[str], account: str = ""
) -> Connection:
    """Store what sandboxd got, as the same connection: what points at it stays, and what waits for it goes on."""
    envelope = Envelope(UUID(got["key_id"]), *(base64.b64decode(got[name]) for name in ("wrapped_key", "ciphertext")))
    with transaction.atomic():
        row = _locked(connection)
        if row.token_generation != got["generation"] - 1:
            raise Conflict("Its token changed at this very moment.", "Connect once more.")
        before, is_again = _facts(row), row.connected_at is not None
        place = credential_place(row, got["generation"], got["hosts"])
        if not store_credential(row, place, envelope):
            raise Conflict("The key of the workspace was rotated at this very moment.", "Connect once more.")
        clear(row)
        row.status, row.token_generation = Status.AUTHENTICATED, got["generation"]
        row.host, row.settings, row.account = got["host"], got["settings"], account or got["account"]
        row.scopes_granted = got["scopes"] or scopes
        row.connected_by, row.connected_at = actor, timezone.now()
        for name in ("refreshed_at", "expires_at", "next_refresh_at"):
            setattr(row, name, datetime.fromisoformat(got[name]) if got[name] else None)
        row.save()
        word = "reconnected" if is_again else "connected"
        audit.record(f"connection.{word}", actor=actor, target=row, before=before, after=_facts(row))
        heal(row, because=f"{actor} reconnected it.")
        release_held(row)
    return row


def _locked(connection: Connection) -> Connection:
    """Raises AlreadyRemoved where the installation is gone."""
    row = _row(connection.workspace_id, connection.pk)
    if not row.installation.is_active:
        raise AlreadyRemoved(f"{row.installation} was removed.")
    return row


def _row(workspace_id: UUID, pk: UUID) -> Connection:
    """Locked until the transaction ends."""
    rows = Connection.objects.select_related("workspace", "installation__extension", "owner")
    return rows.select_for_update(of=("self",)).get(workspace=workspace_id, pk=pk)


def _end(row: Connection, actor: User, *, because: str, revoked: bool = False, said: str = "") -> None:
    """Destroy what it holds. What waits for it is let go, to be told one by one that what it would reach is gone."""
    before = _facts(row)
    empty(row)
    after = _facts(row) | {"revoked": revoked, "provider": said}
    audit.record("connection.disconnected", actor=actor, target=row, before=before, after=after, reason=because)
    connection_ended(row, because=because)
    release_held(row)


def _facts(row: Connection) -> dict[str, Any]:
    facts = {"status": row.status, "generation": row.generation, "account": row.account, "host": row.host}
    return facts | {"scopes": row.scopes_granted}


def _end_with_app(installation: Installation) -> None:
    """Refresh tokens belong to the app that got them."""
    rows = Connection.objects.select_related("workspace", "installation__extension", "owner").filter(
        workspace=installation.workspace_id, installation=installation, status=Status.AUTHENTICATED
    )
    for row in rows.select_for_update(of=("self",)):
        exhaust(row, TokenRefused("grant_refused", "It was connected through another app than the one entered now."))


def _try_those_refused(installation: Installation) -> None:
    """Connections that stopped over the app's old secret get a token with the new one, without anybody signing in."""
    rows = Connection.objects.select_related("installation__pin").filter(
        workspace=installation.workspace_id,
        installation=installation,
        last_error_code__in=["client_refused", "app_missing"],
    )
    for row in rows:
        try:
            ask_for_renewal(row, force=True, seconds=0.0)
        except DomainError:
            continue  # its page says what the provider answered
