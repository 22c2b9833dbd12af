"""Where a sink is: its address read strictly, and the place that its keys are sealed for."""

import re
from dataclasses import dataclass

from galaxy.core.egress import urls
from galaxy.core.egress.refusals import Refused
from galaxy.core.models import AuditSink, AuditSinkKey
from galaxy.core.vault import envelope

SYSLOG_PORT = 6514  # RFC 5425
_NAME = "audit sink"  # one that no secret of the vault can have


class NotAnAddress(ValueError):
    """A sentence for whoever typed it."""


@dataclass(frozen=True)
class Place:
    """``target`` is path and query of a webhook, "" for syslog."""

    host: str
    port: int
    target: str = ""


def read_address(kind: str, address: str) -> Place:
    """Raises NotAnAddress."""
    return _webhook(address) if kind == AuditSink.Kind.WEBHOOK else _syslog(address)


def _webhook(address: str) -> Place:
    try:
        url = urls.parse(address)
    except Refused as refused:
        raise NotAnAddress(str(refused)) from refused
    return Place(url.host, url.port, url.target)


def _syslog(address: str) -> Place:
    found = re.fullmatch(r"([^:/\s]{1,253})(?::(\d{1,5}))?", address, re.ASCII)
    host, port = (found[1].lower(), int(found[2] or SYSLOG_PORT)) if found else ("", 0)
    if not urls.is_host(host) or not 0 < port < 65536:
        raise NotAnAddress(f"Write the name of a host, or host:port; without a port it is {SYSLOG_PORT}.")
    return Place(host, port)


def key_place(sink: AuditSink, number: int, host: str) -> envelope.Place:
    return envelope.Place(sink.workspace_id, sink.pk, _NAME, number, (host,), ("header",))


def place_of_key(row: AuditSinkKey) -> envelope.Place:
    """Where a key stands now; what it was sealed for must be the same."""
    return envelope.Place(row.workspace_id, row.sink_id, _NAME, row.number, (row.host,), ("header",))
