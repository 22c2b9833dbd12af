"""Requests that a client makes at a vendor's endpoints, as the egress broker takes them; and the consent screen's
address. RFC 6749 (grants, client authentication), RFC 7009 (revocation), RFC 7523 (JWT bearer), RFC 7636 (PKCE).
"""

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7009 import prepare_revoke_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIVES_S = 170  # Salesforce takes none that lives longer than three minutes
EARLIER_S = 10  # for a vendor whose clock is behind ours
_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}  # of the curve P-256 alone (RFC 7518, 3.4)


@dataclass(frozen=True)
class App:
    """The client. ``secret`` is empty for one that has none."""

    client_id: str
    secret: str = field(default="", repr=False)


class BadKey(ValueError):
    """A private key that cannot be read; the message does not quote it."""


def consent_url(
    auth: dict[str, Any], app: App, *, redirect_uri: str, state: str, verifier: str, scopes: list[str]
) -> str:
    """The address of the vendor's consent screen, with PKCE (S256 alone: plain protects nothing) where it is taken."""
    separator = "," if auth.get("scope_separator") == "comma" else " "
    challenge = {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
    return prepare_grant_uri(
        auth["authorize_url"],
        client_id=app.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=separator.join(scopes) or None,
        state=state,
        **(challenge if takes_pkce(auth) else {}),
        **auth.get("authorize_params", {}),
    )


def takes_pkce(auth: dict[str, Any]) -> bool:
    """A vendor that checks names strictly refuses what its documentation does not know (Notion)."""
    return auth.get("pkce", True)


def new_verifier() -> str:
    return secrets.token_urlsafe(48)


def code_request(auth: dict[str, Any], app: App, *, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
    proof = {"code_verifier": verifier} if takes_pkce(auth) else {}
    body = prepare_token_request("authorization_code", redirect_uri=redirect_uri, code=code, **proof)
    return _with_client(auth, app, auth["token_url"], body)


def refresh_request(auth: dict[str, Any], app: App, refresh_token: str) -> dict[str, Any]:
    body = prepare_token_request("refresh_token", refresh_token=refresh_token)
    return _with_client(auth, app, auth["token_url"], body)


def client_credentials_request(auth: dict[str, Any], app: App) -> dict[str, Any]:
    wanted: dict[str, Any] = {"scope": " ".join(auth.get("scopes", ())), "audience": auth.get("audience")}
    body = prepare_token_request("client_credentials", **wanted)
    return _with_client(auth, app, auth["token_url"], body)


def assertion_request(auth: dict[str, Any], assertion: str) -> dict[str, Any]:
    """The signed assertion is all the proof there is (RFC 7523, 2.1)."""
    return _posted(auth["token_url"], dict(_HEADERS), prepare_token_request(JWT_BEARER, assertion=assertion))


def revocation_request(auth: dict[str, Any], app: App, token: str, hint: str) -> dict[str, Any]:
    """``hint`` is access_token or refresh_token; it may be left out (RFC 7009, 2.1), and is where names are strict."""
    if auth.get("revoke_with") == "token":
        return _posted(auth["revoke_url"], _HEADERS | {"Authorization": f"Bearer {token}"}, "")
    body, _ = prepare_revoke_token_request(token, None if auth.get("token_body") == "json" else hint)
    return _with_client(auth, app, auth["revoke_url"], body)


def make_assertion(
    auth: dict[str, Any], *, issuer: str, subject: str, key_id: str, private_key: str, now: datetime
) -> str:
    """A signed JWT for the token endpoint (RFC 7523, 3). Raises BadKey.

    Google reads the scopes in it; ``subject`` is whom it acts for: Salesforce's user, nobody for Google unless an
    administrator delegated a whole domain.
    """
    key = read_key(private_key)
    header = {"alg": _ALGORITHMS[key.key_type]} | ({"kid": key_id} if key_id else {})
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": auth.get("audience") or auth["token_url"],
        "iat": int(now.timestamp()) - EARLIER_S,
        "exp": int(now.timestamp()) + ASSERTION_LIVES_S,
    }
    if subject:
        claims["sub"] = subject
    if auth.get("scopes"):
        claims["scope"] = " ".join(auth["scopes"])
    return jwt.encode(header, claims, key)


def read_key(private_key: str) -> Any:
    """A private key in PEM, RSA or of the curve P-256. Raises BadKey."""
    for kind in (RSAKey, ECKey):
        try:
            key = kind.import_key(private_key)
            is_signing = key.is_private and (isinstance(key, RSAKey) or key.curve_name == "P-256")
        except (JoseError, ValueError, TypeError, KeyError):  # the last for a curve that JOSE has no name for
            continue
        if is_signing:
            return key
    raise BadKey("This is no private key in PEM form that can be used: RSA, or elliptic of the curve P-256.")


def _with_client(auth: dict[str, Any], app: App, url: str, body: str) -> dict[str, Any]:
    """By HTTP Basic both parts are form-encoded first (RFC 6749, 2.3.1)."""
    method = auth.get("token_endpoint_auth_method", "client_secret_post") if app.secret else "none"
    is_basic = method == "client_secret_basic"
    pair = [quote(part, safe="") if is_basic else part for part in (app.client_id, app.secret)]
    _, headers, body = ClientAuth(*pair, method).prepare("POST", url, dict(_HEADERS), body)
    if auth.get("token_body") == "json":
        headers["Content-Type"], body = "application/json", json.dumps(dict(parse_qsl(body)))
    return _posted(url, headers, body)


def _posted(url: str, headers: dict[str, str], body: str) -> dict[str, Any]:
    return {"method": "POST", "url": url, "headers": headers, "body": body, "follow": False}
