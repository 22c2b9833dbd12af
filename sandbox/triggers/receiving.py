"""A webhook's way in: found, proved, counted, stored; and only then answered. What starts of it starts later.

Whoever cannot prove themselves is told the same whatever the reason is, also where there is no such webhook.
"""

import contextlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from galaxy.core.errors import DomainError
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import CannotOpen, KeyDestroyed, VaultClosed
from sandbox.json_input import read_json
from sandbox.models import Trigger, TriggerDelivery, TriggerFiring
from sandbox.plain_json import require_plain
from sandbox.sandboxd.hooks import ask_whether_signed
from sandbox.triggers.counting import count
from sandbox.triggers.mapping import Event, event_of, key_of
from sandbox.triggers.signing import GOOD, Proof, event_id_of
from sandbox.triggers.silence import heard
from sandbox.windows import Window, take, window

log = structlog.get_logger(__name__)
JSON_TYPES, FORM_TYPE = ("application/json", "+json"), "application/x-www-form-urlencoded"
MOST_EVENTS = 100  # of one run that is given all of them, and
MOST_EVENTS_BYTES = 192 * 1024  # what they take together: a run has inputs of 256 KiB
RETRY_S = 30
_ADDRESS = re.compile(r"[A-Za-z0-9_-]{22,43}", re.ASCII)


@dataclass(frozen=True)
class Answer:
    """What the sender is told: a status, and a word; ``retry_s`` where coming again helps."""

    status: int
    word: str
    id: str = ""
    retry_s: int = 0


REFUSED = Answer(401, "refused")
TOO_LARGE = Answer(413, "too_large")
NOT_NOW = Answer(503, "not_now", retry_s=RETRY_S)


@dataclass(frozen=True)
class Incoming:
    """What came: ``headers`` by their names in small letters; ``source`` is whom it came from, by address. ``body`` is
    None where it is larger than is taken, and was not read."""

    body: bytes | None = field(repr=False)
    content_type: str
    headers: dict[str, str] = field(repr=False)
    source: str


class _Unreadable(Exception):
    """What came is signed and no event; the message is a word for the sender."""


def receive(address: str, incoming: Incoming) -> Answer:
    """Take one delivery. It is stored once this has returned 202; everything else is counted, or of no webhook, or
    answered 503."""
    found = _hook(address)
    now = timezone.now()
    try:
        wait_ms, _ = take([_from(incoming.source)], uuid4().hex, 0)
    except RedisError:
        log.warning("webhook not counted, so not taken")
        return NOT_NOW
    refused = TOO_LARGE if incoming.body is None else REFUSED
    if found is None:
        return _over(wait_ms) if wait_ms else refused
    workspace_id, trigger_id = found
    with workspace_scope([workspace_id]):
        trigger = Trigger.objects.filter(workspace=workspace_id, pk=trigger_id).select_related("workspace").first()
        if trigger is None or not trigger.is_on:
            if trigger and not trigger.removed_at and not wait_ms:  # a flood at what is off writes nothing
                count(trigger, "switched_off", now)
            return _over(wait_ms) if wait_ms else refused
        if wait_ms:
            count(trigger, "over_budget", now)
            return _over(wait_ms)
        if incoming.body is None:
            count(trigger, "too_large", now)
            return TOO_LARGE
        return _receive(trigger, incoming, incoming.body, now)


def _receive(trigger: Trigger, incoming: Incoming, body: bytes, now: datetime) -> Answer:
    proof = _proof(trigger, incoming, body)
    try:
        verdict = ask_whether_signed(trigger, proof)
    except (VaultClosed, KeyDestroyed, CannotOpen, DomainError) as error:
        log.warning("webhook could not be verified", trigger=str(trigger.pk), code=error.code)
        return NOT_NOW
    if verdict != GOOD:
        count(trigger, verdict, now)
        return REFUSED
    try:
        wait_ms, _ = take([window(f"galaxy:hook:{trigger.pk}", "rpm", trigger.per_minute)], uuid4().hex, 0)
    except RedisError:
        return NOT_NOW
    if wait_ms:
        count(trigger, "over_budget", now)
        return _over(wait_ms)
    id = event_id_of(trigger.signature, proof)
    try:
        event = event_of(id, now.isoformat(), kind=trigger.kind, body=_read(incoming.content_type, body))
    except _Unreadable as error:
        count(trigger, "unreadable", now)
        return Answer(422, str(error), id)
    return Answer(202, store(trigger, event, len(body), now), id)


def store(trigger: Trigger, event: Event, body_bytes: int, now: datetime) -> str:
    """Keep an event that was proved and is within its budget: accepted, merged or repeated; in one transaction with the
    count of it."""
    try:
        with transaction.atomic():
            firing, was_merged = _joined(trigger, event, now)
            TriggerDelivery.objects.create(
                workspace_id=trigger.workspace_id,
                trigger=trigger,
                firing=firing,
                event_id=event["id"],
                received_at=now,
                body_bytes=body_bytes,
                was_merged=was_merged,
            )
            heard(trigger, now)
            word = "merged" if was_merged else "accepted"
            count(trigger, word, now)
            if firing.due_at <= now:
                transaction.on_commit(partial(ring, trigger.workspace_id, trigger.pk))
    except IntegrityError:
        if not _is_known(trigger, event["id"]):
            raise
        count(trigger, "repeated", now)  # its first delivery is stored, so this one is answered alike
        return "repeated"
    return word


