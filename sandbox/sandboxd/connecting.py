"""The operations on connections: beginning at a consent screen, coming back, storing, renewing, revoking, testing.

What is got is answered sealed, with the facts beside it; whoever asked stores both in one transaction (``Got``).
"""

import base64
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from galaxy.core.egress import Broker, HostRule, Limits
from galaxy.core.egress.exchanges import body_of
from galaxy.core.egress.placeholders import can_be_scrubbed
from galaxy.core.egress.rules import parse
from galaxy.core.egress.scrubbing import Scrubber
from galaxy.core.errors import DomainError
from galaxy.core.models import WorkspaceKey
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.envelope import Place
from galaxy.core.vault.errors import CannotOpen
from galaxy.core.vault.opening import open_envelope
from galaxy.core.vault.sealing import LocalSealer
from registry.manifests import ActionSpec, Manifest
from registry.manifests.functions import EvaluationFailed, evaluate
from registry.models import Connection
from registry.services import verified_manifest
from registry.services.credentials import auth_of, fitting_host, host_suffix, hosts_of, needs_app
from sandbox import rest
from sandbox.oauth.answers import Tokens, refusal_in
from sandbox.oauth.failures import TokenRefused
from sandbox.oauth.requests import App, code_request, consent_url, new_verifier, revocation_request
from sandbox.retry import category_of
from sandbox.sandboxd.bundles import Opened, open_app, open_bundle, seal_bundle
from sandbox.sandboxd.connection_orders import (
    BeginOrder,
    ConnectionOrder,
    ExchangeOrder,
    RefreshOrder,
    StoreOrder,
)
from sandbox.sandboxd.credentials import Authorised, NotAuthorised, authorised
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.orders import BadOrder
from sandbox.sandboxd.refreshing import renew
from sandbox.sandboxd.rest_calls import Lent, request_of
from sandbox.sandboxd.schedule import next_refresh
from sandbox.sandboxd.sentences import sentence_of
from sandbox.sandboxd.token_endpoint import (
    REQUEST_S,
    ask_endpoint,
    can_renew,
    renewal_request,
    tokens_by,
)
from sandbox.sandboxd.under_way import briefly

ANSWER_S = 15.0  # for revoking and testing, where a person waits
ACCOUNT = "email || preferred_username || name"  # how the account is called, where the manifest does not say


class NotConnected(DomainError):
    """No token came, or what was typed in cannot be one; nothing was stored."""

    status = 422
    next_step = "Open the connection and begin again."

    def __init__(self, problem: TokenRefused):
        super().__init__(str(problem), problem.next_step)
        self.code = problem.code  # type: ignore[misc]  # the class says what is common, the instance what happened


