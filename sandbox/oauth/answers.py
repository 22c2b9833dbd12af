"""What a token endpoint's answer means: tokens, or one of the failures. Nothing of an answer is believed unread."""

import base64
import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from galaxy.core.egress.placeholders import can_be_scrubbed
from sandbox.oauth.failures import TokenRefused
from sandbox.retry import retry_after_ms

LONGEST_TOKEN = 16_384
LONGEST_LIFE_S = 366 * 86_400.0
LONGEST_WAIT_S = 3_600.0
_TOKEN = re.compile(r"[\x20-\x7e]+", re.ASCII)  # VSCHAR, RFC 6749 appendix A.12
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{0,39}", re.ASCII)  # without digits: a token sent back for a word is none
_OTHER_TYPES = frozenset({"mac", "dpop", "pop", "n_a"})  # a bearer may not be made of these (RFC 6749, 7.1)
# The words of RFC 6749, 5.2, and those that vendors use in their place.
_GRANT = frozenset({
    "invalid_grant", "invalid_refresh_token", "token_revoked", "token_expired", "invalid_code", "code_already_used",
    "code_expired", "bad_refresh_token", "bad_auth_code", "expired_token", "account_inactive",
})  # fmt: skip
_OVER = _GRANT | {"invalid_token"}  # what a token to be revoked is called that is none any more
_CLIENT = frozenset({
    "invalid_client", "invalid_client_id", "bad_client_secret", "bad_client_id", "invalid_client_credentials",
    "unauthorized_client",
})  # fmt: skip
_SCOPE = frozenset({"invalid_scope", "unsupported_grant_type"})
_IN_WORDS = {
    "grant_refused": "does not accept this sign-in any more",
    "client_refused": "does not accept the app's client id and secret",
    "scope_refused": "does not grant what is asked for",
    "token_refused": "gives no token",
}
_LATER = frozenset({"temporarily_unavailable", "server_error", "slow_down", "internal_error", "fatal_error"})
_BUSY = frozenset({"ratelimited", "rate_limited", "rate_limit_exceeded", "too_many_requests"})


@dataclass(frozen=True)
class Tokens:
    """What came. ``refresh`` is empty where none came; ``life_s`` None where nothing sensible was said of it.

    ``scopes`` None: what was asked for. ``public`` is the answer without anything that could be a token.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    life_s: float | None
    scopes: list[str] | None
    public: dict[str, Any] = field(repr=False)


def read_answer(answer: dict[str, Any], host: str) -> Tokens:
    """The tokens in a broker's answer (galaxy.core.egress) of the endpoint at ``host``. Raises TokenRefused."""
    if "error" in answer:
        raise _not_reached(answer, host)
    status, headers = answer["status"], answer["headers"]
    body = _body(answer)
    word = _error_word(body)
    if status == 429 or word in _BUSY:
        wait_s = _wait(headers)
        raise TokenRefused("token_endpoint_busy", f"{host} takes no more requests for tokens now.", wait_s=wait_s)
    if status >= 500 or word in _LATER:
        sentence = f"{host} answered {status} instead of a token."
        raise TokenRefused("token_endpoint_down", sentence, wait_s=_wait(headers))
    if word:
        code = _code_of(word)
        raise TokenRefused(code, f"{host} {_IN_WORDS[code]} ({word}).")
    if not 200 <= status < 300:
        if body is None or status < 400:
            raise TokenRefused("token_answer_unreadable", f"{host} answered {status} and nothing that says why.")
        raise TokenRefused("token_refused", f"{host} answered {status} instead of a token.")
    if body is None:
        raise TokenRefused("token_answer_unreadable", f"{host} answered something that is no JSON object.")
    return _tokens(body, host)


def refusal_in(answer: dict[str, Any], host: str) -> str:
    """Why a revocation was not taken, as a sentence; empty where it was, or where there was nothing left to revoke: an
    access token often ends with its refresh token (RFC 7009, 2.1), and is refused as invalid then (Google). Some say
    no with a 200 (Slack)."""
    if "error" in answer:
        return str(answer["message"])
    body = _body(answer)
    if _error_word(body) in _OVER:
        return ""
    if not 200 <= answer["status"] < 300:
        return f"{host} answered {answer['status']}."
    return f"{host} refused: {_error_word(body)}." if body and body.get("ok") is False else ""


