"""The trace that a call of the API continues: the header ``traceparent`` (W3C Trace Context, section 3.2).

What is malformed is ignored, as the standard wants it; ``tracestate`` is neither read nor passed on.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse

_FORM = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?"
)
_PATHS = "/api/"


class Incoming(NamedTuple):
    """Ids in hex: of the trace, 32 digits, and of the caller's span, 16."""

    trace_id: str
    parent_id: str


_incoming: ContextVar[Incoming | None] = ContextVar("galaxy_incoming_trace", default=None)


def read_traceparent(header: str) -> Incoming | None:
    """What ``header`` says; None where it is malformed, or names no trace."""
    found = _FORM.fullmatch(header.strip())
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    if not int(found["trace"], 16) or not int(found["parent"], 16):
        return None
    return Incoming(found["trace"], found["parent"])


def incoming() -> Incoming | None:
    """The trace that the request at hand continues, if it does."""
    return _incoming.get()


@contextmanager
def continuing(trace: Incoming | None) -> Iterator[None]:
    """Run the block as part of ``trace``."""
    token = _incoming.set(trace)
    try:
        yield
    finally:
        _incoming.reset(token)


class TraceparentMiddleware:
    """Lets runs that a call of the API asks for continue the caller's trace."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        header = request.headers.get("traceparent", "") if request.path_info.startswith(_PATHS) else ""
        if not header:
            return self.get_response(request)
        with continuing(read_traceparent(header)):
            return self.get_response(request)
