"""The caller's span that a run continues, what waits to be sent to a collector, and what an operator counts."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import WorkspaceWall

# Ids alone, and sums over all workspaces that name none of them.
ACROSS = f"""
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
SET ROLE {ROLLUP_ROLE};
CREATE FUNCTION sandbox_workspaces_with_unsent() RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM core_workspace w
    WHERE EXISTS (SELECT 1 FROM sandbox_unsent u WHERE u.workspace_id = w.id) ORDER BY random()
$$;
CREATE FUNCTION sandbox_operator_figures() RETURNS TABLE (name text, kind text, mode text, result text, value float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'runs', r.state::text, '', '', count(*)::float8 FROM sandbox_run r
        WHERE r.state IN ('queued', 'running') AND r.parent_id IS NULL GROUP BY 2
    UNION ALL SELECT 'queue_age', '', '', '', coalesce(extract(epoch FROM now() - min(r.created_at)), 0)::float8
        FROM sandbox_run r WHERE r.state IN ('queued', 'running') AND r.state = 'queued' AND r.parent_id IS NULL
    UNION ALL SELECT 'runs', 'for_approval', '', '', count(*)::float8
        FROM sandbox_run r WHERE r.state = 'waiting' AND r.approval_id IS NOT NULL
    UNION ALL SELECT 'runs', 'for_connection', '', '', count(*)::float8
        FROM sandbox_run r WHERE r.state = 'waiting' AND r.connection_id IS NOT NULL AND r.approval_id IS NULL
    UNION ALL SELECT 'approvals', '', '', '', count(*)::float8
        FROM policies_approval a WHERE a.status = 'pending' AND a.expires_at > now()
    UNION ALL SELECT 'approval_age', '', '', '', coalesce(extract(epoch FROM now() - min(a.requested_at)), 0)::float8
        FROM policies_approval a WHERE a.status = 'pending' AND a.expires_at > now()
    UNION ALL SELECT 'breakers', '', '', '', count(*)::float8 FROM sandbox_breaker b WHERE b.state = 'open'
    UNION ALL SELECT 'issues', '', '', '', count(*)::float8 FROM sandbox_issue i WHERE i.closed_at IS NULL
    UNION ALL SELECT 'uncounted', '', '', '', count(*)::float8 FROM sandbox_uncounted
    UNION ALL SELECT 'behind', '', '', '', coalesce(extract(epoch FROM now() - min(u.noted_at)), 0)::float8
        FROM sandbox_uncounted u
    UNION ALL SELECT 'unsent', '', '', '', count(*)::float8 FROM sandbox_unsent
    UNION ALL SELECT 'ended', s.kind, s.mode, x.result, x.value FROM (
        SELECT coalesce(nullif(r.kind, ''), 'other') AS kind,
            CASE WHEN r.is_simulated THEN 'simulated' ELSE 'live' END AS mode,
            sum(r.good) AS good, sum(r.bad) AS bad, sum(r.callers) AS callers, sum(r.retries) AS retries
        FROM core_workspace w JOIN sandbox_rollup r ON r.workspace_id = w.id AND r.period = 'day'
            AND r.start = date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
        GROUP BY 1, 2) s,
        LATERAL (VALUES ('succeeded', s.good::float8), ('failed', s.bad::float8), ('callers', s.callers::float8),
            ('retried', s.retries::float8)) AS x (result, value)
$$;
CREATE FUNCTION sandbox_operator_latency() RETURNS TABLE (kind text, mode text, latency bytea[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(nullif(r.kind, ''), 'other'), CASE WHEN r.is_simulated THEN 'simulated' ELSE 'live' END,
        array_agg(r.latency)
    FROM core_workspace w JOIN sandbox_rollup r ON r.workspace_id = w.id AND r.period = 'hour'
        AND r.start >= date_trunc('hour', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '1 hour'
    GROUP BY 1, 2
$$;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION sandbox_workspaces_with_unsent() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_workspaces_with_unsent() TO {APP_ROLE};
REVOKE ALL ON FUNCTION sandbox_operator_figures() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_operator_figures() TO {APP_ROLE};
REVOKE ALL ON FUNCTION sandbox_operator_latency() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_operator_latency() TO {APP_ROLE};
"""
NOT_ACROSS = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION sandbox_workspaces_with_unsent();
DROP FUNCTION sandbox_operator_figures();
DROP FUNCTION sandbox_operator_latency();
RESET ROLE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0023_ways_to_people'),
        ('sandbox', '0022_some_of_many'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='trace_parent',
            field=models.CharField(blank=True, db_default='', default='', help_text="The caller's span, where it continues a trace.", max_length=16),
        ),
        migrations.CreateModel(
            name='Unsent',
            fields=[
                ('run_id', models.UUIDField(primary_key=True, serialize=False)),
                ('noted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'noted_at'], name='unsent_oldest')],
            },
        ),
        WorkspaceWall("Unsent"),
        migrations.RunSQL(ACROSS, NOT_ACROSS),
    ]
