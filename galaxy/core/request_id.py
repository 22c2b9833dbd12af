"""The id that ties a page, its log lines, its events and its runs together."""

import re
import uuid
from contextvars import ContextVar, Token

_request_id: ContextVar[str] = ContextVar("galaxy_request_id", default="")
_ACCEPTED = re.compile(r"[A-Za-z0-9-]{8,64}")


def current_request_id() -> str:
    return _request_id.get()


def new_request_id(offered: str = "") -> str:
    """``offered`` where it is a plain id (a proxy's), else a fresh one: a header must not write our log lines."""
    return offered if _ACCEPTED.fullmatch(offered) else uuid.uuid4().hex


def set_request_id(value: str) -> Token[str]:
    return _request_id.set(value)


def reset_request_id(token: Token[str]) -> None:
    _request_id.reset(token)
