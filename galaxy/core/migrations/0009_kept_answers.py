"""Kept answers of the API go after a day, whether or not their caller comes back."""

from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# What the sweep may know about every workspace: ids alone, so that each is then handled within its own scope.
SWEEP = f"""
CREATE FUNCTION core_workspaces_with_old_answers(before timestamptz) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM core_workspace w WHERE EXISTS (
        SELECT FROM core_keptanswer k WHERE k.workspace_id = w.id AND k.created_at < before
    )
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_workspaces_with_old_answers(timestamptz) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_workspaces_with_old_answers(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_workspaces_with_old_answers(timestamptz) TO {APP_ROLE};
"""
NO_SWEEP = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION core_workspaces_with_old_answers(timestamptz);
RESET ROLE
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0008_vault"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="keptanswer", name="keptanswer_oldest"),
        migrations.AddIndex(
            model_name="keptanswer",
            index=models.Index(fields=["workspace", "created_at"], name="keptanswer_oldest"),
        ),
        migrations.RunSQL(SWEEP, NO_SWEEP),
    ]
