"""Where writes went before, how a waiting call was tried, what has to be done with a call, and what may be asked again."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Ids alone: where inputs of calls that nobody said yes to are kept past their time.
KEPT = f"""
CREATE FUNCTION sandbox_workspaces_with_kept_inputs(at timestamptz) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT p.workspace_id FROM sandbox_runpayload p WHERE p.keep_until < at
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_workspaces_with_kept_inputs(timestamptz) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION sandbox_workspaces_with_kept_inputs(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_workspaces_with_kept_inputs(timestamptz) TO {APP_ROLE};
"""
NO_MORE = f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION sandbox_workspaces_with_kept_inputs(timestamptz); RESET ROLE"


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0012_rules_and_trail'),
        ('policies', '0005_rules_and_stages'),
        ('registry', '0009_no_time_of_writing'),
        ('sandbox', '0011_told_actions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Destination',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64)),
                ('first_seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_seen_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='Rehearsal',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('figures', models.JSONField(default=list)),
                ('records', models.JSONField(default=list)),
                ('note', models.CharField(blank=True, max_length=300)),
                ('records_note', models.CharField(blank=True, max_length=300)),
                ('has_failed', models.BooleanField(default=False)),
                ('tried_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField(
            model_name='run',
            name='instead_of',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='sandbox.run'),
        ),
        migrations.AddField(
            model_name='run',
            name='obligations',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='run',
            name='rehearses',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rehearsals', to='sandbox.run'),
        ),
        migrations.AddField(
            model_name='runpayload',
            name='keep_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('rehearses__isnull', False)), fields=['workspace', 'rehearses'], name='run_rehearsing'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('instead_of__isnull', False)), fields=['workspace', 'instead_of'], name='run_replacing'),
        ),
        migrations.AddIndex(
            model_name='runpayload',
            index=models.Index(condition=models.Q(('keep_until__isnull', False)), fields=['workspace', 'keep_until'], name='payload_kept'),
        ),
        migrations.AddField(
            model_name='destination',
            name='installation',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation'),
        ),
        migrations.AddField(
            model_name='destination',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='rehearsal',
            name='approval',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='policies.approval'),
        ),
        migrations.AddField(
            model_name='rehearsal',
            name='run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='sandbox.run'),
        ),
        migrations.AddField(
            model_name='rehearsal',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddConstraint(
            model_name='destination',
            constraint=models.UniqueConstraint(fields=('workspace', 'installation', 'digest'), name='destination_once'),
        ),
        migrations.AddConstraint(
            model_name='rehearsal',
            constraint=models.UniqueConstraint(fields=('workspace', 'approval'), name='rehearsal_once'),
        ),
        WorkspaceWall("Destination"),
        WorkspaceWall("Rehearsal"),
        SameWorkspace("Destination", "installation", to="registry.Installation"),
        SameWorkspace("Rehearsal", "approval", to="policies.Approval"),
        SameWorkspace("Rehearsal", "run", to="sandbox.Run"),
        SameWorkspace("Run", "rehearses", to="sandbox.Run"),
        SameWorkspace("Run", "instead_of", to="sandbox.Run"),
        migrations.RunSQL(KEPT, NO_MORE),
    ]
