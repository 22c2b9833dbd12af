"""Exports that a worker makes; how long values are kept, holds against that, and what may delete them; two indexes."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import KeepsHistory, WorkspaceWall

SIMULATED = """
CREATE INDEX core_auditevent_simulated ON core_auditevent (workspace_id, occurred_at DESC, id DESC) WHERE simulated
"""
# Which values a rule lets go: of sealed events that are old enough, that no rule with a longer prefix is for, that no
# hold covers, and that do not themselves tell of retention. The wall is in force as for whoever asks.
DUE = """
CREATE FUNCTION core_due_details(workspace uuid, rule_prefix text, keep_days integer)
RETURNS TABLE (event_id bigint, occurred_at timestamptz, place bigint, is_held boolean)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT d.event_id, d.occurred_at, l.position, EXISTS (
        SELECT 1 FROM core_legalhold h WHERE h.workspace_id = workspace AND h.released_at IS NULL
        AND starts_with(e.action, h.prefix) AND h.actor_id IN ('', e.actor_id) AND h.target_id IN ('', e.target_id)
        AND (h.since IS NULL OR e.occurred_at >= h.since) AND (h.until IS NULL OR e.occurred_at < h.until)
    )
    FROM core_auditevent e
    JOIN core_auditdetail d ON d.workspace_id = e.workspace_id AND d.event_id = e.id AND d.occurred_at = e.occurred_at
    JOIN core_auditleaf l ON l.workspace_id = e.workspace_id AND l.event_id = e.id
    WHERE e.workspace_id = workspace AND e.occurred_at < now() - make_interval(days => keep_days)
    AND e.action ~>=~ rule_prefix AND e.action ~<~ (rule_prefix || chr(1114111))
    AND NOT starts_with(e.action, 'retention.') AND NOT starts_with(e.action, 'legal_hold.')
    AND NOT EXISTS (
        SELECT 1 FROM core_retentionrule r WHERE r.workspace_id = workspace
        AND length(r.prefix) > length(rule_prefix) AND starts_with(e.action, r.prefix)
    )
$$;
"""
# The application may not delete values. This may, for it, and only what a stored rule lets go; the owner's rights end
# at the wall, so the workspace must be in scope.
PURGE = f"""
CREATE FUNCTION core_purge_details(rule uuid, most integer)
RETURNS TABLE (events bigint, first_place bigint, last_place bigint, first_at timestamptz, last_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held_to core_retentionrule;
BEGIN
    SELECT * INTO STRICT held_to FROM core_retentionrule WHERE id = rule;
    RETURN QUERY WITH due AS (
        SELECT d.event_id, d.occurred_at, d.place
        FROM core_due_details(held_to.workspace_id, held_to.prefix, held_to.keep_days) d
        WHERE NOT d.is_held ORDER BY d.place LIMIT least(most, 100000)
    ), gone AS (
        DELETE FROM core_auditdetail x USING due WHERE x.workspace_id = held_to.workspace_id
        AND x.event_id = due.event_id AND x.occurred_at = due.occurred_at RETURNING due.place, due.occurred_at
    )
    SELECT count(*), min(g.place), max(g.place), min(g.occurred_at), max(g.occurred_at) FROM gone g;
END $$;
REVOKE ALL ON FUNCTION core_purge_details(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_purge_details(uuid, integer) TO {APP_ROLE};
"""
# Ids across all workspaces, and nothing else: which exports nobody works on or keeps any longer, and which rules there are.
ACROSS = f"""
CREATE FUNCTION core_due_exports(at timestamptz) RETURNS TABLE (workspace_id uuid, export_id uuid, is_over boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT j.workspace_id, j.id, j.state = 'ready' FROM core_exportjob j
    WHERE (j.state = 'ready' AND j.expires_at <= at)
    OR (j.state IN ('queued', 'writing', 'checking')
        AND coalesce(j.lease_until, j.requested_at + interval '15 seconds') <= at)
    ORDER BY j.requested_at LIMIT 1000
$$;
CREATE FUNCTION core_retention_rules() RETURNS TABLE (workspace_id uuid, rule_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.workspace_id, r.id FROM core_retentionrule r ORDER BY r.workspace_id, r.prefix
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_due_exports(timestamptz) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION core_retention_rules() OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_due_exports(timestamptz), core_retention_rules() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_due_exports(timestamptz), core_retention_rules() TO {APP_ROLE};
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0015_news_that_waits'),
    ]

    operations = [
        migrations.CreateModel(
            name='ExportJob',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('writing', 'Writing'), ('checking', 'Checking'), ('ready', 'Ready'), ('failed', 'Failed'), ('stopped', 'Stopped'), ('expired', 'Deleted')], default='queued', max_length=8)),
                ('filters', models.JSONField(default=dict)),
                ('redacted', models.JSONField(default=list)),
                ('with_sheet', models.BooleanField(default=True)),
                ('size', models.BigIntegerField(null=True)),
                ('total', models.BigIntegerField(default=0)),
                ('done', models.BigIntegerField(default=0)),
                ('written', models.JSONField(default=dict)),
                ('attempt', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('report', models.JSONField(default=dict)),
                ('failure', models.CharField(blank=True, max_length=300)),
                ('bytes', models.BigIntegerField(default=0)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('requested_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-requested_at'],
                'indexes': [models.Index(fields=['workspace', '-requested_at'], name='exportjob_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state__in', ['queued', 'writing', 'checking'])), models.Q(models.Q(('state__in', ['queued', 'writing', 'checking']), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='exportjob_finished_iff_over'), models.CheckConstraint(condition=models.Q(('done__gte', 0), ('done__lte', models.F('total'))), name='exportjob_done_of_total')],
            },
        ),
        migrations.CreateModel(
            name='LegalHold',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(max_length=300)),
                ('prefix', models.CharField(blank=True, max_length=63)),
                ('actor_id', models.CharField(blank=True, max_length=64)),
                ('target_id', models.CharField(blank=True, max_length=64)),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('placed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('released_at', models.DateTimeField(null=True)),
                ('release_reason', models.CharField(blank=True, max_length=300)),
                ('placed_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('released_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-placed_at'],
                'indexes': [models.Index(fields=['workspace', '-placed_at'], name='legalhold_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('released_at', None), ('released_by', None)), models.Q(('released_at__isnull', False), ('released_by__isnull', False), models.Q(('release_reason', ''), _negated=True)), _connector='OR'), name='legalhold_released_iff_by_somebody'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='legalhold_has_a_reason')],
            },
        ),
        migrations.CreateModel(
            name='RetentionRule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('prefix', models.CharField(blank=True, max_length=63)),
                ('keep_days', models.PositiveIntegerField()),
                ('set_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('set_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['prefix'],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'prefix'), name='retentionrule_prefix_once'), models.CheckConstraint(condition=models.Q(('keep_days__gte', 1), ('keep_days__lte', 36500)), name='retentionrule_keeps_a_day')],
            },
        ),
        *(WorkspaceWall(name) for name in ("ExportJob", "LegalHold", "RetentionRule")),
        *(KeepsHistory(name) for name in ("LegalHold", "RetentionRule")),
        migrations.RunSQL(SIMULATED, "DROP INDEX core_auditevent_simulated"),
        migrations.RunSQL(DUE, "DROP FUNCTION core_due_details(uuid, text, integer)"),
        migrations.RunSQL(PURGE, "DROP FUNCTION core_purge_details(uuid, integer)"),
        migrations.RunSQL(
            ACROSS,
            f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION core_due_exports(timestamptz);"
            "DROP FUNCTION core_retention_rules(); RESET ROLE",
        ),
    ]
