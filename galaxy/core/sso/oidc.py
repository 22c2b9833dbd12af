"""OpenID Connect: the code flow with PKCE, state and nonce, and every check of the ID token that the standards name.

OpenID Connect Core 1.0 (3.1.3.7), RFC 7636 (PKCE), RFC 9207 (iss in the answer, against mix-up), RFC 9700. allauth's
own callback trusts an ID token without its signature and knows no nonce, so what it would do there is done here.
"""

import hmac
import secrets
import time
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

import jwt
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from django.conf import settings
from django.core.cache import cache

from galaxy.core.sso.configuration import OidcProvider, is_safe
from galaxy.core.sso.fetching import get_json, post_form
from galaxy.core.sso.identity import OPERATOR, Identity, ProviderFailed, SignInRefused, untrusted

# No HMAC, whose key the client knows too, and no "none".
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY_S = 60
OLDEST_TOKEN_S = 600
KEPT_S = 600
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def discovery(provider: OidcProvider, *, fresh: bool = False) -> dict[str, Any]:
    """The provider's own description. Raises ProviderFailed unless it names the issuer that we were told."""
    key = f"galaxy:sso:discovery:{provider.issuer}"
    found = None if fresh else cache.get(key)
    if found is None:
        found = get_json(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration", provider)
        if found.get("issuer") != provider.issuer:
            raise _failed(provider, "other_issuer", "describes itself as somebody else")
        for name in _ENDPOINTS:
            if not is_safe(str(found.get(name, "")), hardened=settings.HARDENED):
                raise _failed(provider, "bad_endpoint", "describes itself incompletely")
        cache.set(key, found, KEPT_S)
    return found


def begin(provider: OidcProvider, *, redirect_uri: str, state: str, nonce: str, challenge: dict[str, str]) -> str:
    """The address to send the browser to; ``challenge`` is the public half of ``make_secrets``'s verifier."""
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid email profile",
        "state": state,
        "nonce": nonce,
        **challenge,
    }
    endpoint = discovery(provider)["authorization_endpoint"]
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def make_secrets() -> tuple[dict[str, str], dict[str, str]]:
    """{nonce, verifier} for the session, and {code_challenge, code_challenge_method} for the address."""
    pkce = generate_code_challenge()
    kept = {"nonce": secrets.token_urlsafe(32), "verifier": pkce["code_verifier"]}
    return kept, {"code_challenge": pkce["code_challenge"].decode(), "code_challenge_method": "S256"}


def check_answer(provider: OidcProvider, query: dict[str, str]) -> str:
    """The code in the provider's answer. Raises SignInRefused for an answer of another issuer, and for a refusal."""
    issuer = query.get("iss")
    promised = discovery(provider).get("authorization_response_iss_parameter_supported") is True
    if (issuer is None and promised) or (issuer is not None and issuer != provider.issuer):
        raise SignInRefused("mixed_up", f"This answer does not come from {provider.name}, so nothing was done with it.")
    if query.get("error") == "access_denied":
        raise SignInRefused("denied", f"{provider.name} did not let you in, or you stopped there.")
    if "error" in query or not query.get("code"):
        raise SignInRefused("provider_error", f"{provider.name} could not sign you in.", f"Try again. {OPERATOR}")
    return query["code"]


def identify(provider: OidcProvider, *, code: str, redirect_uri: str, kept: dict[str, str]) -> Identity:
    """Exchange the code and verify who came in. ``kept`` is what ``make_secrets`` left in the session.

    Raises SignInRefused for a token that is not exactly ours, ProviderFailed where the provider does not play along.
    """
    answer = _exchange(provider, code, redirect_uri, kept["verifier"])
    claims = verify(provider, str(answer.get("id_token", "")), nonce=kept["nonce"])
    told = claims if "email" in claims else _userinfo(provider, answer, claims["sub"])
    email = told.get("email")
    return Identity(
        provider=provider.id,
        issuer=claims["iss"],
        subject=claims["sub"],
        email=email if isinstance(email, str) else "",
        email_verified=None if told.get("email_verified") is None else told["email_verified"] is True,
        name=str(told.get("name") or claims.get("name") or "")[:120],
    )


def verify(provider: OidcProvider, token: str, *, nonce: str) -> dict[str, Any]:
    """The claims of an ID token: signed by the provider's key, by it, for us, in time and for this one sign-in.

    Raises SignInRefused.
    """
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(
            token,
            _key(provider, header),
            algorithms=ALGORITHMS,
            audience=provider.client_id,
            issuer=provider.issuer,
            leeway=LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise untrusted(provider, _reason(error)) from error
    audience = claims["aud"]
    is_shared = isinstance(audience, list) and len(audience) > 1
    if (is_shared and "azp" not in claims) or claims.get("azp", provider.client_id) != provider.client_id:
        raise untrusted(provider, "other_party")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise untrusted(provider, "other_nonce")
    if not claims["sub"] or time.time() - int(claims["iat"]) > OLDEST_TOKEN_S:
        raise untrusted(provider, "old_token")
    return claims


def _exchange(provider: OidcProvider, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
    found = discovery(provider)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    headers = {}
    ways = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if "client_secret_basic" in ways:  # RFC 6749, 2.3.1: both parts are form-encoded first
        pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
    return post_form(found["token_endpoint"], provider, form, headers)


def _userinfo(provider: OidcProvider, answer: dict[str, Any], subject: str) -> dict[str, Any]:
    """What the provider tells of the person beside the token, which may be thin. It must speak of the same one."""
    endpoint = str(discovery(provider).get("userinfo_endpoint", ""))
    if not is_safe(endpoint, hardened=settings.HARDENED):
        return {}
    told = get_json(endpoint, provider, {"Authorization": f"Bearer {answer.get('access_token', '')}"})
    if told.get("sub") != subject:
        raise untrusted(provider, "other_subject")
    return told


def _key(provider: OidcProvider, header: dict[str, Any]) -> jwt.PyJWK:
    """The provider's key that the token names; read anew once, since keys are changed."""
    for fresh in (False, True):
        keys = [key for key in _keys(provider, fresh=fresh) if key.get("use", "sig") == "sig"]
        named = [key for key in keys if key.get("kid") == header.get("kid")]
        found = named or (keys if "kid" not in header else [])
        if len(found) == 1:
            return jwt.PyJWK(found[0], algorithm=header.get("alg") if header.get("alg") in ALGORITHMS else None)
    raise untrusted(provider, "unknown_key")


def _keys(provider: OidcProvider, *, fresh: bool) -> list[dict[str, Any]]:
    key = f"galaxy:sso:keys:{provider.issuer}"
    found = None if fresh else cache.get(key)
    if found is None:
        found = get_json(discovery(provider)["jwks_uri"], provider).get("keys")
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise _failed(provider, "bad_keys", "publishes no keys that can be read")
        cache.set(key, found, KEPT_S)
    return found


def _reason(error: jwt.PyJWTError) -> str:
    words = {
        jwt.InvalidSignatureError: "other_key",
        jwt.InvalidAudienceError: "other_audience",
        jwt.InvalidIssuerError: "other_issuer",
        jwt.ExpiredSignatureError: "expired",
        jwt.ImmatureSignatureError: "not_yet",
        jwt.MissingRequiredClaimError: "thin_token",
    }
    return words.get(type(error), "bad_token")


def _failed(provider: OidcProvider, reason: str, what: str) -> ProviderFailed:
    return ProviderFailed(reason, f"{provider.name} {what}, so nobody can sign in by it.", OPERATOR)
