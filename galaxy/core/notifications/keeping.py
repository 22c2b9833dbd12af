"""How long news is kept."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from galaxy.core.models import Notification
from galaxy.core.scope import workspace_scope

KEPT = timedelta(days=90)  # after it was read; unread news stays


def delete_old_notifications() -> int:
    """Delete what was read longer than ``KEPT`` ago, in every workspace within its own scope; returns how many."""
    before = timezone.now() - KEPT
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM core_workspaces_with_old_notifications(%s)", [before])
        ids = [row[0] for row in cursor.fetchall()]
    deleted = 0
    for id in ids:
        with workspace_scope([id]):
            count, _ = Notification.objects.filter(workspace=id, read_at__lt=before).delete()
            deleted += count
    return deleted
