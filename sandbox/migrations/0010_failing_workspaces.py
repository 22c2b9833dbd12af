"""In how many workspaces a version fails: what goes wrong in a single one is no reason to warn all others."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

SIGNATURE = "sandbox_version_figures(timestamptz)"
# The function of 0008, which told nothing of where a version fails.
FIGURES = """
CREATE FUNCTION sandbox_version_figures(since timestamptz)
RETURNS TABLE (version_id uuid, action varchar, good bigint, bad bigint, workspaces bigint{failing_column})
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.version_id, CASE WHEN grouping(r.target) = 1 THEN '' ELSE r.target END,
        count(*) FILTER (WHERE r.counts_as = 'good'), count(*) FILTER (WHERE r.counts_as = 'bad'),
        count(DISTINCT r.workspace_id){failing}
    FROM sandbox_run r
    WHERE r.counts_as IN ('good', 'bad') AND r.created_at >= since
    GROUP BY GROUPING SETS ((r.version_id), (r.version_id, r.target))
    HAVING count(DISTINCT r.workspace_id) >= 3
$$
"""


def anew(**parts: str) -> list[str]:
    """The function in this form, in the hands of its owner, who alone may replace it."""
    return [
        f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
        f"SET ROLE {ROLLUP_ROLE}",
        f"DROP FUNCTION {SIGNATURE}",
        FIGURES.format(**parts),
        f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO {APP_ROLE}",
        "RESET ROLE",
        f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
    ]


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0009_held_runs")]

    operations = [
        migrations.RunSQL(
            anew(
                failing_column=", failing bigint",
                failing=", count(DISTINCT r.workspace_id) FILTER (WHERE r.counts_as = 'bad')",
            ),
            anew(failing_column="", failing=""),
        ),
    ]
