"""News by mail, for the kinds that each person chose."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core import mail
from galaxy.core.models import Notification, User, Workspace
from galaxy.core.notifications.kinds import find, kind_of, kinds

DIGESTED = timedelta(days=1)  # what waited longer, since nobody was there to send it, stands in the console
DIGEST_LINES = 25
FRESH = timedelta(hours=1)  # what could not be sent by then is not news any more; it stands in the console


def wants_mail(user: User, kind: str) -> bool:
    """Whether ``user`` has mails of this kind; where they chose nothing, what the kind says."""
    return bool(user.mail_choices.get(kind, kind_of(kind).by_mail))


def mailed_kinds(user: User) -> list[str]:
    """Names of the kinds that reach ``user`` by mail."""
    return [kind.name for kind in kinds() if wants_mail(user, kind.name)]


def mail_notifications(workspace: Workspace, kind: str, target_id: UUID) -> int:
    """Mail fresh news of one kind about one object to those who want it; returns how many mails went out.

    Each row is marked first, so that a task that comes twice sends nothing twice.
    """
    now = timezone.now()
    fresh = Notification.objects.in_workspace(workspace).filter(
        Q(mailed_at=None) | Q(mailed_at__lt=F("occurred_at")),
        kind=kind,
        target_id=target_id,
        read_at=None,
        occurred_at__gte=now - FRESH,
        later=False,
        person__is_active=True,
    )
    sent = 0
    for row in fresh.select_related("person", "by"):
        if wants_mail(row.person, kind) and fresh.filter(pk=row.pk).update(mailed_at=now):
            sent += _send(workspace, row)
    return sent


def people_with_digests() -> list[tuple[UUID, UUID]]:
    """(workspace, person) of whoever has news that waits for its hour, across the walls (see migration 0015)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, person_id FROM core_due_digests(%s)", [timezone.now() - DIGESTED])
        return cursor.fetchall()


def mail_digest(workspace: Workspace, person: User) -> int:
    """One mail to one person with all the news that could wait; returns how many pieces of news stand in it.

    Rows are marked first, so that a task that comes twice sends nothing twice. What was read meanwhile is no news.
    """
    now = timezone.now()
    waiting = Notification.objects.in_workspace(workspace).filter(
        Q(mailed_at=None) | Q(mailed_at__lt=F("occurred_at")),
        later=True,
        read_at=None,
        person=person,
        person__is_active=True,
        occurred_at__gte=now - DIGESTED,
    )
    rows = [
        row
        for row in waiting.select_related("by").order_by("-occurred_at")
        if wants_mail(person, row.kind) and waiting.filter(pk=row.pk).update(mailed_at=now)
    ]
    if not rows:
        return 0
    places = find(person, workspace, [(row.target_kind, row.target_id) for row in rows])
    lines = [(kind_of(row.kind).title, places.get((row.target_kind, row.target_id))) for row in rows]
    context = {
        "workspace": workspace,
        "count": len(rows),
        "lines": lines[:DIGEST_LINES],
        "more": max(0, len(lines) - DIGEST_LINES),
        "link": page_link(workspace),
    }
    mail.send("digest", person.email, context)
    return len(rows)


def page_link(workspace: Workspace) -> str:
    """The address of the notifications page for a mail; "" where nobody has told Galaxy its own address."""
    base = settings.GALAXY_URL.rstrip("/")
    return base + reverse("core:notification-list", args=[workspace.slug]) if base else ""


def _send(workspace: Workspace, row: Notification) -> bool:
    key = (row.target_kind, row.target_id)
    context = {
        "workspace": workspace,
        "row": row,
        "kind": kind_of(row.kind),
        "place": find(row.person, workspace, [key]).get(key),
        "link": page_link(workspace),
    }
    return mail.send("notification", row.person.email, context)
