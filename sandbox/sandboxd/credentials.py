"""The credentials of a connection for one request, as headers and parameters, sent as secrets are. In sandboxd."""

import base64
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from galaxy.core.scope import workspace_scope
from registry.manifests import Manifest
from registry.models import Connection, ConnectionCredential
from registry.services.credentials import TOKEN_TYPES, api_host, auth_of
from sandbox.errors import HELD
from sandbox.oauth.failures import TokenRefused
from sandbox.sandboxd.bundles import Opened, open_bundle
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.refreshing import refuse_while_down, renew
from sandbox.sandboxd.schedule import margin
from sandbox.sandboxd.token_endpoint import can_renew

NOT_CONNECTED, CHANGED = "not_connected", "connection_changed"


class NotAuthorised(Exception):
    """There is nothing to send. ``category`` is one of a run's; the message is a sentence without any value."""

    def __init__(self, code: str, category: str, sentence: str, next_step: str):
        super().__init__(sentence)
        self.code, self.category, self.sentence, self.next_step = code, category, sentence, next_step


@dataclass(frozen=True)
class Authorised:
    """What a request carries. ``headers`` maps a name to what stands before the secret, and the secret; ``query`` maps
    a parameter to it. ``values`` are all texts that must show nowhere; ``host`` is the one host they may be sent to."""

    headers: dict[str, tuple[str, str]] = field(repr=False)
    query: dict[str, str] = field(repr=False)
    values: tuple[str, ...] = field(repr=False)
    host: str
    token_generation: int


def authorised(
    connection: Connection,
    manifest: Manifest,
    *,
    seconds: float,
    ways: Ways,
    sealed: ConnectionCredential | None = None,
) -> Authorised:
    """What ``connection`` sends along now, renewed first where its token is about to end; within ``seconds``.

    ``connection`` is as it was when the call was let through: another account that was connected since gets nothing of
    it. ``sealed`` is its credential where that was read together with it a moment ago. No connection to the database is
    held while a provider answers. Raises NotAuthorised.
    """
    auth = auth_of(manifest)
    with workspace_scope([connection.workspace_id]):
        try:
            found = open_bundle(connection.workspace_id, connection.pk, manifest, sealed=sealed)
            _require_same(found.connection, connection)
            if auth["type"] in TOKEN_TYPES:
                found = _with_live_token(found, manifest, seconds=seconds, ways=ways)
                _require_same(found.connection, connection)
        except TokenRefused as problem:
            raise _not_authorised(connection, problem) from None
    return _authorised(found, manifest)


def renewed(
    connection: Connection, manifest: Manifest, *, seen_generation: int, seconds: float, ways: Ways
) -> Authorised | None:
    """After a 401 to a request that was sent with ``seen_generation``: what to send instead, asked for once.

    None where nothing can be renewed without a person. Raises NotAuthorised.
    """
    with workspace_scope([connection.workspace_id]):
        try:
            found = open_bundle(connection.workspace_id, connection.pk, manifest)
            _require_same(found.connection, connection)
            if found.generation == seen_generation:
                if auth_of(manifest)["type"] not in TOKEN_TYPES or not can_renew(manifest, found.bundle):
                    return None
                found = renew(found, manifest, ways=ways, seconds=seconds)
                _require_same(found.connection, connection)
        except TokenRefused as problem:
            raise _not_authorised(connection, problem) from None
    return _authorised(found, manifest)


def require_generation(connection: Connection, generation: int) -> None:
    """What is connected is what a call was let through for. Raises NotAuthorised."""
    if connection.generation != generation:
        sentence = "It was connected anew after this call was let through, so nothing more was sent."
        step = "Run it again; it then goes out by what is connected now."
        raise NotAuthorised(CHANGED, "policy_block", sentence, step)


def _require_same(connection: Connection, seen: Connection) -> None:
    """What is connected now is what was ``seen``, and gives tokens. Raises NotAuthorised or TokenRefused."""
    if connection.status == Connection.Status.UNAUTHENTICATED:
        raise NotAuthorised(
            NOT_CONNECTED, "auth_error", "It is not connected to an account any more.", "Connect it, then run it again."
        )
    require_generation(connection, seen.generation)
    if connection.status == Connection.Status.EXHAUSTED:
        refuse_while_down(connection, timezone.now())


def _with_live_token(found: Opened, manifest: Manifest, *, seconds: float, ways: Ways) -> Opened:
    """``found``, or the connection with a token that is not about to end. One in hand is used up to its last moment
    where the provider gives no other."""
    row, now = found.connection, timezone.now()
    ends = row.expires_at
    has_token = bool(found.bundle.get("access_token"))
    spare = margin(row.refreshed_at, ends) if ends and can_renew(manifest, found.bundle) else timedelta(0)
    if has_token and (ends is None or ends - spare > now):
        return found
    try:
        return renew(found, manifest, ways=ways, seconds=seconds)
    except TokenRefused as problem:
        if has_token and ends and ends > timezone.now() and not problem.is_final:
            return found
        raise


def _not_authorised(connection: Connection, problem: TokenRefused) -> NotAuthorised:
    """An exhausted connection holds its runs, whatever it was that exhausted it."""
    is_exhausted = Connection.objects.filter(
        workspace=connection.workspace_id, pk=connection.pk, status=Connection.Status.EXHAUSTED
    ).exists()
    if is_exhausted:
        return NotAuthorised(HELD, "auth_error", str(problem), problem.next_step)
    return NotAuthorised(problem.code, problem.category, str(problem), problem.next_step)


@sensitive_variables()
def _authorised(found: Opened, manifest: Manifest) -> Authorised:
    auth, bundle, connection = auth_of(manifest), found.bundle, found.connection
    headers: dict[str, tuple[str, str]] = {}
    query: dict[str, str] = {}
    values: tuple[str, ...] = ()
    match auth["type"]:
        case "oauth2" | "jwt_bearer":
            headers, values = {"Authorization": ("Bearer ", bundle["access_token"])}, (bundle["access_token"],)
        case "bearer":
            headers, values = {"Authorization": ("Bearer ", bundle["token"])}, (bundle["token"],)
        case "basic":
            pair = f"{connection.settings.get('username', '')}:{bundle['password']}"
            coded = base64.b64encode(pair.encode()).decode()
            headers, values = {"Authorization": ("Basic ", coded)}, (coded, bundle["password"])
        case "api_key":
            key, name = bundle["api_key"], auth.get("name", "X-API-Key")
            if auth.get("in") == "query":
                query = {name: key}
            else:
                headers = {name: (f"{auth['prefix']} " if auth.get("prefix") else "", key)}
            values = (key,)
    return Authorised(headers, query, values, api_host(manifest, connection.host), found.generation)
