"""What is due where the clock was set back: a lease or a ring further ahead than any that can be given."""

from django.db import migrations

from galaxy.core.db.grants import ROLLUP_ROLE

# The function of 0002 with the conditions "or more than ten minutes ahead": a lease is given for GALAXY_RUN_LEASE_S,
# which is at most five, and a ring is put off by 320 seconds at most.
DUE_RUNS = """
CREATE OR REPLACE FUNCTION sandbox_due_runs(at timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.workspace_id, r.id FROM sandbox_run r
    WHERE r.parent_id IS NULL AND r.state IN ('queued', 'running') AND (
        (r.state = 'running' AND (r.lease_until < at OR r.lease_until > at + interval '10 minutes'))
        OR (r.state = 'queued' AND EXISTS (
            SELECT 1 FROM sandbox_outboxmessage o
            WHERE o.workspace_id = r.workspace_id AND o.run_id = r.id
                AND (o.ring_at < at OR o.ring_at > at + interval '10 minutes'))))
    ORDER BY r.created_at LIMIT least(at_most, 1000)
$$
"""
# Only its owner may replace a function.
AS_ITS_OWNER = [
    f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
    f"SET ROLE {ROLLUP_ROLE}",
    DUE_RUNS,
    "RESET ROLE",
    f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
]


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0026_counted_while_off")]

    operations = [migrations.RunSQL(AS_ITS_OWNER, migrations.RunSQL.noop)]
