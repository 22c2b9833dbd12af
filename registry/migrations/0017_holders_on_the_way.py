"""Who uses a version: by its pin, and by a pin of one pack or a roll-out that is under way."""

from django.db import migrations

from galaxy.core.db.grants import ROLLUP_ROLE

BY_PIN = "SELECT p.workspace_id, p.installation_id, p.version_id FROM registry_pin p WHERE p.version_id = ANY (versions)"
ON_THE_WAY = f"""{BY_PIN}
        UNION SELECT k.workspace_id, k.installation_id, k.version_id FROM registry_packpin k
            WHERE k.version_id = ANY (versions)
        UNION SELECT r.workspace_id, r.installation_id, r.version_id FROM registry_rollout r
            WHERE r.version_id = ANY (versions) AND r.state IN ('running', 'stopped')"""

# The functions of 0016.
HOLDERS = """
CREATE OR REPLACE FUNCTION registry_holders_of(versions uuid[], after uuid, at_most integer)
RETURNS TABLE (workspace_id uuid, installation_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT i.workspace_id, i.id FROM ({uses}) u
    JOIN registry_installation i ON i.workspace_id = u.workspace_id AND i.id = u.installation_id
    WHERE i.removed_at IS NULL AND i.id > after
    ORDER BY i.id LIMIT least(at_most, 1000)
$$
"""
COUNTS = """
CREATE OR REPLACE FUNCTION registry_holder_counts(versions uuid[])
RETURNS TABLE (version_id uuid, workspaces bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.version_id, count(DISTINCT u.workspace_id) FROM ({uses}) u
    JOIN registry_installation i ON i.workspace_id = u.workspace_id AND i.id = u.installation_id
    WHERE i.removed_at IS NULL GROUP BY u.version_id
$$
"""


def anew(uses: str) -> list[str]:
    """Both functions, by their owner, who alone may replace them."""
    return [
        f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
        f"SET ROLE {ROLLUP_ROLE}",
        HOLDERS.format(uses=uses),
        COUNTS.format(uses=uses),
        "RESET ROLE",
        f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
    ]


class Migration(migrations.Migration):
    dependencies = [("registry", "0016_retiring")]

    operations = [migrations.RunSQL(anew(ON_THE_WAY), anew(BY_PIN))]
