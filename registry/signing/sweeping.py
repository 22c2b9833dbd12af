"""Asking again for signatures that were asked for in vain, while sandboxd was away, say."""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from registry.signing import signers
from registry.signing.releasing import ask_for_signature

AT_MOST = 50
LOOK_BACK = timedelta(days=7)


def sign_waiting(now: datetime | None = None) -> int:
    """Have those of the last week signed that were not; returns how many that was. sandboxd looks at each by itself."""
    if signers.remote() is None:
        return 0
    with connection.cursor() as cursor:
        since = (now or timezone.now()) - LOOK_BACK
        cursor.execute("SELECT version_id, workspace_id FROM registry_unsigned_versions(%s, %s)", [since, AT_MOST])
        return sum(ask_for_signature(version, workspace) for version, workspace in cursor.fetchall())
