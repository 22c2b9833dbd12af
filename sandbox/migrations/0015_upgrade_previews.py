"""Previews of upgrades that a worker does, and which of them nobody works on, over all workspaces."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Ids across all workspaces, and nothing else.
DUE = f"""
CREATE FUNCTION sandbox_due_previews(at timestamptz) RETURNS TABLE (workspace_id uuid, preview_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.workspace_id, p.id FROM sandbox_upgradepreview p
    WHERE p.state IN ('queued', 'replaying') AND coalesce(p.lease_until, p.asked_at + interval '15 seconds') <= at
    ORDER BY p.asked_at LIMIT 1000
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_due_previews(timestamptz) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION sandbox_due_previews(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_due_previews(timestamptz) TO {APP_ROLE};
"""
UNDO = f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION sandbox_due_previews(timestamptz); RESET ROLE"


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0021_on_flagged'),
        ('registry', '0017_holders_on_the_way'),
        ('sandbox', '0014_upgrade_reports'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='UpgradePreview',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('from_digest', models.CharField(max_length=64)),
                ('confirmed', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('replaying', 'Replaying'), ('done', 'Done'), ('failed', 'Failed'), ('stopped', 'Stopped')], default='queued', max_length=9)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('failure', models.CharField(blank=True, max_length=300)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('asked_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation')),
                ('report', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='sandbox.upgradereport')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-asked_at'],
                'indexes': [models.Index(fields=['workspace', 'installation', '-asked_at'], name='upgradepreview_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state__in', ['queued', 'replaying'])), models.Q(models.Q(('state__in', ['queued', 'replaying']), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='upgradepreview_finished_iff_over'), models.CheckConstraint(condition=models.Q(models.Q(('report__isnull', False), ('state', 'done')), models.Q(models.Q(('state', 'done'), _negated=True), ('report', None)), _connector='OR'), name='upgradepreview_report_iff_done'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), models.Q(('failure', ''), _negated=True)), models.Q(('state', 'failed'), _negated=True), _connector='OR'), name='upgradepreview_says_why'), models.CheckConstraint(condition=models.Q(models.Q(('lease_until__isnull', False), ('state', 'replaying')), models.Q(models.Q(('state', 'replaying'), _negated=True), ('lease_until', None)), _connector='OR'), name='upgradepreview_lease_iff_replaying'), models.CheckConstraint(condition=models.Q(('done__lte', models.F('total'))), name='upgradepreview_done_of_total'), models.UniqueConstraint(condition=models.Q(('state__in', ['queued', 'replaying'])), fields=('workspace', 'installation', 'version'), name='upgradepreview_one_at_a_time')],
            },
        ),
        WorkspaceWall("UpgradePreview"),
        SameWorkspace("UpgradePreview", "installation", "registry.Installation"),
        SameWorkspace("UpgradePreview", "report", "sandbox.UpgradeReport"),
        migrations.RunSQL(DUE, UNDO),
    ]
