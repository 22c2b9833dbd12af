"""Hearing nothing more about one object, and hearing of it again."""

from uuid import UUID

from django.utils import timezone

from galaxy.core.errors import Conflict
from galaxy.core.models import Mute, Notification, User, Workspace
from galaxy.core.notifications.kinds import Place, find

MOST_MUTES = 200


def mute(news: Notification) -> None:
    """Whoever ``news`` is for hears nothing more about its object; what they have of it is read, and goes nowhere.

    Safe to call twice. Raises Conflict where they muted as much as one can.
    """
    own = Mute.objects.in_workspace(news.workspace).of(news.person)
    if own.filter(target_id=news.target_id).exists():
        return
    if own.count() >= MOST_MUTES:
        raise Conflict(f"You muted {MOST_MUTES} objects here.", "Let some of them speak again first.")
    row = Mute(workspace=news.workspace, person=news.person, target_kind=news.target_kind, target_id=news.target_id)
    Mute.objects.bulk_create([row], ignore_conflicts=True)
    about = Notification.objects.in_workspace(news.workspace).of(news.person).filter(target_id=news.target_id)
    about.update(mail_at=None, hook_at=None)
    about.unread().update(read_at=timezone.now())


def unmute(user: User, workspace: Workspace, target_id: UUID) -> bool:
    """Hear of it again from now on; False where it was not muted."""
    return bool(Mute.objects.in_workspace(workspace).of(user).filter(target_id=target_id).delete()[0])


def muted_among(user: User, workspace: Workspace, ids: list[UUID]) -> set[UUID]:
    rows = Mute.objects.in_workspace(workspace).of(user).filter(target_id__in=ids)
    return set(rows.values_list("target_id", flat=True))


def mutes_of(user: User, workspace: Workspace) -> list[tuple[Mute, Place | None]]:
    """What ``user`` muted, newest first, each with its object where they may see that."""
    rows = list(Mute.objects.in_workspace(workspace).of(user)[:MOST_MUTES])
    places = find(user, workspace, [(row.target_kind, row.target_id) for row in rows])
    return [(row, places.get((row.target_kind, row.target_id))) for row in rows]
