"""Moving a sink's cursor: read what follows it, hand it over, and write down how far that came.

One worker at a time holds a sink, under a lease that it renews with each batch. The cursor moves only once the other
side has taken a batch, so a batch whose answer was lost is sent again, under the same id. Whatever stands in the way is
tried again, later and later, and never skipped.
"""

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from galaxy.core import audit
from galaxy.core.audit.outcomes import outcome_of
from galaxy.core.audit.reading import as_object
from galaxy.core.audit.streams.links import link_of
from galaxy.core.audit.streams.messages import Batch, fitting
from galaxy.core.db.leases import over
from galaxy.core.errors import DomainError
from galaxy.core.models import AuditDetail, AuditEvent, AuditLeaf, AuditSink
from galaxy.core.notifications import notify, settle
from galaxy.core.permissions import holders_of
from galaxy.core.scope import workspace_scope

log = structlog.get_logger(__name__)

LEAVES = 500
MOST_BYTES = 900 * 1024
LEASE = timedelta(seconds=60)
TURN_S = 20.0  # how long one task works on one sink before others get their turn
FIRST_DELAY_S, LONGEST_DELAY_S = 2.0, 300.0
LONGEST_DELAY = timedelta(seconds=LONGEST_DELAY_S)
TELL_AFTER = timedelta(minutes=10)
AT_MOST = 100
GONE = "gone"

Sender = Callable[[Batch], dict[str, Any]]
_senders: list[Sender] = []


def register_sender(sender: Sender) -> None:
    """Who takes a batch to its sink, called at start-up by the floor that speaks to sandboxd.

    It answers {accepted, code, sentence} and raises DomainError where nobody could be asked.
    """
    _senders[:] = [sender]


def send_now(batch: Batch) -> dict[str, Any]:
    """What the other side says of one batch: {accepted, code, sentence}."""
    if not _senders:
        return {"accepted": False, "code": "closed", "sentence": "Nobody sends here: sandboxd does not run."}
    try:
        return _senders[0](batch)
    except DomainError as error:
        return {"accepted": False, "code": error.code, "sentence": str(error)}


