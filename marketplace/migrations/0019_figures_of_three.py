"""Figures on a card rest on three workspaces each: failures, those that access has to do with, the time of the slowest
and the moment of the last call were told from three callers on, be they all of one of them."""

from django.db import migrations

from galaxy.core.db.grants import ROLLUP_ROLE


def figures(told: str) -> str:
    return f"""
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
SET ROLE {ROLLUP_ROLE};
CREATE OR REPLACE FUNCTION marketplace_figures(since timestamptz)
RETURNS TABLE (extension_id uuid, installs integer, runs bigint, good bigint, auth_failed bigint, p95_ms integer,
    last_run_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    {told}
$$;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
"""


# What a private extension does is its workspace's own to know, to the last call.
OF_THREE = """
    WITH calls AS MATERIALIZED (
        SELECT v.extension_id, n.workspace_id, n.counts_as, n.error_category = 'auth_error' AS of_access, n.finished_at,
            round(1000 * extract(epoch FROM n.finished_at - n.started_at))::integer AS ms
        FROM sandbox_run n JOIN registry_version v ON v.id = n.version_id
        WHERE n.counts_as IN ('good', 'bad') AND n.created_at >= since
    ), callers AS (
        SELECT c.extension_id, c.workspace_id, max(c.ms) AS ms, max(c.finished_at) AS at FROM calls c GROUP BY 1, 2
    ), thirds AS (
        SELECT c.extension_id, (array_agg(c.ms ORDER BY c.ms DESC NULLS LAST))[3] AS ms,
            (array_agg(c.at ORDER BY c.at DESC NULLS LAST))[3] AS at
        FROM callers c GROUP BY 1
    ), counted AS (
        SELECT c.extension_id, x.workspace_id IS NOT NULL AS is_own,
            count(*) FILTER (WHERE c.counts_as = 'good') AS good,
            count(*) FILTER (WHERE c.counts_as = 'bad') AS bad,
            count(*) FILTER (WHERE c.counts_as = 'bad' AND c.of_access) AS auth_failed,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as = 'good') AS good_in,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as = 'bad') AS bad_in,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as = 'bad' AND c.of_access) AS auth_in,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as = 'bad' AND c.of_access IS NOT TRUE) AS others_in,
            percentile_disc(0.95) WITHIN GROUP (ORDER BY CASE WHEN x.workspace_id IS NULL THEN least(c.ms, t.ms)
                ELSE c.ms END) AS p95_ms,
            CASE WHEN x.workspace_id IS NULL THEN min(t.at) ELSE max(c.finished_at) END AS last_run_at
        FROM calls c JOIN thirds t ON t.extension_id = c.extension_id
        JOIN registry_extension x ON x.id = c.extension_id
        GROUP BY c.extension_id, x.workspace_id
    ), r AS (
        SELECT c.extension_id, c.good, c.p95_ms, c.last_run_at,
            CASE WHEN c.is_own OR c.bad_in >= 3 THEN c.bad ELSE 0 END AS bad,
            CASE WHEN c.is_own OR (c.auth_in >= 3 AND (c.others_in = 0 OR c.others_in >= 3)) THEN c.auth_failed ELSE 0
                END AS auth_failed
        FROM counted c WHERE c.is_own OR c.good_in >= 3 OR (c.good = 0 AND c.bad_in >= 3)
    )
    SELECT x.id, coalesce(i.number, 0)::integer, coalesce(r.good + r.bad, 0), coalesce(r.good, 0),
        coalesce(r.auth_failed, 0), r.p95_ms, r.last_run_at
    FROM registry_extension x
    JOIN marketplace_listing l ON l.extension_id = x.id
    LEFT JOIN (
        SELECT n.extension_id, count(*) AS number FROM registry_installation n WHERE n.removed_at IS NULL GROUP BY 1
    ) i ON i.extension_id = x.id
    LEFT JOIN r ON r.extension_id = x.id
    WHERE (x.workspace_id IS NULL OR x.workspace_id = ANY ((SELECT galaxy_workspaces())::uuid[]))
        AND (i.number > 0 OR r.extension_id IS NOT NULL)
"""
OF_CALLERS = """
    SELECT x.id, coalesce(i.number, 0)::integer, coalesce(r.runs, 0), coalesce(r.good, 0), coalesce(r.auth_failed, 0),
        r.p95_ms, r.last_run_at
    FROM registry_extension x
    JOIN marketplace_listing l ON l.extension_id = x.id
    LEFT JOIN (
        SELECT n.extension_id, count(*) AS number FROM registry_installation n WHERE n.removed_at IS NULL GROUP BY 1
    ) i ON i.extension_id = x.id
    LEFT JOIN (
        SELECT v.extension_id, count(*) AS runs, count(*) FILTER (WHERE n.counts_as = 'good') AS good,
            count(*) FILTER (WHERE n.counts_as = 'bad' AND n.error_category = 'auth_error') AS auth_failed,
            percentile_disc(0.95) WITHIN GROUP (
                ORDER BY round(1000 * extract(epoch FROM n.finished_at - n.started_at))::integer) AS p95_ms,
            max(n.finished_at) AS last_run_at, count(DISTINCT n.workspace_id) AS workspaces
        FROM sandbox_run n JOIN registry_version v ON v.id = n.version_id
        WHERE n.counts_as IN ('good', 'bad') AND n.created_at >= since GROUP BY 1
    ) r ON r.extension_id = x.id AND (x.workspace_id IS NOT NULL OR r.workspaces >= 3)
    WHERE (x.workspace_id IS NULL OR x.workspace_id = ANY ((SELECT galaxy_workspaces())::uuid[]))
        AND (i.number > 0 OR r.runs > 0)
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0018_told_of_three")]

    operations = [migrations.RunSQL(figures(OF_THREE), figures(OF_CALLERS))]
