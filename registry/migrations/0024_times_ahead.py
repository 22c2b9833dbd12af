"""Which tokens are renewed where the clock was set back: also where a refresh or a cooldown lies further ahead than any."""

from django.db import migrations

from galaxy.core.db.grants import as_its_owner

# The function of 0008 with the conditions "or further ahead than that": a refresh is held for seconds, and a provider
# may ask for an hour at most.
DUE_CONNECTIONS = """
CREATE OR REPLACE FUNCTION registry_due_connections(moment timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, connection_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.workspace_id, c.id FROM registry_connection c
    WHERE c.next_refresh_at <= moment AND c.status = 'authenticated'
        AND (c.cooldown_until IS NULL OR c.cooldown_until <= moment
            OR c.cooldown_until > moment + interval '2 hours')
        AND (c.refresh_lease_until IS NULL OR c.refresh_lease_until <= moment
            OR c.refresh_lease_until > moment + interval '10 minutes')
        AND (c.owner_id IS NULL OR EXISTS (
            SELECT FROM core_membership m JOIN core_user u ON u.id = m.user_id
            WHERE m.workspace_id = c.workspace_id AND m.user_id = c.owner_id AND u.is_active))
    ORDER BY c.next_refresh_at LIMIT least(at_most, 1000)
$$
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0023_shipped")]

    operations = [migrations.RunSQL(as_its_owner(DUE_CONNECTIONS), migrations.RunSQL.noop)]