def _joined(trigger: Trigger, event: Event, now: datetime) -> tuple[TriggerFiring, bool]:
    """The firing that this event belongs to, and whether it waited for more already. In the caller's transaction."""
    key = key_of(trigger, event)
    mine = TriggerFiring.objects.in_workspace(trigger.workspace_id).filter(trigger=trigger)
    while key:
        waiting = mine.filter(key=key, state=TriggerFiring.State.WAITING).select_for_update(of=("self",)).first()
        if waiting and _has_room(waiting, trigger, event):
            _merge(waiting, trigger, event, now)
            return waiting, True
        if waiting:  # it starts now, with what it has; this event is the first of the next
            waiting.key, waiting.due_at = "", now
            waiting.save(update_fields=["key", "due_at"])
            transaction.on_commit(partial(ring, trigger.workspace_id, trigger.pk))
        try:
            with transaction.atomic():
                return _opened(trigger, event, now, key), False
        except IntegrityError:  # another worker opened one in the same moment
            continue
    return _opened(trigger, event, now, ""), False


def _opened(trigger: Trigger, event: Event, now: datetime, key: str) -> TriggerFiring:
    quiet, longest = timedelta(milliseconds=trigger.quiet_ms), timedelta(milliseconds=trigger.longest_ms)
    return TriggerFiring.objects.create(
        workspace_id=trigger.workspace_id,
        trigger=trigger,
        why=TriggerFiring.Why.EVENT,
        key=key,
        opened_at=now,
        due_at=now + (min(quiet, longest) if longest else quiet) if key else now,
        longest_at=now + longest if key and longest else None,
        events=[event],
    )


def _merge(waiting: TriggerFiring, trigger: Trigger, event: Event, now: datetime) -> None:
    """One more event for what waits: counted in any case, kept as ``uses`` says, and waited for anew."""
    due = now + timedelta(milliseconds=trigger.quiet_ms)
    waiting.due_at = min(due, waiting.longest_at) if waiting.longest_at else due
    waiting.merged += 1
    if trigger.uses == Trigger.Uses.LAST:
        waiting.events = [event]
    elif trigger.uses == Trigger.Uses.ALL:
        waiting.events = [*(waiting.events or []), event]
    waiting.save(update_fields=["due_at", "merged", "events"])


def _has_room(waiting: TriggerFiring, trigger: Trigger, event: Event) -> bool:
    """Whether what waits can take one more: a run that is given all of them loses none."""
    kept = waiting.events or []
    return trigger.uses != Trigger.Uses.ALL or (len(kept) < MOST_EVENTS and _fits([*kept, event]))


def _fits(events: list[Event]) -> bool:
    return sum(len(json.dumps(one["body"])) for one in events) <= MOST_EVENTS_BYTES


def ring(workspace_id: UUID, trigger_id: UUID) -> None:
    """Tell the workers that something is due. If the broker is out of reach, beat finds it within seconds."""
    from sandbox.tasks import tend_trigger

    try:
        tend_trigger.apply_async(args=[str(workspace_id), str(trigger_id)], retry=False, expires=60)
    except OperationalError as error:
        log.warning("broker out of reach, beat will find it", trigger=str(trigger_id), error=type(error).__name__)


def _proof(trigger: Trigger, incoming: Incoming, body: bytes) -> Proof:
    headers = incoming.headers
    return Proof(
        body=body,
        id=headers.get("webhook-id", ""),
        timestamp=headers.get("webhook-timestamp", ""),
        signature=headers.get("webhook-signature", ""),
        header=headers.get(trigger.header.lower(), "") if trigger.header else "",
    )


def _read(content_type: str, body: bytes) -> Any:
    """The body as a value. Raises _Unreadable."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        text = body.decode()
        if kind == FORM_TYPE:
            value: Any = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=1000))
        elif kind.endswith(JSON_TYPES):
            value = read_json(text)
        else:
            raise _Unreadable("content_type")
        require_plain(value, max_bytes=settings.GALAXY_HOOK_BODY_BYTES)
    except (ValueError, ValidationError) as error:  # NotPlain and what is no UTF-8 among the first
        raise _Unreadable("not_an_event") from error
    return value


def _is_known(trigger: Trigger, id: str) -> bool:
    rows = TriggerDelivery.objects.in_workspace(trigger.workspace_id)
    return rows.filter(trigger=trigger, event_id=id).exists()


def _from(source: str) -> Window:
    """Of one address, or of the /64 network that one subscriber of IPv6 has to choose addresses from."""
    with contextlib.suppress(ValueError):
        if (found := ip_address(source)).version == 6:
            source = str(ip_network(f"{found}/64", strict=False))
    return window(f"galaxy:hooks:from:{source}", "rpm", settings.GALAXY_HOOK_SOURCE_RATE)


def _over(wait_ms: int) -> Answer:
    return Answer(429, "over_budget", retry_s=-(-wait_ms // 1000))


def _hook(address: str) -> tuple[UUID, UUID] | None:
    """(workspace, trigger) of an address, across the walls: ids alone (migration 0016)."""
    if not _ADDRESS.fullmatch(address):
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, trigger_id FROM sandbox_hook(%s)", [address])
        return cursor.fetchone()
