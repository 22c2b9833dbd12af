"""Structured logs: one event a line, with the request id and never with values of inputs, outputs or secrets."""

import logging
import sys
import traceback
from typing import Any

import structlog

from galaxy.core.request_id import current_request_id

# Their messages are made of addresses, hosts and arguments that somebody sent us: we keep the words around them.
_FILLED_BY_STRANGERS = ("django.", "celery.app.trace")


def configure(config: dict) -> None:
    """Called by Django with ``settings.LOGGING``: {level, json}."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(as_json=config["json"]))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config["level"])
    # Requests and their failures are told by galaxy.core.ops.request_log, by route instead of by address.
    for name in ("django.request", "django.server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def formatter(*, as_json: bool) -> structlog.stdlib.ProcessorFormatter:
    """Lines of JSON for machines, without the texts of errors; or lines for people with them, at a developer's desk."""
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    last: list[Any] = [_frames_only, structlog.processors.JSONRenderer()] if as_json else [console]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, _words_only],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _one_line, *last],
    )


def _add_request_id(logger, method, event):
    request_id = current_request_id()
    if request_id:
        event["request_id"] = request_id
    return event


def _words_only(logger, method, event):
    """The message of a foreign record before it was filled, where strangers fill it.

    Those of django.security come filled, with a host or an address in them; the logger's name says what it was.
    """
    record = event["_record"]
    if record.name.startswith("django.security."):
        event["event"] = "request refused"
    elif record.name.startswith(_FILLED_BY_STRANGERS):
        event["event"] = str(record.msg)
    return event


def _one_line(logger, method, event):
    """Control characters in any text become escapes, so that no value can begin a line of its own."""
    return {name: _escaped(value) if isinstance(value, str) else value for name, value in event.items()}


def _escaped(text: str) -> str:
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _frames_only(logger, method, event):
    """An error as its kind and where it came from, {error, frames}; its text may hold what somebody typed."""
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if error is not None:
        event["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
        event["frames"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


_SHARED: list[Any] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_request_id,
]
