"""Advice of the assistant, within the wall of its workspace; and which workspaces there is anything to look at in."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Ids of workspaces, and nothing else: where something is installed, and where advice is open or waits for its judgement.
ADVISED = f"""
CREATE FUNCTION marketplace_advised_workspaces() RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.workspace_id FROM registry_installation i WHERE i.removed_at IS NULL
    UNION SELECT a.workspace_id FROM marketplace_advice a
        WHERE a.state = 'open' OR (a.judge_at IS NOT NULL AND a.judged_at IS NULL)
    ORDER BY 1
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_advised_workspaces() OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION marketplace_advised_workspaces() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION marketplace_advised_workspaces() TO {APP_ROLE};
"""
NOT_ADVISED = f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION marketplace_advised_workspaces(); RESET ROLE"


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0021_on_flagged'),
        ('marketplace', '0024_tiers_of_their_own'),
        ('registry', '0023_shipped'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Advice',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('rule', models.CharField(max_length=32)),
                ('key', models.CharField(blank=True, max_length=200)),
                ('subject_kind', models.CharField(max_length=40)),
                ('subject_id', models.UUIDField()),
                ('needs', models.CharField(max_length=40)),
                ('severity', models.PositiveSmallIntegerField(choices=[(1, 'Worth knowing'), (2, 'Needs a look'), (3, 'Urgent')], default=1)),
                ('sentence', models.JSONField()),
                ('reasons', models.JSONField(default=list)),
                ('grounds', models.JSONField(default=list)),
                ('step', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('rephrased', models.CharField(blank=True, max_length=400)),
                ('state', models.CharField(choices=[('open', 'Open'), ('dismissed', 'Dismissed'), ('closed', 'No longer so')], default='open', max_length=9)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('renewed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('snoozed_until', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('acted_at', models.DateTimeField(blank=True, null=True)),
                ('made', models.UUIDField(blank=True, null=True)),
                ('measure', models.JSONField(default=dict)),
                ('after', models.JSONField(blank=True, null=True)),
                ('judge_at', models.DateTimeField(blank=True, null=True)),
                ('judged_at', models.DateTimeField(blank=True, null=True)),
                ('verdict', models.CharField(blank=True, choices=[('helped', 'Helped'), ('did_not', 'Did not help'), ('unknown', 'Cannot tell')], max_length=8)),
                ('acted_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('connection', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.connection')),
                ('ended_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-made_at'],
                'indexes': [models.Index(fields=['workspace', 'state', '-severity', '-made_at', 'id'], name='advice_newest'), models.Index(fields=['workspace', 'installation', 'state'], name='advice_by_installation'), models.Index(condition=models.Q(('made__isnull', False)), fields=['workspace', 'made'], name='advice_of_change'), models.Index(condition=models.Q(('judge_at__isnull', False), ('judged_at', None)), fields=['workspace', 'judge_at'], name='advice_to_judge')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('workspace', 'rule', 'subject_kind', 'subject_id', 'key'), name='advice_once_while_open'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='advice_ended_at_iff_over'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['acted', 'dismissed']), _negated=True), ('ended_by__isnull', False), _connector='OR'), name='advice_dismissed_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'dismissed'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='advice_dismissed_with_reason'), models.CheckConstraint(condition=models.Q(models.Q(('judged_at', None), ('verdict', '')), models.Q(('judged_at__isnull', False), models.Q(('verdict', ''), _negated=True)), _connector='OR'), name='advice_judged_with_verdict')],
            },
        ),
        WorkspaceWall("Advice"),
        SameWorkspace("Advice", "installation", to="registry.Installation"),
        SameWorkspace("Advice", "connection", to="registry.Connection"),
        migrations.RunSQL(ADVISED, NOT_ADVISED),
    ]
