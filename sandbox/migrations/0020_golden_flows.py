"""Golden flows, their nights, and which workspaces have packs to play."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Ids alone: each workspace is then looked at within its own scope.
WITH_PACKS = f"""
CREATE FUNCTION sandbox_workspaces_with_packs() RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT i.workspace_id FROM registry_installation i JOIN registry_extension e ON e.id = i.extension_id
    WHERE i.removed_at IS NULL AND e.kind = 'pack'
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_workspaces_with_packs() OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION sandbox_workspaces_with_packs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_workspaces_with_packs() TO {APP_ROLE};
"""
UNDO = f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION sandbox_workspaces_with_packs(); RESET ROLE"


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0023_ways_to_people'),
        ('registry', '0023_shipped'),
        ('sandbox', '0019_keeping_deliveries'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='issue',
            name='kind',
            field=models.CharField(choices=[('breaker_open', 'Calls are held back'), ('retries_exhausted', 'Calls fail after every retry'), ('connection_exhausted', 'The connection has to be renewed'), ('health_failing', 'Health checks fail'), ('version_failing', 'This version fails more than others'), ('golden_failing', 'The golden flow is not as accepted'), ('trigger_paused', 'The trigger was switched off'), ('trigger_silent', 'Nothing comes in at the webhook')], max_length=24),
        ),
        migrations.CreateModel(
            name='GoldenFlow',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('is_marked', models.BooleanField(default=False)),
                ('recording', models.JSONField(default=dict)),
                ('versions', models.JSONField(default=dict, help_text='Of the accepted recording, by side: {slug: number}.')),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('accepted_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.OneToOneField(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='golden_flow', to='registry.installation')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='GoldenNight',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('night', models.DateField(blank=True, null=True)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('playing', 'Playing'), ('done', 'Done'), ('failed', 'Failed')], default='queued', max_length=7)),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('content', models.JSONField(default=dict)),
                ('pinned', models.PositiveIntegerField(default=0)),
                ('newest', models.PositiveIntegerField(default=0)),
                ('is_first', models.BooleanField(default=False)),
                ('failure', models.CharField(blank=True, max_length=300)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('asked_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('flow', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='nights', to='sandbox.goldenflow')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-asked_at'],
            },
        ),
        migrations.AddConstraint(
            model_name='goldenflow',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('accepted_at', None), ('recording', {})), models.Q(models.Q(('recording', {}), _negated=True), ('accepted_at__isnull', False)), _connector='OR'), name='goldenflow_accepted_iff_recorded'),
        ),
        migrations.AddIndex(
            model_name='goldennight',
            index=models.Index(fields=['workspace', 'flow', '-asked_at'], name='goldennight_newest'),
        ),
        migrations.AddConstraint(
            model_name='goldennight',
            constraint=models.UniqueConstraint(condition=models.Q(('night__isnull', False)), fields=('workspace', 'flow', 'night'), name='goldennight_once'),
        ),
        migrations.AddConstraint(
            model_name='goldennight',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state__in', ['queued', 'playing'])), models.Q(models.Q(('state__in', ['queued', 'playing']), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='goldennight_finished_iff_over'),
        ),
        migrations.AddConstraint(
            model_name='goldennight',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('failure', ''), _negated=True), _connector='OR'), name='goldennight_says_why'),
        ),
        WorkspaceWall("GoldenFlow"),
        WorkspaceWall("GoldenNight"),
        SameWorkspace("GoldenFlow", "installation", "registry.Installation"),
        SameWorkspace("GoldenNight", "flow", "sandbox.GoldenFlow"),
        migrations.RunSQL(WITH_PACKS, UNDO),
    ]
