"""Handing a batch of the audit trail to a sink."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from galaxy.core.audit.streams.messages import Batch, syslog_frames, webhook_body
from galaxy.core.audit.streams.places import NotAnAddress, place_of_key, read_address
from galaxy.core.egress.configured import inner_syslog_transport
from galaxy.core.egress.refusals import Refused
from galaxy.core.models import AuditSink, AuditSinkKey
from galaxy.core.scope import workspace_scope
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.orders import BadOrder, only, parsed, typed
from sandbox.sandboxd.under_way import briefly
from sandbox.sandboxd.webhooks import SECONDS, answer, keys_in_force, post, way_to

MOST_LINES = 1000


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
        rows = AuditSinkKey.objects.filter(workspace=workspace, sink=sink)
        keys = keys_in_force(rows, place_of_key) if sink.kind == AuditSink.Kind.WEBHOOK else []
    try:
        place = read_address(sink.kind, sink.address)
        way = way_to(place, ways, inner=settings.GALAXY_INNER_HOSTS)
        if sink.kind == AuditSink.Kind.WEBHOOK:
            return post(batch.id, webhook_body(batch), place, way, keys, timezone.now())
        address, port, is_inner = way
        frames = syslog_frames(batch, host=settings.GALAXY_URL.partition("//")[2].partition("/")[0])
        inner_syslog_transport().send(
            frames, host=place.host, port=port, address=address, seconds=SECONDS, is_peer=is_inner
        )
        return answer(True)
    except NotAnAddress as error:
        return answer(False, "bad_address", str(error))
    except Refused as refused:
        return answer(False, refused.code, str(refused))
