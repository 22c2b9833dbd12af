"""A small client of Galaxy's API for the command line: one host, JSON only, no redirects, and a token that is never
shown. It runs on a creator's machine, never in Galaxy's own processes, whose only way out is the broker.

What is answered goes to a terminal, so every text of it is made harmless here (galaxy.core.terminal)."""

import http.client
import json
import os
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from galaxy.core.errors import DomainError
from galaxy.core.terminal import calm_line, calm_values

TOKEN = "GALAXY_TOKEN"  # noqa: S105  (the name of an environment variable)
SECONDS = 60
MOST_BYTES = 16 * 1024 * 1024
_HERE = {"localhost", "127.0.0.1", "::1"}


class NoToken(DomainError):
    code = "no_token"
    next_step = f"Put it into the environment as {TOKEN}, or name a file with --token-file."


class BadAddress(DomainError):
    code = "bad_address"
    next_step = "Give --url as https://galaxy.example."


class NoAnswer(DomainError):
    status = 503
    code = "no_answer"
    next_step = "Look whether --url is right and reachable, then run it again: nothing is done twice."


class Declined(DomainError):
    """What the other Galaxy refused, in its own words."""

    next_step = "Look at what the other Galaxy says, correct it, and run it again."

    def __init__(self, status: int, problem: dict[str, Any]):
        said = problem.get("fields")
        fields = "".join(f"\n    {name}: {why}" for name, why in said.items()) if isinstance(said, dict) else ""
        super().__init__(f"{problem.get('detail', 'It was refused.')}{fields}", str(problem.get("next_step", "")))
        self.status, self.code = status, str(problem.get("code", ""))  # type: ignore[misc]  # what was answered


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def read_token(file: Path | None) -> str:
    """The token, from the file or the environment; never from an argument, which every user of a machine may read.

    Raises NoToken.
    """
    try:
        text = file.read_text(encoding="utf-8") if file else os.environ.get(TOKEN, "")
    except (OSError, UnicodeDecodeError) as error:
        raise NoToken(f"{file} cannot be read as a token.") from error
    text = text.strip()
    if not text.isascii() or not text.isprintable() or not text:
        raise NoToken("There is no token to ask with.")
    return text


class Api:
    """A workspace of a Galaxy: ``get`` and ``post`` give the answer's JSON, or raise Declined or NoAnswer."""

    def __init__(self, url: str, workspace: str, token: str):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise BadAddress(f"{url:.200} is no address of a Galaxy.")
        if parts.scheme == "http" and parts.hostname not in _HERE:
            raise BadAddress(f"{url:.200} would send the token in clear.")
        self._base = f"{url.rstrip('/')}/api/v1/workspaces/{quote(workspace, safe='')}/"
        self._token = token
        # What is on this machine is asked directly: a proxy of the environment would be told the token in clear.
        direct = [urllib.request.ProxyHandler({})] if parts.hostname in _HERE else []
        self._opener = urllib.request.build_opener(_NoRedirect, *direct)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self._ask(f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._ask(path, body)

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode()
            headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        request = urllib.request.Request(self._base + path, data=data, headers=headers)  # noqa: S310  (http or https, see __init__)
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return self._read(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise Declined(error.code, self._problem(error)) from None
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            reason = calm_line(str(getattr(error, "reason", None) or error))[:300] or type(error).__name__
            raise NoAnswer(f"{self._base} does not answer as Galaxy does: {reason}.") from None

    def _read(self, answer: Any) -> dict[str, Any]:
        found = json.loads(answer.read(MOST_BYTES))
        if not isinstance(found, dict):
            raise ValueError("the answer is not an object")
        return cast(dict[str, Any], calm_values(found))

    def _problem(self, error: urllib.error.HTTPError) -> dict[str, Any]:
        try:
            return self._read(error)
        except (OSError, ValueError, RecursionError, http.client.HTTPException):
            return {"detail": f"It answered {error.code}, and not as Galaxy does."}
