"""Sums across workspaces for those who publish: by version, day and category, and of nothing that fewer than three
workspaces called. The least number stands here and not in a caller, so that no caller can leave it out."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# What a call counts as is a column of the run where it is an action; transforms and packs are counted by the same
# rule here alone, since the objective of a connector is none of theirs. Runs are looked up workspace by workspace, so
# that the index on the newest of each is used and nothing older is read.
ACROSS = f"""
CREATE FUNCTION marketplace_telemetry(since date, until date)
RETURNS TABLE (version_id uuid, day date, good bigint, bad bigint, callers bigint, workspaces bigint, failing bigint,
    errors jsonb, buckets integer[], counts bigint[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH calls AS MATERIALIZED (
        SELECT r.version_id, (r.created_at AT TIME ZONE 'UTC')::date AS day, r.workspace_id, r.error_category,
            CASE WHEN r.kind = 'action' THEN r.counts_as
                WHEN r.state = 'succeeded' THEN 'good'
                WHEN r.state = 'cancelled' THEN 'caller'
                WHEN r.state NOT IN ('failed', 'unknown') THEN ''
                WHEN r.error_category = 'validation'
                    AND r.error ->> 'error_code' IN ('output_mismatch', 'output_not_plain') THEN 'bad'
                WHEN r.error_category IN ('validation', 'not_found', 'policy_block') THEN 'caller'
                ELSE 'bad' END AS counts_as,
            least(1200, ceil(ln(greatest(1, 1000 * extract(epoch FROM r.finished_at
                - coalesce(r.started_at, r.finished_at)))::float8) / ln(1.02::float8)))::integer AS bucket
        FROM core_workspace w
        JOIN sandbox_run r ON r.workspace_id = w.id AND r.created_at >= since::timestamp AT TIME ZONE 'UTC'
            AND r.created_at < (until + 1)::timestamp AT TIME ZONE 'UTC'
        JOIN registry_version v ON v.id = r.version_id AND v.workspace_id IS NULL
        WHERE r.mode = 'live' AND NOT r.is_check AND r.rehearses_id IS NULL
    ), told AS (
        SELECT c.version_id, c.day, count(*) FILTER (WHERE c.counts_as = 'good') AS good,
            count(*) FILTER (WHERE c.counts_as = 'bad') AS bad,
            count(*) FILTER (WHERE c.counts_as = 'caller') AS callers,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as <> 'caller') AS workspaces,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as = 'bad') AS failing
        FROM calls c WHERE c.counts_as <> '' GROUP BY 1, 2
        HAVING count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as <> 'caller') >= 3
    ), errors AS (
        SELECT e.version_id, e.day, jsonb_object_agg(e.error_category, e.number) AS errors
        FROM (SELECT c.version_id, c.day, c.error_category, count(*) AS number FROM calls c
            WHERE c.counts_as = 'bad' GROUP BY 1, 2, 3) e GROUP BY 1, 2
    ), times AS (
        SELECT b.version_id, b.day, array_agg(b.bucket ORDER BY b.bucket) AS buckets,
            array_agg(b.number ORDER BY b.bucket) AS counts
        FROM (SELECT c.version_id, c.day, c.bucket, count(*) AS number FROM calls c
            WHERE c.counts_as IN ('good', 'bad') GROUP BY 1, 2, 3) b GROUP BY 1, 2
    )
    SELECT t.version_id, t.day, t.good, t.bad, t.callers, t.workspaces, t.failing, coalesce(e.errors, '{{}}'::jsonb),
        m.buckets, m.counts
    FROM told t LEFT JOIN errors e USING (version_id, day) JOIN times m USING (version_id, day)
$$;
CREATE FUNCTION marketplace_install_days(since date, until date)
RETURNS TABLE (extension_id uuid, day date, installs bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT x.id, d::date, count(*)
    FROM registry_extension x
    JOIN registry_installation i ON i.extension_id = x.id
    JOIN generate_series(since::timestamp, until::timestamp, interval '1 day') d
        ON i.installed_at < (d + interval '1 day') AT TIME ZONE 'UTC'
        AND (i.removed_at IS NULL OR i.removed_at >= (d + interval '1 day') AT TIME ZONE 'UTC')
    WHERE x.workspace_id IS NULL GROUP BY 1, 2
$$;
CREATE FUNCTION marketplace_reached(at timestamptz)
RETURNS TABLE (extension_id uuid, version_id uuid, days_7 bigint, days_30 bigint, days_90 bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH last AS MATERIALIZED (
        SELECT v.extension_id, r.version_id, r.workspace_id, max(r.created_at) AS called_at
        FROM core_workspace w
        JOIN sandbox_run r ON r.workspace_id = w.id AND r.created_at >= at - interval '90 days'
        JOIN registry_version v ON v.id = r.version_id AND v.workspace_id IS NULL
        WHERE r.mode = 'live' AND NOT r.is_check AND r.rehearses_id IS NULL
            AND r.state IN ('succeeded', 'failed', 'unknown')
        GROUP BY 1, 2, 3
    ), counted AS (
        SELECT l.extension_id, l.version_id,
            count(DISTINCT l.workspace_id) FILTER (WHERE l.called_at >= at - interval '7 days') AS days_7,
            count(DISTINCT l.workspace_id) FILTER (WHERE l.called_at >= at - interval '30 days') AS days_30,
            count(DISTINCT l.workspace_id) AS days_90
        FROM last l GROUP BY GROUPING SETS ((l.extension_id, l.version_id), (l.extension_id))
        HAVING count(DISTINCT l.workspace_id) >= 3
    )
    SELECT c.extension_id, c.version_id, CASE WHEN c.days_7 >= 3 THEN c.days_7 END,
        CASE WHEN c.days_30 >= 3 THEN c.days_30 END, c.days_90
    FROM counted c
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_telemetry(date, date) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_install_days(date, date) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_reached(timestamptz) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION marketplace_telemetry(date, date), marketplace_install_days(date, date),
    marketplace_reached(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION marketplace_telemetry(date, date), marketplace_install_days(date, date),
    marketplace_reached(timestamptz) TO {APP_ROLE};
"""
NO_MORE = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION marketplace_reached(timestamptz);
DROP FUNCTION marketplace_install_days(date, date);
DROP FUNCTION marketplace_telemetry(date, date);
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0012_telemetry"), ("sandbox", "0014_upgrade_reports")]

    operations = [migrations.RunSQL(ACROSS, NO_MORE)]
