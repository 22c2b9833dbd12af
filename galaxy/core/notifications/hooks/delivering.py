"""Sending what waits for a webhook, oldest first: one worker at a time, later and later while it is not taken.

What was taken is marked at once. A message whose answer was lost is sent again, under the same id. What is not taken
for GIVE_UP switches the webhook off, and its person is told; nothing is dropped before that but what was read, settled,
muted or not wanted meanwhile, and what is older than STALE.
"""

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.db.leases import over
from galaxy.core.errors import DomainError
from galaxy.core.models import Membership, NewsHook, Notification
from galaxy.core.notifications import sending
from galaxy.core.notifications.choosing import choices_of
from galaxy.core.notifications.hooks.messages import Message, message_of
from galaxy.core.notifications.kinds import find, kind_of, kinds
from galaxy.core.scope import workspace_scope

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)
TURN_S = 20.0  # how long one task works for one webhook before others get their turn
AT_A_TIME = 50
FIRST_DELAY_S, LONGEST_DELAY_S = 5.0, 3600.0
LONGEST_DELAY = timedelta(seconds=LONGEST_DELAY_S)
AT_MOST = 100
GONE = "gone"

Sender = Callable[[Message], dict[str, Any]]
_senders: list[Sender] = []


def register_sender(sender: Sender) -> None:
    """Who takes a message to its webhook, called at start-up by the floor that speaks to sandboxd.

    It answers {accepted, code, sentence} and raises DomainError where nobody could be asked.
    """
    _senders[:] = [sender]


def send_now(message: Message) -> dict[str, Any]:
    """What the other side says of one message: {accepted, code, sentence}; with ``unasked`` where it was not asked, for
    which it is not to blame."""
    if not _senders:
        sentence = "Nobody sends here: sandboxd does not run."
        return {"accepted": False, "code": "closed", "sentence": sentence, "unasked": True}
    try:
        return _senders[0](message)
    except DomainError as error:
        return {"accepted": False, "code": error.code, "sentence": str(error), "unasked": True}


def hooks_due() -> list[tuple[UUID, UUID]]:
    """(workspace, hook) of every webhook with something to send, across the walls: ids alone (see migration 0023)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, hook_id FROM core_due_newshooks(%s)", [AT_MOST])
        return cursor.fetchall()


def deliver(workspace_id: UUID, hook_id: UUID) -> int:
    """Send what waits, for a while; returns how many messages were taken."""
    with workspace_scope([workspace_id]):
        holder = uuid4()
        mine = NewsHook.objects.filter(workspace=workspace_id, pk=hook_id, off_at=None)
        free = over("lease_until", Now(), LEASE), over("next_at", Now(), LONGEST_DELAY)
        if not mine.filter(*free).update(holder=holder, lease_until=Now() + LEASE):
            return 0
        held = mine.filter(holder=holder)
        try:
            return _work(held, time.monotonic() + TURN_S)
        finally:
            NewsHook.objects.filter(workspace=workspace_id, pk=hook_id, holder=holder).update(
                holder=None, lease_until=None
            )


def _work(held: QuerySet[NewsHook], deadline: float) -> int:
    taken = 0
    while hook := held.select_related("workspace", "person").first():
        rows = _due(hook)
        if not rows:
            break
        places = find(hook.person, hook.workspace, [(row.target_kind, row.target_id) for row in rows])
        for row in rows:
            message = message_of(row, hook.workspace, str(hook.pk), places.get((row.target_kind, row.target_id)))
            answer = send_now(message)
            if not answer["accepted"]:
                _failed(hook, answer, held)
                return taken
            _still(row).update(hook_at=None)
            taken += 1
            if not _well(hook, held) or time.monotonic() > deadline:
                return taken
    return taken


def _due(hook: NewsHook) -> list[Notification]:
    """What is to be sent now, oldest first; what is not wanted is let go, and what comes in quiet hours put off."""
    now = timezone.now()
    rows = Notification.objects.in_workspace(hook.workspace).of(hook.person).filter(hook_at__isnull=False)
    known = [kind.name for kind in kinds()]
    here = Membership.objects.in_workspace(hook.workspace).filter(user=hook.person, user__is_active=True)
    if not here.exists():
        rows.update(hook_at=None)
        return []
    rows.filter(Q(read_at__isnull=False) | Q(occurred_at__lt=now - stale()) | ~Q(kind__in=known)).update(hook_at=None)
    choices = choices_of(hook.person, hook.workspace)
    quiet = choices.quiet_until(now)
    found = []
    # News of a time that is still to come is from before the clock was set back: due now, unless these are quiet hours.
    due = rows.filter(Q(hook_at__lte=now) | Q(occurred_at__gt=now))
    for row in due.select_related("by").order_by("occurred_at", "pk")[:AT_A_TIME]:
        if not choices.hook(row.kind):
            _still(row).update(hook_at=None)
        elif quiet and not kind_of(row.kind).fixed:
            _still(row).update(hook_at=quiet)
        else:
            found.append(row)
    return found


def stale() -> timedelta:
    """News that old is not sent any more: a webhook is switched off before, so only what was never tried grows so."""
    return give_up_after() + timedelta(hours=24)


def give_up_after() -> timedelta:
    return timedelta(hours=settings.GALAXY_NEWS_HOOK_HOURS)


def _still(row: Notification) -> QuerySet[Notification]:
    """The row as long as this is its latest: what came up again meanwhile is news of its own."""
    return Notification.objects.filter(workspace=row.workspace_id, pk=row.pk, occurred_at=row.occurred_at)


def _well(hook: NewsHook, held: QuerySet[NewsHook]) -> bool:
    """Note that it was taken; False where somebody switched it off, or took over."""
    healed = {"failures": 0, "failing_since": None, "last_error": ""} if hook.failing_since else {}
    hook.failing_since = None
    return bool(held.update(delivered_at=Now(), lease_until=Now() + LEASE, **healed))


@transaction.atomic
def _failed(hook: NewsHook, answer: dict[str, Any], held: QuerySet[NewsHook]) -> None:
    """Count it, and wait: twice as long as before, or less by chance, so that many do not come back at once."""
    longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(hook.failures, 16))
    delay = timedelta(seconds=random.uniform(longest / 2, longest))  # noqa: S311  (spreads load, hides nothing)
    log.warning("webhook of news not taken", hook=str(hook.pk), code=answer["code"])
    if answer.get("unasked"):
        held.update(next_at=Now() + delay)
        return
    sentence = answer["sentence"][:300]
    changes: dict[str, Any] = {"failures": F("failures") + 1, "last_error": sentence, "next_at": Now() + delay}
    if not hook.failing_since:
        changes["failing_since"] = Now()
    is_long = hook.failing_since and hook.failing_since <= timezone.now() - give_up_after()
    if not is_long and answer["code"] != GONE:
        held.update(**changes)
        return
    if answer["code"] == GONE:
        why = sentence
    else:
        why = f"Nothing was taken for {settings.GALAXY_NEWS_HOOK_HOURS} hours. {sentence}"[:300]
    if held.update(**changes, off_at=Now(), off_because=why):
        waiting = Notification.objects.in_workspace(hook.workspace).of(hook.person).filter(hook_at__isnull=False)
        waiting.update(hook_at=None)
        audit.record("news_hook.switched_off", actor=None, target=hook, why=answer["code"])
        sending.notify(hook.workspace, [hook.person], "hook_off", hook, note=why)
