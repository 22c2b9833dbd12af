"""Figures of listings across workspaces: counts alone, and of a public extension only where three workspaces made them."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

ACROSS = f"""
CREATE FUNCTION marketplace_figures(since timestamptz)
RETURNS TABLE (extension_id uuid, installs integer, runs bigint, good bigint, auth_failed bigint, p95_ms integer,
    last_run_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
$$;
CREATE FUNCTION marketplace_private_catalogues() RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT l.workspace_id FROM marketplace_listing l WHERE l.workspace_id IS NOT NULL
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_figures(timestamptz) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_private_catalogues() OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION marketplace_figures(timestamptz), marketplace_private_catalogues() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION marketplace_figures(timestamptz), marketplace_private_catalogues() TO {APP_ROLE};
"""
NO_MORE = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION marketplace_private_catalogues();
DROP FUNCTION marketplace_figures(timestamptz);
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0006_search_functions"), ("sandbox", "0013_rings")]

    operations = [migrations.RunSQL(ACROSS, NO_MORE)]
