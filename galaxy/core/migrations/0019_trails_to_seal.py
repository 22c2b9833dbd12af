"""Which trails have something to seal is found by the place of the last leaf, however long they are."""

from django.db import migrations

from galaxy.core.db.grants import ROLLUP_ROLE

# The function of 0013, without a COALESCE in the comparison: PostgreSQL does not know it as free of leaks, so behind
# row-level security it compared event after event from the first one on, where an index leads to the next. Where there
# is no leaf yet, a place before all events stands in. The epoch is asked for once and not of each event.
TO_SEAL = """
CREATE OR REPLACE FUNCTION core_trails_to_seal(since timestamptz, below xid8) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM core_workspace w
    CROSS JOIN LATERAL (
        (SELECT l.position, l.epoch, l.xid, l.event_id FROM core_auditleaf l WHERE l.workspace_id = w.id
        ORDER BY l.position DESC LIMIT 1)
        UNION ALL SELECT -1, 0, '0'::xid8, 0
        ORDER BY 1 DESC LIMIT 1
    ) last
    CROSS JOIN LATERAL (
        SELECT FROM core_auditevent e
        WHERE e.workspace_id = w.id AND e.occurred_at >= since
        AND (e.epoch, e.xid, e.id) > (last.epoch, last.xid, last.event_id)
        AND (e.epoch < (SELECT core_audit_epoch()) OR e.xid < below)
        ORDER BY e.epoch, e.xid, e.id LIMIT 1
    ) news
$$
"""
# Only its owner may replace it.
AS_ITS_OWNER = [
    f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
    f"SET ROLE {ROLLUP_ROLE}",
    TO_SEAL,
    "RESET ROLE",
    f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
]


class Migration(migrations.Migration):
    dependencies = [("core", "0018_quiet_streams")]

    operations = [migrations.RunSQL(AS_ITS_OWNER, migrations.RunSQL.noop)]  # the one of before answers alike
