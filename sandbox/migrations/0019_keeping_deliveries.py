"""Which workspaces keep something of their webhooks past its time: ids alone, so that each is cleared by itself."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

SIGNATURE = "sandbox_workspaces_with_old_deliveries(timestamptz, timestamptz)"
OLD = """
CREATE FUNCTION sandbox_workspaces_with_old_deliveries(before timestamptz, long_before timestamptz)
RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.workspace_id FROM sandbox_triggerdelivery d WHERE d.received_at < before
    UNION SELECT f.workspace_id FROM sandbox_triggerfiring f WHERE f.opened_at < long_before
    UNION SELECT t.workspace_id FROM sandbox_triggertally t WHERE t.hour < long_before
$$
"""


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0018_roll_ups")]

    operations = [
        migrations.RunSQL(
            [
                OLD,
                f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
                f"ALTER FUNCTION {SIGNATURE} OWNER TO {ROLLUP_ROLE}",
                f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
                f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO {APP_ROLE}",
            ],
            f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION {SIGNATURE}; RESET ROLE",
        ),
    ]
