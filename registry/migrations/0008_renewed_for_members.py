"""An own connection is renewed while its owner is a member who can sign in: nobody else could use or end it."""

from django.db import migrations

from galaxy.core.db.grants import ROLLUP_ROLE

# The function of 0006, which asked nothing of the owner.
DUE_CONNECTIONS = """
CREATE OR REPLACE FUNCTION registry_due_connections(moment timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, connection_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.workspace_id, c.id FROM registry_connection c
    WHERE c.next_refresh_at <= moment AND c.status = 'authenticated'
        AND (c.cooldown_until IS NULL OR c.cooldown_until <= moment)
        AND (c.refresh_lease_until IS NULL OR c.refresh_lease_until <= moment){of_members}
    ORDER BY c.next_refresh_at LIMIT least(at_most, 1000)
$$
"""
OF_MEMBERS = """
        AND (c.owner_id IS NULL OR EXISTS (
            SELECT FROM core_membership m JOIN core_user u ON u.id = m.user_id
            WHERE m.workspace_id = c.workspace_id AND m.user_id = c.owner_id AND u.is_active))"""


def anew(of_members: str) -> list[str]:
    """The function in this form, by its owner, who alone may replace it."""
    return [
        f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
        f"SET ROLE {ROLLUP_ROLE}",
        DUE_CONNECTIONS.format(of_members=of_members),
        "RESET ROLE",
        f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
    ]


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_private_extensions")]

    operations = [migrations.RunSQL(anew(OF_MEMBERS), anew(""))]
