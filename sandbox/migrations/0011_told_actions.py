"""All actions of a version together are those that are told, or what few workspaces called is what is left of them."""

from django.db import migrations

from galaxy.core.db.grants import ROLLUP_ROLE

COLUMNS = "version_id uuid, action varchar, good bigint, bad bigint, workspaces bigint, failing bigint"
FIGURES = """
    WITH seen AS (
        SELECT r.version_id, r.target, r.workspace_id,
            count(*) FILTER (WHERE r.counts_as = 'good') AS good, count(*) FILTER (WHERE r.counts_as = 'bad') AS bad
        FROM sandbox_run r WHERE r.counts_as IN ('good', 'bad') AND r.created_at >= since
        GROUP BY r.version_id, r.target, r.workspace_id
    ), counted AS (
        SELECT s.*, count(*) OVER (PARTITION BY s.version_id, s.target) AS callers FROM seen s
    )
    SELECT c.version_id, CASE WHEN grouping(c.target) = 1 THEN '' ELSE c.target END, sum(c.good)::bigint,
        sum(c.bad)::bigint, count(DISTINCT c.workspace_id), count(DISTINCT c.workspace_id) FILTER (WHERE c.bad > 0)
    FROM counted c WHERE c.callers >= 3
    GROUP BY GROUPING SETS ((c.version_id), (c.version_id, c.target))
"""
# The query of 0010.
BEFORE = """
    SELECT r.version_id, CASE WHEN grouping(r.target) = 1 THEN '' ELSE r.target END,
        count(*) FILTER (WHERE r.counts_as = 'good'), count(*) FILTER (WHERE r.counts_as = 'bad'),
        count(DISTINCT r.workspace_id), count(DISTINCT r.workspace_id) FILTER (WHERE r.counts_as = 'bad')
    FROM sandbox_run r
    WHERE r.counts_as IN ('good', 'bad') AND r.created_at >= since
    GROUP BY GROUPING SETS ((r.version_id), (r.version_id, r.target))
    HAVING count(DISTINCT r.workspace_id) >= 3
"""


def anew(query: str) -> list[str]:
    """The function with this query; its owner alone may replace it, and who may call it stays."""
    return [
        f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
        f"SET ROLE {ROLLUP_ROLE}",
        f"CREATE OR REPLACE FUNCTION sandbox_version_figures(since timestamptz) RETURNS TABLE ({COLUMNS})"
        f" LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $${query}$$",
        "RESET ROLE",
        f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
    ]


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0010_failing_workspaces")]

    operations = [migrations.RunSQL(anew(FIGURES), anew(BEFORE))]
