"""Asking a provider something, server to server: bounded in time and size, and never led elsewhere by a redirect."""

import json
import time
from typing import Any

import requests
from allauth.socialaccount.adapter import get_adapter

from galaxy.core.sso.configuration import Provider
from galaxy.core.sso.identity import AGAIN_OR_OPERATOR, OPERATOR, ProviderFailed, SignInRefused

MOST_BYTES = 262_144
MOST_S = 15  # from the first byte to the last; until the first one, allauth's SOCIALACCOUNT_REQUESTS_TIMEOUT holds


def get_json(url: str, provider: Provider, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at ``url``. Raises ProviderFailed for anything else."""
    status, body = _ask("GET", url, provider, headers=headers)
    if status != 200:
        raise _failed(provider, "bad_status")
    return body


def post_form(url: str, provider: Provider, form: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
    """The JSON object answered to a form. Raises SignInRefused where the form is, ProviderFailed for anything else."""
    status, body = _ask("POST", url, provider, headers=headers, data=form)
    if status in (400, 401, 403):
        raise SignInRefused(
            "code_refused",
            f"{provider.name} did not accept its own answer; it may have been used already.",
            AGAIN_OR_OPERATOR,
        )
    if status != 200:
        raise _failed(provider, "bad_status")
    return body


def _ask(method: str, url: str, provider: Provider, **options: Any) -> tuple[int, dict[str, Any]]:
    try:
        with (
            get_adapter().get_requests_session() as session,
            session.request(method, url, allow_redirects=False, stream=True, **options) as response,
        ):
            text, status = _read(response), response.status_code
    except requests.RequestException as error:
        raise _failed(provider, "unreachable") from error
    try:
        body = json.loads(text) if len(text) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise _failed(provider, "bad_answer")
    return status, body


def _read(response: requests.Response) -> bytes:
    """The body, up to one byte more than may be; what takes too long counts as unreachable."""
    found, until = b"", time.monotonic() + MOST_S
    for chunk in response.iter_content(16_384):
        found += chunk
        if len(found) > MOST_BYTES:
            break
        if time.monotonic() > until:
            raise requests.Timeout
    return found


def _failed(provider: Provider, reason: str) -> ProviderFailed:
    return ProviderFailed(
        reason, f"{provider.name} does not answer as it should, so you are not signed in.", f"Try again. {OPERATOR}"
    )
