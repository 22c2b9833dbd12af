"""The one thing the sweep may know about every workspace: which waiting approvals are past their time."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# Ids alone, so that each approval is then closed within its own scope.
DUE_APPROVALS = f"""
CREATE FUNCTION policies_due_approvals(at timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, approval_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.workspace_id, a.id FROM policies_approval a
    WHERE a.status = 'pending' AND a.expires_at <= at
    ORDER BY a.expires_at LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION policies_due_approvals(timestamptz, integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION policies_due_approvals(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION policies_due_approvals(timestamptz, integer) TO {APP_ROLE};
"""


class Migration(migrations.Migration):
    dependencies = [("policies", "0002_walls"), ("core", "0002_walls")]

    operations = [
        migrations.RunSQL(
            DUE_APPROVALS,
            f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION policies_due_approvals(timestamptz, integer); RESET ROLE",
        )
    ]
