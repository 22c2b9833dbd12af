"""Handing a batch of the audit trail to a sink: signed and sent here, since nothing else opens keys or goes out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from galaxy.core.audit.streams.messages import Batch, syslog_frames, webhook_body, webhook_headers
from galaxy.core.audit.streams.places import NotAnAddress, Place, place_of_key, read_address
from galaxy.core.egress import urls
from galaxy.core.egress.broker import LOOPBACK
from galaxy.core.egress.configured import inner_syslog_transport, inner_transport
from galaxy.core.egress.refusals import Refused
from galaxy.core.egress.resolver import public_addresses
from galaxy.core.egress.transport import Outgoing
from galaxy.core.models import AuditSink, AuditSinkKey
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import KeyDestroyed
from galaxy.core.vault.opening import open_envelope
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.orders import BadOrder, only, parsed, typed
from sandbox.sandboxd.under_way import briefly

SECONDS = 20.0
MOST_LINES = 1000
_MOST_ANSWER = 64 * 1024


def ask_to_send(batch: Batch) -> dict[str, Any]:
    """What the worker calls: {accepted, code, sentence}. Raises what ``client.ask`` does."""
    body = {
        "workspace": batch.workspace,
        "sink": batch.sink,
        "after": batch.after,
        "until": batch.until,
        "lines": list(batch.lines),
    }
    return ask("audit.stream", body, seconds=SECONDS + 2)


def send(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
    """{accepted, code, sentence} of one batch. Where it goes and by which keys is read from the sink's own row."""
    only(body, {"workspace", "sink", "after", "until", "lines"})
    workspace, sink_id = parsed(body, "workspace", UUID), parsed(body, "sink", UUID)
    lines = typed(body, "lines", list)
    if len(lines) > MOST_LINES:
        raise BadOrder(f"A batch has at most {MOST_LINES} lines.")
    batch = Batch(str(workspace), str(sink_id), typed(body, "after", int), typed(body, "until", int), tuple(lines))
    with workspace_scope([workspace]), briefly():
        sink = AuditSink.objects.filter(workspace=workspace, pk=sink_id, paused_at=None, removed_at=None).first()
        if sink is None:
            raise BadOrder("There is no such sink, or it is paused.")
        keys = _keys(sink) if sink.kind == AuditSink.Kind.WEBHOOK else []
    try:
        place = read_address(sink.kind, sink.address)
        address, port, is_inner = _way_to(place, ways)
        if sink.kind == AuditSink.Kind.WEBHOOK:
            return _by_webhook(batch, place, address, port, is_inner, keys, timezone.now())
        frames = syslog_frames(batch, host=settings.GALAXY_URL.partition("//")[2].partition("/")[0])
        inner_syslog_transport().send(
            frames, host=place.host, port=port, address=address, seconds=SECONDS, is_peer=is_inner
        )
        return _answer(True)
    except NotAnAddress as error:
        return _answer(False, "bad_address", str(error))
    except Refused as refused:
        return _answer(False, refused.code, str(refused))


def _keys(sink: AuditSink) -> list[str]:
    """The keys in force, newest first. Raises VaultClosed, KeyDestroyed or CannotOpen."""
    rows = AuditSinkKey.objects.filter(workspace=sink.workspace_id, sink=sink).select_related("key")
    return [
        _opened(row) for row in rows.filter(Q(ends_at=None) | Q(ends_at__gt=timezone.now())).order_by("-number")[:3]
    ]


def _opened(row: AuditSinkKey) -> str:
    try:
        return open_envelope(row.key, place_of_key(row), row.wrapped_key, row.ciphertext)
    except KeyDestroyed:  # re-wrapped between our reading of the two rows
        row = AuditSinkKey.objects.select_related("key").get(pk=row.pk)
        return open_envelope(row.key, place_of_key(row), row.wrapped_key, row.ciphertext)


def _way_to(place: Place, ways: Ways) -> tuple[str, int, bool]:
    """The address and port to connect to, and whether a private authority may have signed its certificate.

    Whoever runs Galaxy may name hosts of their own network; no other address there is ever reached. Raises Refused.
    """
    peers = dict(ways.peers)
    if place.host in peers:
        return LOOPBACK, peers[place.host], True
    if place.host in settings.GALAXY_INNER_HOSTS:
        return ways.resolver.resolve(place.host, SECONDS)[0], place.port, True
    return public_addresses(ways.resolver, place.host, SECONDS)[0], place.port, False


def _by_webhook(
    batch: Batch, place: Place, address: str, port: int, is_inner: bool, keys: list[str], now: datetime
) -> dict[str, Any]:
    body = webhook_body(batch)
    request = Outgoing(
        method="POST",
        host=place.host,
        port=port,
        target=place.target,
        headers=[*webhook_headers(batch.id, body, keys, now), ("User-Agent", "Galaxy")],
        body=body,
        shown_url=urls.Url(place.host, place.port, place.target, None).target,
        most_bytes=_MOST_ANSWER,
        is_peer=is_inner,
    )
    status = inner_transport().send(request, address, SECONDS).status
    if 200 <= status < 300:
        return _answer(True)
    code = "gone" if status == 410 else f"http_{status}"
    return _answer(False, code, f"{place.host} answered {status}.")


def _answer(accepted: bool, code: str = "", sentence: str = "") -> dict[str, Any]:
    return {"accepted": accepted, "code": code, "sentence": sentence}
