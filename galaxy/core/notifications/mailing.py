"""News by mail, at once or together with other news, as each person chose.

What waits to be mailed stands in its row (``mail_at``). The task that is rung for after the commit sends what goes out
at once; the rounds of every half an hour send what waited, for a digest, for the end of quiet hours, or because nobody
heard the bell. Each row is marked before its mail is handed over, so that a task that comes twice sends nothing twice.
"""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from galaxy.core import mail
from galaxy.core.models import Notification, User, Workspace
from galaxy.core.notifications.choosing import DIGEST, NOW, OFF, Choices, account_mail, choices_in, choices_of
from galaxy.core.notifications.kinds import find, kind_of, kinds
from galaxy.core.notifications.unsubscribing import headers_for

DIGESTED = timedelta(days=1)  # what waited longer than its time, since nobody was there, stands in the console
DIGEST_LINES = 25
FRESH = timedelta(hours=1)  # what could not be sent by then waits for the next round


def mailed_kinds(user: User) -> list[str]:
    """Names of the kinds that reach ``user`` by mail, by their account."""
    return [kind.name for kind in kinds() if account_mail(user, kind) != OFF]


def mail_notifications(workspace: Workspace, kind: str, target_id: UUID) -> int:
    """Mail fresh news of one kind about one object to those who want it at once; returns how many mails went out."""
    now = timezone.now()
    fresh = _to_mail(workspace).filter(kind=kind, target_id=target_id, occurred_at__gte=now - FRESH, later=False)
    rows = list(fresh.select_related("person", "by"))
    choices = choices_in(workspace, [row.person for row in rows])
    sent = 0
    for row in rows:
        chosen = choices[row.person_id]
        if chosen.mail(kind) == NOW and not _waits(row, chosen, now) and _take(row, now):
            sent += _send(workspace, row)
    return sent


def people_with_digests() -> list[tuple[UUID, UUID]]:
    """(workspace, person) of whoever has news that is due for a mail, across the walls (see migration 0023)."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, person_id FROM core_due_mails(%s, %s)", [now, now - DIGESTED])
        return cursor.fetchall()


def mail_digest(workspace: Workspace, person: User) -> int:
    """One mail to one person with all the news that is due; returns how many pieces of news stand in it.

    What they want in their digest, or came in their quiet hours, is put off until then. What was read meanwhile is no
    news.
    """
    now = timezone.now()
    choices = choices_of(person, workspace)
    due = _to_mail(workspace).filter(person=person, mail_at__lte=now, mail_at__gte=now - DIGESTED)
    rows = [
        row
        for row in due.select_related("by", "person").order_by("-occurred_at")
        if _is_wanted(row, choices) and not _put_off(row, choices, now) and _take(row, now)
    ]
    if not rows:
        return 0
    if choices.digest_off:
        return sum(_send(workspace, row) for row in rows)
    places = find(person, workspace, [(row.target_kind, row.target_id) for row in rows])
    lines = [(kind_of(row.kind).title, places.get((row.target_kind, row.target_id))) for row in rows]
    counts = Counter(title for title, _ in lines)
    context = {
        "workspace": workspace,
        "count": len(rows),
        "lines": lines[:DIGEST_LINES],
        "more": max(0, len(lines) - DIGEST_LINES),
        "kinds": counts.most_common() if len(counts) > 1 else [],
        "link": page_link(workspace),
    }
    mail.send("digest", person.email, context, headers=headers_for(person, workspace, ""))
    return len(rows)


def page_link(workspace: Workspace) -> str:
    """The address of the notifications page for a mail; "" where nobody has told Galaxy its own address."""
    base = settings.GALAXY_URL.rstrip("/")
    return base + reverse("core:notification-list", args=[workspace.slug]) if base else ""


def _to_mail(workspace: Workspace) -> QuerySet[Notification]:
    """News that may be mailed still, to people who are members still."""
    return Notification.objects.in_workspace(workspace).filter(
        mail_at__isnull=False, read_at=None, person__is_active=True, person__memberships__workspace=workspace
    )


def _is_wanted(row: Notification, choices: Choices) -> bool:
    """Else nothing will be mailed of it any more. Who left digests has mails one by one, of what cannot wait."""
    how = choices.mail(row.kind)
    if how != OFF and not (choices.digest_off and (how == DIGEST or row.later)):
        return True
    _still(row).update(mail_at=None)
    return False


def _put_off(row: Notification, choices: Choices, now: datetime) -> bool:
    until = _waits(row, choices, now)
    if until:
        _still(row).update(mail_at=until)
    return until is not None


def _waits(row: Notification, choices: Choices, now: datetime) -> datetime | None:
    """Until when it has to wait from now on; None where its time has come."""
    if kind_of(row.kind).fixed:
        return None
    if choices.mail(row.kind) == DIGEST:
        return choices.next_digest(now) if row.mail_at == row.occurred_at else None
    return choices.quiet_until(now)


def _take(row: Notification, now: datetime) -> bool:
    """Whether this very piece of news is ours to send: one task wins, and what came up again meanwhile is left."""
    return bool(_still(row).update(mail_at=None, mailed_at=now))


def _still(row: Notification) -> QuerySet[Notification]:
    return Notification.objects.filter(workspace=row.workspace_id, pk=row.pk, mail_at=row.mail_at)


def _send(workspace: Workspace, row: Notification) -> bool:
    key = (row.target_kind, row.target_id)
    context = {
        "workspace": workspace,
        "row": row,
        "kind": kind_of(row.kind),
        "place": find(row.person, workspace, [key]).get(key),
        "link": page_link(workspace),
    }
    return mail.send("notification", row.person.email, context, headers=headers_for(row.person, workspace, row.kind))
