"""The sweep over ending agents passes over those whose owners know, and news is found by its object."""

from django.db import migrations, models

from galaxy.core.db.grants import ROLLUP_ROLE

# The function of 0007 with one more condition.
AGENTS_ENDING = """
CREATE OR REPLACE FUNCTION core_agents_ending(since timestamptz, until timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, agent_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.workspace_id, a.id FROM core_agent a
    WHERE a.ended_at IS NULL AND a.ends_at > since AND a.ends_at <= until AND NOT EXISTS (
        SELECT FROM core_notification n
        WHERE n.workspace_id = a.workspace_id AND n.target_id = a.id AND n.kind = 'agent_ending'
    )
    ORDER BY a.ends_at LIMIT least(at_most, 1000)
$$
"""
# Only its owner may replace it.
AS_ITS_OWNER = [
    f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
    f"SET ROLE {ROLLUP_ROLE}",
    AGENTS_ENDING,
    "RESET ROLE",
    f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
]


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0009_kept_answers"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="notification", name="notification_once"),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.UniqueConstraint(
                fields=("workspace", "target_id", "kind", "person"), name="notification_once"
            ),
        ),
        migrations.RunSQL(AS_ITS_OWNER, migrations.RunSQL.noop),  # the code of before tells nobody twice either
    ]
