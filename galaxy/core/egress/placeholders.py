"""Secrets for code that must not know them: it gets a token, and the broker puts the value in on the way out."""

import base64
import binascii
import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable
from typing import Protocol
from urllib.parse import quote, quote_plus

from galaxy.core.egress.refusals import Refused

HEADER, QUERY, PATH, BODY = "header", "query", "path", "body"
# A value of fewer bytes, or of fewer different signs, cannot be told from ordinary text, so nobody could scrub it.
SHORTEST = 6
FEWEST_SIGNS = 4

# Letters and digits only: no encoding that an action may apply to a header, a query or JSON changes the token.
_TOKEN = re.compile(r"gxsecret[0-9a-f]{48}", re.ASCII)
_BASIC = re.compile(r"basic +([A-Za-z0-9+/]+={0,2})", re.ASCII | re.IGNORECASE)


def can_be_scrubbed(value: str) -> bool:
    return len(value.encode()) >= SHORTEST and len(set(value)) >= FEWEST_SIGNS


class SecretSource(Protocol):
    """Where the broker gets values from. Every method raises Refused for a name that it does not know."""

    def open(self, name: str, *, host: str, purpose: str) -> str:
        """The value, for one use that the source records. ``purpose`` is "http", or "sign" with an empty host."""

    def bound_hosts(self, name: str) -> Iterable[str]:
        """Exact hosts that may receive the value."""

    def places(self, name: str) -> Iterable[str]:
        """Where in a request it may stand: header, and of query, path, body what was declared and reviewed."""


class NoSecrets:
    """The source of a run without secrets."""

    def open(self, name: str, *, host: str, purpose: str) -> str:
        raise Refused("secret_not_bound", f"This run has no secret {name:.60}.")

    def bound_hosts(self, name: str) -> Iterable[str]:
        raise Refused("secret_not_bound", f"This run has no secret {name:.60}.")

    def places(self, name: str) -> Iterable[str]:
        raise Refused("secret_not_bound", f"This run has no secret {name:.60}.")


class Placeholders:
    """The tokens of one run. ``key`` makes them: random unless a run has to give the same bytes twice.

    Nobody outside of the run can guess a token, so an answer or an input cannot smuggle one into a request.
    """

    def __init__(self, source: SecretSource, *, key: bytes = b""):
        self._source = source
        self._key = key or secrets.token_bytes(32)
        self._names: dict[str, str] = {}
        self.opened: set[str] = set()  # values, for scrubbing; of a secret that was rotated meanwhile, both

    def mint(self, name: str) -> str:
        """The token that stands for the secret ``name``: the same for the same name in this run."""
        token = "gxsecret" + hmac.digest(self._key, name.encode(), "sha256").hex()[:48]
        self._names[token] = name
        return token

    def stands_in(self, text: str) -> bool:
        """Whether a token of this run is in ``text``."""
        return any(match[0] in self._names for match in _TOKEN.finditer(text))

    def stands_in_header(self, value: str) -> bool:
        """The same of a header, in whose Basic credentials it may be hidden by base64."""
        return self.stands_in(_with_basic_pair(value))

    def shown(self, text: str) -> str:
        """``text`` with each token as ``{secret:NAME}``, which is what records hold."""
        return _TOKEN.sub(lambda match: _named(self._names.get(match[0]), match[0]), text)

    def permit(self, text: str, host: str, place: str) -> None:
        """Raises Refused unless every secret in ``text`` may be sent to ``host`` and stand in that place."""
        for match in _TOKEN.finditer(_with_basic_pair(text) if place == HEADER else text):
            self._permit(self._names.get(match[0]), host, place)

    def in_header(self, value: str, host: str) -> str:
        """``value`` of a header with the secrets in it; in base64 of Basic credentials too. Raises Refused."""
        pair = _basic_pair(value)
        if self.stands_in(pair):
            filled = self._filled(pair, host, HEADER, str)
            return f"Basic {base64.b64encode(filled.encode()).decode()}"
        return self._filled(value, host, HEADER, str)

    def in_path(self, path: str, host: str) -> str:
        return self._filled(path, host, PATH, _in_url)

    def in_query(self, query: str, host: str) -> str:
        return self._filled(query, host, QUERY, _in_url)

    def in_body(self, body: bytes, host: str, content_type: str) -> bytes:
        """``body`` with the secrets in it, escaped as JSON or a form wants it by ``content_type``. Raises Refused."""
        if not self.stands_in(body.decode("latin-1")):
            return body
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise Refused("secret_place", "A body that is no UTF-8 text takes no secrets.") from error
        kind = content_type.partition(";")[0].strip().lower()
        escape: Callable[[str], str] = str
        if kind == "application/x-www-form-urlencoded":
            escape = quote_plus
        elif kind == "application/json" or kind.endswith("+json"):
            escape = _in_json
        return self._filled(text, host, BODY, escape).encode()

    def value(self, name: str, *, host: str, purpose: str) -> str:
        """The value of a secret, opened for one use and from now on scrubbed. Raises Refused."""
        value = self._source.open(name, host=host, purpose=purpose)
        if not can_be_scrubbed(value):
            raise Refused("secret_unusable", f"The secret {name:.60} is too short or too plain to be scrubbed.")
        self.opened.add(value)
        return value

    def _filled(self, text: str, host: str, place: str, escape: Callable[[str], str]) -> str:
        return _TOKEN.sub(lambda match: self._put(match[0], host, place, escape), text)

    def _put(self, token: str, host: str, place: str, escape: Callable[[str], str]) -> str:
        name = self._names.get(token)
        if name is None:
            return token
        self._permit(name, host, place)
        return escape(self.value(name, host=host, purpose="http"))

    def _permit(self, name: str | None, host: str, place: str) -> None:
        if name is None:
            return
        if host not in self._source.bound_hosts(name):
            raise Refused("secret_not_bound", f"The secret {name:.60} may not be sent to {host}.")
        if place not in self._source.places(name):
            raise Refused("secret_place", f"The secret {name:.60} may not stand in the {place} of a request.")


def _named(name: str | None, token: str) -> str:
    return token if name is None else f"{{secret:{name}}}"


def _with_basic_pair(value: str) -> str:
    """The value of a header with what its base64 holds beside it."""
    return f"{value} {_basic_pair(value)}"


def _basic_pair(value: str) -> str:
    """User and password of Basic credentials (RFC 7617), empty where the header is anything else."""
    basic = _BASIC.fullmatch(value)
    try:
        return base64.b64decode(basic[1], validate=True).decode() if basic else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _in_url(value: str) -> str:
    return quote(value, safe="")


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]
