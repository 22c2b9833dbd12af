"""Structured logs: one event a line, with the request id and never with values of inputs, outputs or secrets."""

import logging

import structlog
from structlog.typing import Processor

from galaxy.core.request_id import current_request_id


def _add_request_id(logger, method, event):
    request_id = current_request_id()
    if request_id:
        event["request_id"] = request_id
    return event


def configure(config: dict) -> None:
    """Called by Django with ``settings.LOGGING``: {level, json}."""
    shared: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request_id,
    ]
    last: Processor = structlog.dev.ConsoleRenderer(colors=False)
    if config["json"]:
        last = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config["level"])
    logging.getLogger("django.request").setLevel(logging.ERROR)
