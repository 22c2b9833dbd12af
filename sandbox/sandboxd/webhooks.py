"""Signed messages to addresses that workspaces and people name: signed and sent here, since nothing else opens keys or
goes out. What is sent, and to whom, is its callers' (streams.py, news.py)."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet
from django.utils import timezone

from galaxy.core.audit.streams.messages import webhook_headers
from galaxy.core.audit.streams.places import Place
from galaxy.core.egress import urls
from galaxy.core.egress.broker import LOOPBACK
from galaxy.core.egress.configured import inner_transport
from galaxy.core.egress.resolver import public_addresses
from galaxy.core.egress.transport import Outgoing
from galaxy.core.vault import envelope
from galaxy.core.vault.errors import KeyDestroyed
from galaxy.core.vault.hook_keys import in_force
from galaxy.core.vault.opening import open_envelope
from sandbox.sandboxd.execution import Ways

SECONDS = 20.0
MOST_KEYS = 3
_MOST_ANSWER = 64 * 1024


def keys_in_force(rows: QuerySet[Any], place_of: Callable[[Any], envelope.Place]) -> list[str]:
    """The keys of ``rows`` that sign, newest first. Raises VaultClosed, KeyDestroyed or CannotOpen."""
    valid = in_force(rows.select_related("key"), timezone.now())
    return [_opened(row, place_of) for row in valid.order_by("-number")[:MOST_KEYS]]


def way_to(place: Place, ways: Ways, *, inner: Iterable[str] = ()) -> tuple[str, int, bool]:
    """The address and port to connect to, and whether a private authority may have signed its certificate.

    ``inner`` are hosts of one's own network that whoever runs Galaxy named for this; no other address there is ever
    reached. Raises Refused.
    """
    peers = dict(ways.peers)
    if place.host in peers:
        return LOOPBACK, peers[place.host], True
    if place.host in inner:
        return ways.resolver.resolve(place.host, SECONDS)[0], place.port, True
    return public_addresses(ways.resolver, place.host, SECONDS)[0], place.port, False


def post(
    id: str, body: bytes, place: Place, way: tuple[str, int, bool], keys: Iterable[str], now: datetime
) -> dict[str, Any]:
    """{accepted, code, sentence} of one signed POST. No redirect is followed. Raises Refused."""
    address, port, is_inner = way
    request = Outgoing(
        method="POST",
        host=place.host,
        port=port,
        target=place.target,
        headers=[*webhook_headers(id, body, keys, now), ("User-Agent", "Galaxy")],
        body=body,
        shown_url=urls.Url(place.host, place.port, place.target, None).target,
        most_bytes=_MOST_ANSWER,
        is_peer=is_inner,
    )
    status = inner_transport().send(request, address, SECONDS).status
    if 200 <= status < 300:
        return answer(True)
    return answer(False, "gone" if status == 410 else f"http_{status}", f"{place.host} answered {status}.")


def answer(accepted: bool, code: str = "", sentence: str = "") -> dict[str, Any]:
    return {"accepted": accepted, "code": code, "sentence": sentence}


def _opened(row: Any, place_of: Callable[[Any], envelope.Place]) -> str:
    model: type[Model] = type(row)
    try:
        return open_envelope(row.key, place_of(row), row.wrapped_key, row.ciphertext)
    except KeyDestroyed:  # re-wrapped between our reading of the two rows
        row = model._default_manager.select_related("key").get(pk=row.pk)
        return open_envelope(row.key, place_of(row), row.wrapped_key, row.ciphertext)
