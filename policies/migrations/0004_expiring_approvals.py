"""What the sweep that warns reviewers may know of every workspace: which waiting approvals end soon."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# Ids alone, so that each is then told within its own scope. What was asked for within the hour is no news.
EXPIRING_APPROVALS = f"""
CREATE FUNCTION policies_expiring_approvals(since timestamptz, until timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, approval_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.workspace_id, a.id FROM policies_approval a
    WHERE a.status = 'pending' AND a.expires_at > since AND a.expires_at <= until
        AND a.requested_at < since - (until - since)
    ORDER BY a.expires_at LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION policies_expiring_approvals(timestamptz, timestamptz, integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION policies_expiring_approvals(timestamptz, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION policies_expiring_approvals(timestamptz, timestamptz, integer) TO {APP_ROLE};
"""


class Migration(migrations.Migration):
    dependencies = [("policies", "0003_due_approvals")]

    operations = [
        migrations.RunSQL(
            EXPIRING_APPROVALS,
            f"SET ROLE {ROLLUP_ROLE}; "
            "DROP FUNCTION policies_expiring_approvals(timestamptz, timestamptz, integer); RESET ROLE",
        )
    ]
