"""Health: what each call counts as, when checks are due, and how versions fare across workspaces."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Across workspaces: counts, where at least three workspaces made them, and ids alone of what is then worked on within
# its own scope. The least number stands here and not in a caller, so that no caller can leave it out.
ACROSS = f"""
CREATE FUNCTION sandbox_version_figures(since timestamptz)
RETURNS TABLE (version_id uuid, action varchar, good bigint, bad bigint, workspaces bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.version_id, CASE WHEN grouping(r.target) = 1 THEN '' ELSE r.target END,
        count(*) FILTER (WHERE r.counts_as = 'good'), count(*) FILTER (WHERE r.counts_as = 'bad'),
        count(DISTINCT r.workspace_id)
    FROM sandbox_run r
    WHERE r.counts_as IN ('good', 'bad') AND r.created_at >= since
    GROUP BY GROUPING SETS ((r.version_id), (r.version_id, r.target))
    HAVING count(DISTINCT r.workspace_id) >= 3
$$;
CREATE FUNCTION sandbox_due_checks(at timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, connection_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.workspace_id, c.id FROM registry_connection c
    JOIN registry_installation i ON i.workspace_id = c.workspace_id AND i.id = c.installation_id
    JOIN registry_pin p ON p.workspace_id = i.workspace_id AND p.installation_id = i.id
    JOIN registry_version v ON v.id = p.version_id
    LEFT JOIN sandbox_checkschedule s ON s.workspace_id = c.workspace_id AND s.connection_id = c.id
    WHERE c.status = 'authenticated' AND i.removed_at IS NULL AND coalesce(s.next_at, at) <= at
        AND v.manifest #>> '{{health,action}}' IS NOT NULL
    ORDER BY coalesce(s.next_at, at), c.id LIMIT least(at_most, 1000)
$$;
CREATE FUNCTION sandbox_workspaces_with_old_checks(before timestamptz) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT h.workspace_id FROM sandbox_healthcheck h WHERE h.checked_at < before
$$;
CREATE FUNCTION sandbox_workspaces_of_versions(flagged uuid[]) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.workspace_id FROM registry_pin p WHERE p.version_id = ANY (flagged)
    UNION SELECT o.workspace_id FROM sandbox_issue o WHERE o.kind = 'version_failing' AND o.closed_at IS NULL
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_version_figures(timestamptz) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_due_checks(timestamptz, integer) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_workspaces_with_old_checks(timestamptz) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_workspaces_of_versions(uuid[]) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION sandbox_version_figures(timestamptz), sandbox_due_checks(timestamptz, integer),
    sandbox_workspaces_with_old_checks(timestamptz), sandbox_workspaces_of_versions(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_version_figures(timestamptz), sandbox_due_checks(timestamptz, integer),
    sandbox_workspaces_with_old_checks(timestamptz), sandbox_workspaces_of_versions(uuid[]) TO {APP_ROLE};
"""
NO_MORE = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION sandbox_workspaces_of_versions(uuid[]);
DROP FUNCTION sandbox_workspaces_with_old_checks(timestamptz);
DROP FUNCTION sandbox_due_checks(timestamptz, integer);
DROP FUNCTION sandbox_version_figures(timestamptz);
RESET ROLE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0011_more_permissions'),
        ('policies', '0004_expiring_approvals'),
        ('registry', '0005_connections'),
        ('sandbox', '0007_turns'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CheckSchedule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('next_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('hindrance', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name='VersionFigure',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('action', models.CharField(blank=True, max_length=160)),
                ('good', models.PositiveBigIntegerField()),
                ('bad', models.PositiveBigIntegerField()),
                ('workspaces', models.PositiveIntegerField()),
                ('before_good', models.PositiveBigIntegerField(default=0)),
                ('before_bad', models.PositiveBigIntegerField(default=0)),
                ('is_flagged', models.BooleanField(default=False)),
                ('counted_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': [models.OrderBy(models.F('good'), descending=True), 'action'],
            },
        ),
        migrations.AddField(
            model_name='run',
            name='is_check',
            field=models.BooleanField(default=False, help_text="A trial of the connection's health."),
        ),
        migrations.AddField(
            model_name='run',
            name='counts_as',
            field=models.GeneratedField(db_persist=True, expression=models.Case(models.When(models.Q(models.Q(('mode', 'live'), _negated=True), models.Q(('kind', 'action'), _negated=True), ('is_check', True), _connector='OR'), then=models.Value('')), models.When(state='succeeded', then=models.Value('good')), models.When(state='cancelled', then=models.Value('caller')), models.When(models.Q(('state__in', ['failed', 'unknown']), _negated=True), then=models.Value('')), models.When(models.Q(('error_category', 'validation'), ('error__error_code__in', ['output_mismatch', 'output_not_plain'])), then=models.Value('bad')), models.When(error_category__in=['validation', 'not_found', 'policy_block'], then=models.Value('caller')), models.When(models.Q(('error_category__in', ['rate_limit', 'quota']), ('error__status', None)), then=models.Value('caller')), default=models.Value('bad'), output_field=models.CharField(max_length=8)), output_field=models.CharField(max_length=8)),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('counts_as', ''), _negated=True), fields=['workspace', 'installation', '-created_at'], include=('connection', 'version', 'target', 'counts_as', 'error_category', 'started_at', 'finished_at'), name='run_counted'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('is_check', True), ('state__in', ['queued', 'waiting', 'running'])), fields=('workspace', 'connection'), name='run_one_check_at_a_time'),
        ),
        migrations.AddField(
            model_name='checkschedule',
            name='connection',
            field=models.OneToOneField(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='check_schedule', to='registry.connection'),
        ),
        migrations.AddField(
            model_name='checkschedule',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='versionfigure',
            name='before',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version'),
        ),
        migrations.AddField(
            model_name='versionfigure',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='figures', to='registry.version'),
        ),
        migrations.AddIndex(
            model_name='checkschedule',
            index=models.Index(fields=['workspace', 'next_at'], name='checkschedule_due'),
        ),
        migrations.AddIndex(
            model_name='versionfigure',
            index=models.Index(condition=models.Q(('is_flagged', True)), fields=['version'], name='versionfigure_flagged'),
        ),
        migrations.AddConstraint(
            model_name='versionfigure',
            constraint=models.UniqueConstraint(fields=('version', 'action'), name='versionfigure_once'),
        ),
        WorkspaceWall("CheckSchedule"),
        SameWorkspace("CheckSchedule", "connection", to="registry.Connection"),
        migrations.RunSQL(ACROSS, NO_MORE),
    ]
