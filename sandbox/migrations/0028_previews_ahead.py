"""Which previews nobody works on where the clock was set back: also those held for longer than anybody may."""

from django.db import migrations

from galaxy.core.db.grants import as_its_owner

# The function of 0015 with the condition "or more than ten minutes ahead", as 0027 has it for runs.
DUE_PREVIEWS = """
CREATE OR REPLACE FUNCTION sandbox_due_previews(at timestamptz) RETURNS TABLE (workspace_id uuid, preview_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.workspace_id, p.id FROM sandbox_upgradepreview p
    WHERE p.state IN ('queued', 'replaying') AND (
        coalesce(p.lease_until, p.asked_at + interval '15 seconds') <= at
        OR coalesce(p.lease_until, p.asked_at) > at + interval '10 minutes')
    ORDER BY p.asked_at LIMIT 1000
$$
"""


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0027_times_ahead")]

    operations = [migrations.RunSQL(as_its_owner(DUE_PREVIEWS), migrations.RunSQL.noop)]
