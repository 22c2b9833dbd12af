"""Runs that wait for their connection: which of them may go on, and that nobody wakes the others meanwhile."""

from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# The function of 0003 with one more condition: what is approved waits on where its connection has to be renewed.
DECIDED_WAITS = """
CREATE OR REPLACE FUNCTION sandbox_decided_waits(at_most integer) RETURNS TABLE (workspace_id uuid, approval_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.workspace_id, a.id FROM sandbox_run r
    JOIN policies_approval a ON a.workspace_id = r.workspace_id AND a.id = r.approval_id
    LEFT JOIN registry_connection c ON c.workspace_id = r.workspace_id AND c.id = r.connection_id
    WHERE r.state = 'waiting' AND a.status <> 'pending'
        AND (a.status <> 'approved' OR c.status IS DISTINCT FROM 'exhausted')
    ORDER BY a.decided_at LIMIT least(at_most, 1000)
$$
"""
# Ids alone, so that each run is then looked at within its own scope. One that was never claimed waits for a person.
FREE_WAITS = """
CREATE FUNCTION sandbox_free_waits(at_most integer) RETURNS TABLE (workspace_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.workspace_id, r.id FROM sandbox_run r
    JOIN registry_connection c ON c.workspace_id = r.workspace_id AND c.id = r.connection_id
    LEFT JOIN policies_approval a ON a.workspace_id = r.workspace_id AND a.id = r.approval_id
    WHERE r.state = 'waiting' AND r.attempt > 0 AND c.status <> 'exhausted'
        AND (a.id IS NULL OR a.status = 'approved')
    ORDER BY r.created_at LIMIT least(at_most, 1000)
$$
"""
# Only its owner may replace a function.
AS_THEIR_OWNER = [
    f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
    f"SET ROLE {ROLLUP_ROLE}",
    DECIDED_WAITS,
    FREE_WAITS,
    "REVOKE ALL ON FUNCTION sandbox_free_waits(integer) FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION sandbox_free_waits(integer) TO {APP_ROLE}",
    "RESET ROLE",
    f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
]
WITHOUT = f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION sandbox_free_waits(integer); RESET ROLE"


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0008_health"), ("registry", "0006_app_registrations"), ("policies", "0002_walls")]

    operations = [
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["workspace", "connection"],
                condition=models.Q(connection__isnull=False, state="waiting"),
                name="run_held",
            ),
        ),
        migrations.RunSQL(AS_THEIR_OWNER, WITHOUT),
    ]
