"""News of updates that are the same until something changes: told when they begin, and not by every sweep."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.text import Truncator

from galaxy.core.models import Notification, User
from galaxy.core.notifications import notify
from galaxy.core.notifications.sending import NOTE_CHARS
from registry.models import Installation


def tell_once(one: Installation, people: QuerySet[User] | Iterable[User], kind: str, note: str) -> int:
    """Tell ``people``, unless this very note stands with the installation already; returns how many were told."""
    said = Truncator(note).chars(NOTE_CHARS)
    told = Notification.objects.in_workspace(one.workspace).filter(kind=kind, target_id=one.pk, note=said)
    return 0 if told.exists() else notify(one.workspace, people, kind, one, note=said)
