"""The other thing the reconciler may know about every workspace: which runs wait for what is decided already."""

from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# Ids alone, so that each approval is then told within its own scope.
DECIDED_WAITS = f"""
CREATE FUNCTION sandbox_decided_waits(at_most integer) RETURNS TABLE (workspace_id uuid, approval_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.workspace_id, a.id FROM sandbox_run r
    JOIN policies_approval a ON a.workspace_id = r.workspace_id AND a.id = r.approval_id
    WHERE r.state = 'waiting' AND a.status <> 'pending'
    ORDER BY a.decided_at LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_decided_waits(integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION sandbox_decided_waits(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_decided_waits(integer) TO {APP_ROLE};
"""


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0002_walls"), ("policies", "0002_walls")]

    operations = [
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["workspace", "approval"],
                condition=models.Q(approval__isnull=False, state="waiting"),
                name="run_waiting",
            ),
        ),
        migrations.RunSQL(
            DECIDED_WAITS, f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION sandbox_decided_waits(integer); RESET ROLE"
        )
    ]
