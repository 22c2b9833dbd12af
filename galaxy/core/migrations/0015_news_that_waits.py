"""News that can wait for its hour, and what the task that mails it may know of every workspace."""

from django.db import migrations, models
from django.db.models import Q

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# Ids alone: each mail is then put together within its own scope.
DUE_DIGESTS = f"""
CREATE FUNCTION core_due_digests(since timestamptz) RETURNS TABLE (workspace_id uuid, person_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT n.workspace_id, n.person_id FROM core_notification n
    WHERE n.later AND n.read_at IS NULL AND (n.mailed_at IS NULL OR n.mailed_at < n.occurred_at)
        AND n.occurred_at >= since
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_due_digests(timestamptz) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_due_digests(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_due_digests(timestamptz) TO {APP_ROLE};
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0014_audit_streams")]

    operations = [
        migrations.AddField("notification", "later", models.BooleanField(default=False)),
        migrations.AddIndex(
            "notification",
            models.Index(
                fields=["workspace", "person"], condition=Q(later=True, read_at=None), name="notification_later"
            ),
        ),
        migrations.RunSQL(
            DUE_DIGESTS, f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION core_due_digests(timestamptz); RESET ROLE"
        ),
    ]
