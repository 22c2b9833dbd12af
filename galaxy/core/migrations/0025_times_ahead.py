"""What is due where the clock was set back: a lease or a delay further ahead than any that can be given."""

from django.db import migrations

from galaxy.core.db.grants import as_its_owner

# The functions of 0014, 0016 and 0023 with the conditions "or further ahead than that". An export is held for a minute
# and a sink too, whose delays are five minutes at most; those of a webhook of news are an hour. News of a time that is
# still to come is from before the clock was set back.
DUE_EXPORTS = """
CREATE OR REPLACE FUNCTION core_due_exports(at timestamptz)
RETURNS TABLE (workspace_id uuid, export_id uuid, is_over boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT j.workspace_id, j.id, j.state = 'ready' FROM core_exportjob j
    WHERE (j.state = 'ready' AND j.expires_at <= at)
    OR (j.state IN ('queued', 'writing', 'checking') AND (
        coalesce(j.lease_until, j.requested_at + interval '15 seconds') <= at
        OR coalesce(j.lease_until, j.requested_at) > at + interval '10 minutes'))
    ORDER BY j.requested_at LIMIT 1000
$$
"""
DUE_SINKS = """
CREATE OR REPLACE FUNCTION core_due_sinks(at_most integer) RETURNS TABLE (workspace_id uuid, sink_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.workspace_id, s.id FROM core_auditsink s
    WHERE s.paused_at IS NULL AND s.removed_at IS NULL
        AND (s.next_at <= clock_timestamp() OR s.next_at > clock_timestamp() + interval '10 minutes')
        AND (s.lease_until IS NULL OR s.lease_until <= clock_timestamp()
            OR s.lease_until > clock_timestamp() + interval '10 minutes')
        AND EXISTS (SELECT 1 FROM core_auditleaf l WHERE l.workspace_id = s.workspace_id AND l.position = s.cursor)
    ORDER BY s.next_at LIMIT least(at_most, 1000)
$$
"""
DUE_HOOKS = """
CREATE OR REPLACE FUNCTION core_due_newshooks(at_most integer) RETURNS TABLE (workspace_id uuid, hook_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT h.workspace_id, h.id FROM core_newshook h
    WHERE h.off_at IS NULL
        AND (h.next_at <= clock_timestamp() OR h.next_at > clock_timestamp() + interval '2 hours')
        AND (h.lease_until IS NULL OR h.lease_until <= clock_timestamp()
            OR h.lease_until > clock_timestamp() + interval '10 minutes')
        AND EXISTS (
            SELECT 1 FROM core_notification n
            WHERE n.workspace_id = h.workspace_id AND n.person_id = h.person_id AND n.hook_at IS NOT NULL
                AND (n.hook_at <= clock_timestamp() OR n.occurred_at > clock_timestamp())
        )
    ORDER BY h.next_at LIMIT least(at_most, 1000)
$$
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0024_home")]

    operations = [migrations.RunSQL(as_its_owner(DUE_EXPORTS, DUE_SINKS, DUE_HOOKS), migrations.RunSQL.noop)]