def life_of(value: Any) -> float | None:
    """Seconds that a token lives by ``expires_in``; None where that says nothing: missing, zero, no number.

    More than a year is cut to a year, and asked for anew long before.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    return min(seconds, LONGEST_LIFE_S)


def claims_of(token: Any) -> dict[str, Any]:
    """The claims of an ID token, unverified: good for a label and nothing else."""
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (AttributeError, IndexError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _tokens(body: dict[str, Any], host: str) -> Tokens:
    kind = body.get("token_type", "")
    if isinstance(kind, str) and kind.lower() in _OTHER_TYPES:
        raise TokenRefused("token_answer_unreadable", f"{host} gave a token of a kind that is not understood.")
    access, refresh = _token(body.get("access_token")), _token(body.get("refresh_token"))
    if not access:
        raise TokenRefused("token_answer_unreadable", f"{host} answered without a token that could be used.")
    claims = claims_of(body.get("id_token"))
    told = {name: claims[name] for name in ("email", "name", "preferred_username") if isinstance(claims.get(name), str)}
    return Tokens(
        access=access,
        refresh=refresh,
        life_s=life_of(body.get("expires_in")),
        # HubSpot lists them under a name of its own.
        scopes=_scopes(body.get("scope", body.get("scopes")), access, refresh or access),
        public=told | _without_tokens(body),
    )


def _token(value: Any) -> str:
    """``value`` where it can be one, else nothing."""
    if not isinstance(value, str) or len(value) > LONGEST_TOKEN:
        return ""
    return value if _TOKEN.fullmatch(value) and can_be_scrubbed(value) else ""


def _scopes(value: Any, *secret: str) -> list[str] | None:
    """The words of a list of scopes, those left out that hold one of ``secret``."""
    words = value if isinstance(value, list) else re.split(r"[ ,]+", value) if isinstance(value, str) else []
    found = [word for word in words if isinstance(word, str) and re.fullmatch(r"[\x21-\x7e]{1,200}", word)]
    return sorted({word for word in found if not any(value in word for value in secret)})[:200] or None


def _without_tokens(value: Any) -> Any:
    """``value`` without the members whose name speaks of a token, secret, password or code."""
    if isinstance(value, dict):
        return {name: _without_tokens(one) for name, one in value.items() if not re.search(_SECRET_NAMES, str(name))}
    return [_without_tokens(one) for one in value] if isinstance(value, list) else value


_SECRET_NAMES = re.compile(r"token|secret|password|code|signature|assertion|webhook", re.IGNORECASE)


def _body(answer: dict[str, Any]) -> dict[str, Any] | None:
    try:
        found = json.loads(answer.get("body", ""))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _error_word(body: dict[str, Any] | None) -> str:
    """The vendor's word for its refusal in lower case, empty where there is none that reads like one."""
    if body is None:
        return ""
    word = body.get("error")
    if isinstance(word, dict):  # an API's own envelope, as of Google's front end
        word = word.get("status") or word.get("type")
    if word is None and "access_token" not in body and isinstance(body.get("status"), str):
        word = body["status"]
    if isinstance(word, str) and _WORD.fullmatch(word):
        return word.lower()
    return "error" if body.get("ok") is False or word else ""


def _code_of(word: str) -> str:
    for words, code in ((_GRANT, "grant_refused"), (_CLIENT, "client_refused"), (_SCOPE, "scope_refused")):
        if word in words:
            return code
    return "token_refused"


def _not_reached(answer: dict[str, Any], host: str) -> TokenRefused:
    """In the broker's own sentence, which holds nothing the peer sent."""
    code = {
        "policy_block": "token_endpoint_blocked",
        "transient": "token_endpoint_unreachable",
    }.get(answer["category"], "token_answer_unreadable")
    return TokenRefused(code, answer["message"] or f"{host} could not be asked.")


def _wait(headers: dict[str, str]) -> float:
    """Seconds of Retry-After, 0 without one."""
    return min((retry_after_ms(headers, datetime.now(UTC)) or 0) / 1000, LONGEST_WAIT_S)
