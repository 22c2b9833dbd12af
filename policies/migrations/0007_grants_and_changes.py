"""What a change brings along, and what sweeps may know of every workspace: grants past their time, decided matters."""

from django.db import migrations, models
from django.db.models import Q

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE


def _sweep(name: str, arguments: str, signature: str, found: str, query: str) -> migrations.RunSQL:
    """A function of that name that every session may call: it answers ids alone, so that each row is then read and
    changed within its own scope."""
    return migrations.RunSQL(
        f"""
CREATE FUNCTION {name}({arguments})
RETURNS TABLE (workspace_id uuid, {found} uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
{query}
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION {name}({signature}) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION {name}({signature}) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {name}({signature}) TO {APP_ROLE};
""",
        f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION {name}({signature}); RESET ROLE",
    )


class Migration(migrations.Migration):
    dependencies = [("policies", "0006_voting_walls")]

    operations = [
        migrations.AddField("change", "along", models.JSONField(default=list)),
        migrations.AddField("change", "keeps", models.BooleanField(default=False)),
        migrations.AddIndex(
            "change",
            models.Index(fields=["workspace", "approval"], condition=Q(state="waiting"), name="change_waiting"),
        ),
        _sweep(
            "policies_due_auto_approvals",
            "at timestamptz, at_most integer",
            "timestamptz, integer",
            "auto_approval_id",
            """    SELECT g.workspace_id, g.id FROM policies_autoapproval g
    WHERE g.ended_at IS NULL AND g.ends_at <= at
    ORDER BY g.ends_at LIMIT least(at_most, 1000)""",
        ),
        # Decided, and yet the change still waits, or the grant for its second person: whoever should have gone on died.
        _sweep(
            "policies_decided_matters",
            "at_most integer",
            "integer",
            "approval_id",
            """    (SELECT a.workspace_id, a.id FROM policies_change c JOIN policies_approval a ON a.id = c.approval_id
    WHERE c.state = 'waiting' AND a.status <> 'pending' LIMIT least(at_most, 1000))
    UNION ALL
    (SELECT a.workspace_id, a.id FROM policies_autoapproval g
    JOIN policies_approval a ON a.workspace_id = g.workspace_id
        AND a.subject_kind = 'auto_approval' AND a.subject_id = g.id
    WHERE g.ended_at IS NULL AND g.confirmed_by_id IS NULL AND a.status <> 'pending'
    LIMIT least(at_most, 1000))""",
        ),
    ]