def stream_due() -> list[tuple[UUID, UUID]]:
    """(workspace, sink) of every sink with something to send, across the walls: ids alone (see migration 0015)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, sink_id FROM core_due_sinks(%s)", [AT_MOST])
        return cursor.fetchall()


def deliver(workspace_id: UUID, sink_id: UUID) -> int:
    """Hand over what follows the cursor, for a while; returns how many leaves the cursor moved over."""
    with workspace_scope([workspace_id]):
        holder = uuid4()
        mine = AuditSink.objects.filter(workspace=workspace_id, pk=sink_id, paused_at=None, removed_at=None)
        free = over("lease_until", Now(), LEASE), over("next_at", Now(), LONGEST_DELAY)
        if not mine.filter(*free).update(holder=holder, lease_until=Now() + LEASE):
            return 0
        try:
            return _work(mine.filter(holder=holder), time.monotonic() + TURN_S)
        finally:
            AuditSink.objects.filter(workspace=workspace_id, pk=sink_id, holder=holder).update(
                holder=None, lease_until=None
            )


def _work(held: QuerySet[AuditSink], deadline: float) -> int:
    moved = 0
    while time.monotonic() < deadline:
        sink = held.select_related("workspace").first()
        batch = next_batch(sink) if sink else None
        if sink is None or batch is None:
            break
        if batch.lines and not _hand_over(sink, batch, held):
            break
        changes: dict[str, Any]
        if batch.lines:
            changes = {"delivered_at": Now(), "quiet_from": None}
        else:
            changes = {"quiet_from": batch.after}
        if not held.filter(cursor=sink.cursor).update(cursor=batch.until, lease_until=Now() + LEASE, **changes):
            break  # somebody set it back, or took over
        moved += batch.until - sink.cursor
    return moved


def next_batch(sink: AuditSink) -> Batch | None:
    """What follows the cursor, in as many leaves as fit; None where nothing does.

    It may be without lines, where the sink wants none of them. It begins where the last message ended.
    """
    leaves = list(
        AuditLeaf.objects.in_workspace(sink.workspace)
        .filter(position__gte=sink.cursor, position__lt=sink.cursor + LEAVES)
        .order_by("position")
        .values_list("position", "event_id", "hash")
    )
    if not leaves:
        return None
    ids = [event for _, event, _ in leaves]
    events = AuditEvent.objects.in_workspace(sink.workspace).select_related("workspace").in_bulk(ids)
    details = AuditDetail.objects.in_workspace(sink.workspace).in_bulk(ids)
    lines = [
        line_of(position, bytes(leaf), events[event], details.get(event))
        for position, event, leaf in leaves
        if event in events and events[event].action.startswith(sink.actions)
    ]
    count = fitting(lines, MOST_BYTES)
    until = leaves[-1][0] + 1 if count == len(lines) else lines[count]["sequence"]
    return Batch(str(sink.workspace_id), str(sink.pk), told_until(sink), until, tuple(lines[:count]))


def told_until(sink: AuditSink) -> int:
    """The leaf up to which messages have told of the trail; behind it up to the cursor there was nothing to tell."""
    return sink.cursor if sink.quiet_from is None else sink.quiet_from


def line_of(position: int, leaf: bytes, event: AuditEvent, detail: AuditDetail | None) -> dict[str, Any]:
    """One event as a sink is sent it, without values that retention has deleted or that are no object any more, for
    which nothing after it has to wait. ``leaf`` is its hash."""
    fields = as_object(detail.fields) if detail else {}
    groups: dict[str, dict[str, Any]] = {"before": {}, "after": {}, "data": {}}
    for name, value in fields.items():
        group, _, inner = name.partition(".")
        if group in groups:
            groups[group][inner] = value
    return {
        "sequence": position,
        "id": event.pk,
        "action": event.action,
        "occurred_at": event.occurred_at.isoformat(),
        "actor": {"kind": event.actor_kind, "id": event.actor_id, "label": detail.actor_label if detail else ""},
        "chain": fields.get("actor.chain", []),
        "target": {"kind": event.target_kind, "id": event.target_id, "label": detail.target_label if detail else ""},
        "request_id": event.request_id,
        "simulated": event.simulated,
        "outcome": outcome_of(event.action, simulated=event.simulated),
        **groups,
        "link": link_of(event),
        "leaf": leaf.hex(),
    }


def _hand_over(sink: AuditSink, batch: Batch, held: QuerySet[AuditSink]) -> bool:
    """Whether the other side took it; else how that went is written down, and when it is tried again."""
    answer = send_now(batch)
    if answer["accepted"]:
        if sink.failing_since:
            _healed(sink, held)
        return True
    _failed(sink, answer, held)
    return False


@transaction.atomic
def _failed(sink: AuditSink, answer: dict[str, Any], held: QuerySet[AuditSink]) -> None:
    """Count it, and wait: twice as long as before, or less by chance, so that many sinks do not come back at once."""
    longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(sink.failures, 16))
    delay = timedelta(seconds=random.uniform(longest / 2, longest))  # noqa: S311  (spreads load, hides nothing)
    sentence = answer["sentence"][:300]
    changes: dict[str, Any] = {"failures": F("failures") + 1, "last_error": sentence, "next_at": Now() + delay}
    if answer["code"] == GONE:
        changes["paused_at"] = Now()
    if not sink.failing_since:
        changes["failing_since"] = Now()
    held.update(**changes)
    log.warning("audit stream not taken", sink=str(sink.pk), code=answer["code"])
    if not sink.failing_since:
        audit.record("audit_sink.failing", actor=None, target=sink, after={"code": answer["code"]}, cursor=sink.cursor)
    if answer["code"] == GONE:
        audit.record("audit_sink.paused", actor=None, target=sink, why=sentence, cursor=sink.cursor)
    if answer["code"] == GONE or (sink.failing_since and _is_due_to_tell(sink)):
        notify(
            sink.workspace, holders_of(sink.workspace, "manage_audit"), "sink_failing", sink, note=sentence, again=False
        )


@transaction.atomic
def _healed(sink: AuditSink, held: QuerySet[AuditSink]) -> None:
    held.update(failures=0, failing_since=None, last_error="", next_at=Now())
    audit.record("audit_sink.healed", actor=None, target=sink, failures=sink.failures, cursor=sink.cursor)
    settle(sink.workspace, sink, "sink_failing")


def _is_due_to_tell(sink: AuditSink) -> bool:
    return AuditSink.objects.filter(
        pk=sink.pk, workspace=sink.workspace, failing_since__lte=Now() - TELL_AFTER
    ).exists()