def _begin(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
    """{url, sealed}: the consent screen's address, and the verifier that the code will be exchanged with."""
    order = BeginOrder.from_body(body)
    with workspace_scope([order.workspace]):
        connection, manifest = _about(order)
        app = open_app(connection.installation_id, order.workspace, manifest)
        verifier = new_verifier()
        url = consent_url(
            auth_of(manifest),
            app,
            redirect_uri=order.redirect_uri,
            state=order.state,
            verifier=verifier,
            scopes=order.scopes,
        )
        with briefly():
            envelope = LocalSealer().seal(_verifier_place(connection), verifier)
    coded = {"wrapped_key": envelope.wrapped_key, "ciphertext": envelope.ciphertext}
    sealed = {name: base64.b64encode(value).decode() for name, value in coded.items()}
    return {"url": url, "sealed": sealed | {"key_id": str(envelope.key_id)}}


@sensitive_variables()
def _exchange(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
    order = ExchangeOrder.from_body(body)
    with workspace_scope([order.workspace]):
        connection, manifest = _about(order)
        app = open_app(connection.installation_id, order.workspace, manifest)
        request = code_request(
            auth_of(manifest),
            app,
            code=order.code,
            redirect_uri=order.redirect_uri,
            verifier=_open_verifier(connection, order.sealed),
        )
        begun = timezone.now()
        tokens = tokens_by(request, manifest, order.host, ways, REQUEST_S)
        host = _host_of(manifest, order.host, tokens)
        return _got(connection, manifest, {}, tokens, begun, host, dict(connection.settings))


@sensitive_variables()
def _store(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
    order = StoreOrder.from_body(body)
    with workspace_scope([order.workspace]):
        connection, manifest = _about(order)
        connection.settings = dict(order.settings)
        for value in order.values.values():
            if not can_be_scrubbed(value):
                sentence = "This is too short or too plain to be a credential that could be kept out of logs."
                raise TokenRefused("token_refused", sentence)
        begun, tokens = timezone.now(), None
        if auth_of(manifest)["type"] in ("oauth2", "jwt_bearer"):
            request = renewal_request(connection, manifest, order.values, None, begun)
            tokens = tokens_by(request, manifest, order.host, ways, REQUEST_S)
        return _got(connection, manifest, order.values, tokens, begun, order.host, connection.settings)


def _refresh(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
    """{state}: renewed, or under_way where it takes longer than the order waits."""
    order = RefreshOrder.from_body(body)
    with workspace_scope([order.workspace]):
        _, manifest = _about(order)
        found = open_bundle(order.workspace, order.connection, manifest)
        if found.connection.status == Connection.Status.UNAUTHENTICATED:
            raise TokenRefused("token_refused", "It is not connected, so there is nothing to renew.")
        try:
            renew(found, manifest, ways=ways, seconds=order.seconds, force=order.force)
        except TokenRefused as problem:
            if problem.code == "refresh_slow":
                return {"state": "under_way"}
            raise
    return {"state": "renewed"}


@sensitive_variables()
def _revoke(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
    """{revoked, sentence}: whether the provider ended the tokens. Never raises for what the provider says."""
    order = ConnectionOrder.from_body(body)
    with workspace_scope([order.workspace]):
        connection, manifest = _about(order)
        auth = auth_of(manifest)
        if not auth.get("revoke_url"):
            return {"revoked": False, "sentence": "It has no way to revoke what it gave: end it there too."}
        found = open_bundle(order.workspace, order.connection, manifest)
        app = open_app(connection.installation_id, order.workspace, manifest) if needs_app(manifest) else _client(found)
        host = urlsplit(auth["revoke_url"]).hostname
        hints = ("access_token",) if auth.get("revoke_with") == "token" else ("refresh_token", "access_token")
        tokens = [(hint, found.bundle[hint]) for hint in hints if found.bundle.get(hint)]
        for hint, token in tokens:
            request = revocation_request(auth, app, token, hint)
            answer = ask_endpoint(request, manifest, connection.host, ways, ANSWER_S)
            if said := refusal_in(answer, host or ""):
                return {"revoked": False, "sentence": said}
    return {"revoked": bool(tokens), "sentence": f"{host} has revoked it." if tokens else "There was no token."}


@sensitive_variables()
def _test(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
    """{passed, sentence} of one read that the manifest names for its health, or of having a token that is in time."""
    order = ConnectionOrder.from_body(body)
    with workspace_scope([order.workspace]):
        connection, manifest = _about(order)
        try:
            credentials = authorised(connection, manifest, seconds=ANSWER_S, ways=ways)
        except NotAuthorised as no:
            return {"passed": False, "sentence": str(no)}
        spec = manifest.actions.get(manifest.canonical.get("health", {}).get("action", ""))
        if spec is None or spec.runner not in {"rest", "grpc"} or spec.effect != "read":
            return {"passed": True, "sentence": "What it holds opens, and is in time."}
        try:
            rules = parse(manifest.canonical.get("egress", ()), connection_host=connection.host)
        except ValueError as error:  # of a version whose hosts lie elsewhere
            return {"passed": False, "sentence": f"{error} Reconnect it, to a host that is declared."}
        if spec.runner == "grpc":
            return _test_by_grpc(rules, spec, credentials, ways)
        broker = Broker(
            rules,
            resolver=ways.resolver,
            transport=ways.transport,
            secrets=Lent(credentials, frozenset({credentials.host})),
            limits=Limits(calls=1, redirects=0),
            loopback_peers=ways.peers,
            hidden=credentials.values,
        )
        try:
            prepared = rest.build(spec, manifest, {}, host=connection.host, now=timezone.now().isoformat())
        except rest.BadCall as bad:
            return {"passed": True, "sentence": f"What it holds opens, and is in time. No request was made: {bad}"}
        request = request_of(prepared, credentials, broker) | {"follow": False}
        answer = broker.fetch(request, ANSWER_S)
    return _verdict(spec, answer, credentials.host)


def _test_by_grpc(rules: tuple[HostRule, ...], spec: ActionSpec, credentials: Authorised, ways: Ways) -> dict[str, Any]:
    from sandbox.sandboxd import grpc_calls  # grpcio comes with it, which not every host needs

    try:
        answer, _ = grpc_calls.sent(
            spec, {}, credentials, host=credentials.host, rules=rules, ways=ways, seconds=ANSWER_S
        )
    except rest.BadCall as bad:
        return {"passed": True, "sentence": f"What it holds opens, and is in time. No call was made: {bad}"}
    return _verdict(spec, answer, credentials.host)


def _verdict(spec: ActionSpec, answer: dict[str, Any], host: str) -> dict[str, Any]:
    if "error" in answer:
        return {"passed": False, "sentence": answer["message"]}
    status = answer["status"]
    told = rest.read(spec.raw, status, answer["headers"], body_of(answer))
    category = category_of(status, spec.raw.get("replies", ()), told.body)
    if category:
        return {"passed": False, "sentence": sentence_of(status, category)[0] or f"{host} answered: {category}."}
    if told.code:
        return {"passed": False, "sentence": told.sentence}
    return {"passed": True, "sentence": f"{host} answered {status}: it takes what this connection holds."}


def _about(order: ConnectionOrder) -> tuple[Connection, Manifest]:
    """The connection and the manifest by which its installation is pinned. Raises BadOrder."""
    with briefly():
        rows = Connection.objects.select_related("workspace", "installation__pin")
        found = rows.filter(workspace=order.workspace, pk=order.connection, installation__removed_at=None).first()
        if found is None or found.installation.pin.digest != order.digest:
            raise BadOrder("There is no such connection.")
        return found, verified_manifest(order.digest)


def _client(found: Opened) -> App:
    return App(found.connection.settings.get("client_id", ""), found.bundle.get("client_secret", ""))


def _verifier_place(connection: Connection) -> Place:
    return Place(connection.workspace_id, connection.pk, "consent verifier", 1, (), ())


def _open_verifier(connection: Connection, sealed: dict[str, str]) -> str:
    try:
        with briefly():
            key = WorkspaceKey.objects.get(workspace=connection.workspace_id, pk=sealed["key_id"])
            parts = (base64.b64decode(sealed[name], validate=True) for name in ("wrapped_key", "ciphertext"))
            return open_envelope(key, _verifier_place(connection), *parts)
    except (KeyError, ValueError, WorkspaceKey.DoesNotExist, CannotOpen) as error:
        raise BadOrder("The sealed verifier is none of ours.") from error


def _host_of(manifest: Manifest, typed_in: str, tokens: Tokens) -> str:
    """The host for {connection.host}: what was typed in, or what the provider says where it lies below the suffix."""
    suffix = host_suffix(manifest)
    if not suffix or typed_in:
        return typed_in
    told = tokens.public.get("instance_url")
    with contextlib.suppress(ValueError):
        if isinstance(told, str) and (host := fitting_host(manifest, told)):
            return host
    raise TokenRefused("token_refused", f"The provider did not name a host below {suffix}: type yours in.")


@sensitive_variables("values", "bundle")
def _got(
    connection: Connection,
    manifest: Manifest,
    values: dict[str, str],
    tokens: Tokens | None,
    begun: datetime,
    host: str,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """What is stored, sealed, with its facts:

    {generation, hosts, key_id, wrapped_key, ciphertext, host, account, settings, scopes, refreshed_at, expires_at,
    next_refresh_at}; times in ISO 8601 or None, ``scopes`` None for those that were asked for.
    """
    bundle = dict(values)
    if tokens:
        bundle |= {"access_token": tokens.access, "refresh_token": tokens.refresh}
    generation = connection.token_generation + 1
    with briefly():
        place, envelope = seal_bundle(connection, bundle, generation=generation, hosts=hosts_of(manifest, host))
    expires_at = begun + timedelta(seconds=tokens.life_s) if tokens and tokens.life_s else None
    renews = tokens is not None and can_renew(manifest, bundle)
    return {
        "generation": generation,
        "hosts": list(place.hosts),
        "key_id": str(envelope.key_id),
        "wrapped_key": base64.b64encode(envelope.wrapped_key).decode(),
        "ciphertext": base64.b64encode(envelope.ciphertext).decode(),
        "host": host,
        "account": _account(manifest, tokens, [value for value in bundle.values() if value]),
        "settings": settings,
        "scopes": tokens.scopes if tokens else [],
        "refreshed_at": begun.isoformat() if tokens else None,
        "expires_at": expires_at.isoformat() if expires_at else None,
        "next_refresh_at": next_refresh(begun, expires_at).isoformat() if renews else None,
    }


def _account(manifest: Manifest, tokens: Tokens | None, secrets: list[str]) -> str:
    """How the provider calls the account, by the manifest's expression over its answer without tokens."""
    if tokens is None:
        return ""
    try:
        found = evaluate(auth_of(manifest).get("account", ACCOUNT), tokens.public)
    except EvaluationFailed:
        return ""
    if not isinstance(found, str) or not found.isprintable() or Scrubber(secrets).text(found) != found:
        return ""
    return found[:200]


def _told(operation: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A refusal of the provider as an answer of sandboxd's own kind."""

    def told(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
        try:
            return operation(body, ways)
        except TokenRefused as problem:
            raise NotConnected(problem) from None

    return told


def operations(ways: Ways) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
    """The table of operations, going out by ``ways``."""
    return {name: partial(operation, ways=ways) for name, operation in OPERATIONS.items()}


OPERATIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "connection.begin": _told(_begin),
    "connection.exchange": _told(_exchange),
    "connection.store": _told(_store),
    "connection.refresh": _told(_refresh),
    "connection.revoke": _told(_revoke),
    "connection.test": _test,
}
