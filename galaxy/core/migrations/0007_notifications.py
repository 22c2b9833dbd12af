"""What people are told, and which kinds of it reach them by mail."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import WorkspaceWall

# What the sweeps may know about every workspace: ids alone, so that each is then handled within its own scope.
SWEEPS = f"""
CREATE FUNCTION core_workspaces_with_old_notifications(before timestamptz) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM core_workspace w WHERE EXISTS (
        SELECT FROM core_notification n WHERE n.workspace_id = w.id AND n.read_at < before
    )
$$;
CREATE FUNCTION core_agents_ending(since timestamptz, until timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, agent_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.workspace_id, a.id FROM core_agent a
    WHERE a.ended_at IS NULL AND a.ends_at > since AND a.ends_at <= until
    ORDER BY a.ends_at LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_workspaces_with_old_notifications(timestamptz) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION core_agents_ending(timestamptz, timestamptz, integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_workspaces_with_old_notifications(timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION core_agents_ending(timestamptz, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_workspaces_with_old_notifications(timestamptz) TO {APP_ROLE};
GRANT EXECUTE ON FUNCTION core_agents_ending(timestamptz, timestamptz, integer) TO {APP_ROLE};
"""
NO_SWEEPS = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION core_agents_ending(timestamptz, timestamptz, integer);
DROP FUNCTION core_workspaces_with_old_notifications(timestamptz);
RESET ROLE
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0006_accounts"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="mail_choices",
            field=models.JSONField(blank=True, default=dict, help_text="Kinds of news by mail: {kind: true or false}."),
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=40)),
                ("target_kind", models.CharField(max_length=60)),
                ("target_id", models.UUIDField()),
                ("note", models.CharField(blank=True, max_length=300)),
                ("occurred_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ["-occurred_at", "-id"],
                "indexes": [
                    models.Index(fields=["workspace", "person", "-occurred_at", "-id"], name="notification_newest"),
                    models.Index(
                        condition=models.Q(("read_at", None)),
                        fields=["workspace", "person"],
                        name="notification_unread",
                    ),
                    models.Index(
                        condition=models.Q(("read_at__isnull", False)),
                        fields=["workspace", "read_at"],
                        name="notification_read",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "person", "kind", "target_id"), name="notification_once"
                    )
                ],
            },
        ),
        WorkspaceWall("Notification"),
        migrations.RunSQL(SWEEPS, NO_SWEEPS),
    ]
