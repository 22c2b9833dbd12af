"""Asking a vendor's token endpoint, by the egress broker and nothing else."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from galaxy.core.egress import Broker, HostRule
from galaxy.core.egress.broker import Limits
from galaxy.core.egress.rules import parse
from registry.manifests import Manifest
from registry.models import Connection
from registry.services.credentials import auth_of
from sandbox.oauth.answers import Tokens, read_answer
from sandbox.oauth.failures import TokenRefused
from sandbox.oauth.requests import (
    App,
    BadKey,
    assertion_request,
    client_credentials_request,
    make_assertion,
    refresh_request,
)
from sandbox.sandboxd.execution import Ways

REQUEST_S = 40.0  # for one request; the slowest vendors seen take half a minute
_LIMITS = Limits(calls=1, bytes=512 * 1024, request_bytes=128 * 1024, response_bytes=256 * 1024, redirects=0)


def ask_endpoint(request: dict[str, Any], manifest: Manifest, host: str, ways: Ways, seconds: float) -> dict[str, Any]:
    """The broker's answer to one request that carries secrets in the clear, which no record of ours keeps.

    ``host`` is that of the connection. The manifest has to declare where it goes.
    """
    broker = Broker(
        _rules(manifest, host),
        resolver=ways.resolver,
        transport=ways.transport,
        limits=_LIMITS,
        loopback_peers=ways.peers,
    )
    return broker.fetch(request, seconds)


def tokens_by(request: dict[str, Any], manifest: Manifest, host: str, ways: Ways, seconds: float) -> Tokens:
    """The tokens that a request brings. Raises TokenRefused."""
    answer = ask_endpoint(request, manifest, host, ways, seconds)
    return read_answer(answer, urlsplit(request["url"]).hostname or "")


def renewal_request(
    connection: Connection, manifest: Manifest, bundle: dict[str, str], app: App | None, now: datetime | None = None
) -> dict[str, Any]:
    """What brings the next token of a connection: by its refresh token, its key, or its client's secret.

    Raises TokenRefused where nothing it holds can.
    """
    auth = auth_of(manifest)
    if auth["type"] == "jwt_bearer":
        try:
            assertion = make_assertion(
                auth,
                issuer=connection.settings.get("issuer", ""),
                subject=connection.settings.get("subject", ""),
                key_id=connection.settings.get("key_id", ""),
                private_key=bundle["private_key"],
                now=now or timezone.now(),
            )
        except BadKey as error:
            raise TokenRefused("assertion_refused", str(error)) from None
        return assertion_request(auth, assertion)
    if auth.get("grant") == "client_credentials":
        client = App(connection.settings.get("client_id", ""), bundle["client_secret"])
        return client_credentials_request(auth, client)
    if bundle.get("refresh_token") and app:
        return refresh_request(auth, app, bundle["refresh_token"])
    sentence = "The token is over, and none came with it that could renew it."
    raise TokenRefused("token_expired", sentence)


def can_renew(manifest: Manifest, bundle: dict[str, str]) -> bool:
    """Whether the next token comes without a person."""
    auth = auth_of(manifest)
    return (
        bool(bundle.get("refresh_token")) or auth["type"] == "jwt_bearer" or auth.get("grant") == "client_credentials"
    )


def _rules(manifest: Manifest, host: str) -> tuple[HostRule, ...]:
    try:
        return parse(manifest.canonical.get("egress", ()), connection_host=host)
    except ValueError as error:
        raise TokenRefused("token_endpoint_blocked", str(error)) from None
